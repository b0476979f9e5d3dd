"""What a message asks for, whichever queue or topic it came to.

`{"operation", "params", "key"?}`, or a CloudEvent whose type is an operation, asks for a job of it;
anything else is for those who take what comes from there. A name in a message means a registered
operation, or nothing.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, replace
from typing import Any

from app.room import happenings
from app.room.call import Call
from app.room.errors import Malformed, Unknown
from app.room.operation import Operation, Registry
from app.room.strict_json import check_text, read_json
from app.room.trigger import Named

FIFO = ".fifo"
LONGEST_KEY = 255
OWN = {"operation", "params", "key"}
MESSAGE = "message"  # the parameter that gets a whole message, whatever that is
CLOUD_EVENT = ("specversion", "id", "source", "type")


@dataclass(frozen=True)
class Message:
    """`name`: of what brought it; `id`: once for each message, however often it comes."""

    raw: bytes
    id: str
    door: str
    name: str
    takers: tuple[Operation, ...] = ()


def takers(registry: Registry, kind: type[Named], *names: str) -> tuple[Operation, ...]:
    """The operations that are started by what comes from there."""
    return tuple(
        operation
        for operation in registry
        if any(isinstance(each, kind) and each.name in names for each in operation.triggers)
    )


def calls(value: Any, message: Message, registry: Registry) -> tuple[Call, ...]:
    """One for each job that it asks for. Raises `Unknown` where nobody takes it."""
    if isinstance(value, dict) and "operation" in value and set(value) <= OWN:
        named = value["operation"]
        if not message.takers or (isinstance(named, str) and named in registry):
            return (_own(value, message),)
    elif is_cloud_event(value):
        return _of_cloud_event(value, message, registry)
    return _for_takers(value, message)


def is_cloud_event(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(n), str) for n in CLOUD_EVENT)


def params_of(operation: Operation, value: Any) -> dict[str, Any]:
    """An object's members are the parameters; a parameter called `message` gets what is no such
    object."""
    names = operation.params.names
    if isinstance(value, dict) and (MESSAGE not in names or set(value) <= set(names)):
        return value
    return {MESSAGE: value}


def call(operation: str, params: Any, key: str, message: Message) -> Call:
    return Call(
        operation=operation,
        params=params,
        source=message.door,
        request_id=message.id,
        key=key,
        asynchronous=True,
    )


def read(message: Message) -> Any:
    """JSON; for those who take messages from there, plain text too."""
    try:
        return read_json(message.raw)
    except Malformed:
        if not message.takers:
            raise
    return _text(message.raw)


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("It is neither JSON nor text in UTF-8.") from None
    check_text(text)
    return text


def _own(value: dict[str, Any], message: Message) -> Call:
    name, params, key = value["operation"], value.get("params", {}), value.get("key", message.id)
    if not isinstance(name, str) or not isinstance(params, dict):
        raise Malformed('A message for an operation is {"operation": name, "params": {…}}.')
    if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
        raise Malformed(f"A key is text of 1 to {LONGEST_KEY} characters.")
    return call(name, params, key, message)


def _of_cloud_event(
    value: dict[str, Any], message: Message, registry: Registry
) -> tuple[Call, ...]:
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md"""
    data = _data(value)
    if value["source"] == happenings.SOURCE:
        message = replace(message, door=happenings.DOOR)  # whichever way it took
    if value["type"] in registry:
        named = registry.get(value["type"])
        given = params_of(named, {} if data is None else data)
        return (call(named.name, given, f"{value['source']} {value['id']}", message),)
    if not message.takers:
        raise Unknown(f"No operation takes events of the type {value['type']!r}.")
    return _for_takers(data, message)


def _data(value: dict[str, Any]) -> Any:
    if "data_base64" not in value:
        return value.get("data")
    try:
        content = b64decode(value["data_base64"], validate=True)
    except (NotBase64, TypeError, ValueError):
        raise Malformed("data_base64 is not base64.") from None
    form = str(value.get("datacontenttype", "application/json")).partition(";")[0]
    return read_json(content) if form.endswith("json") else _text(content)


def _for_takers(value: Any, message: Message) -> tuple[Call, ...]:
    if not message.takers:
        raise Unknown(f"No operation takes what comes from the {message.door} {message.name!r}.")
    return tuple(
        call(each.name, params_of(each, value), message.id, message) for each in message.takers
    )
