"""What a message asks for, whichever queue, topic or stream brought it.

`{"job": id}` is a hint that a job is due; what SNS or S3 wrote to a queue is unwrapped; of all else
the room tells which jobs it asks for.
"""

from dataclasses import replace
from typing import Any

from app.room.errors import Problem
from app.room.message import Message, calls, is_cloud_event, read
from app.room.operation import Registry
from handlers import upload
from handlers.ask import Arrived, Ask, Make, Several, Unreadable, What, Work
from handlers.shape import checked, exactly, shaped

ENVELOPE = shaped(
    {"Type": exactly("Notification"), "MessageId": str, "TopicArn": str, "Message": str}
)
UPLOAD = (Arrived, Make, Unreadable)


def ask(message: Message, registry: Registry, *, id: str = "", line: str | None = None) -> Ask:
    """`id`: by which the platform knows it, if that is another."""
    source = f"{message.door}:{message.name}"
    return Ask(asked(message, registry), id or message.id, message.raw, source, line)


def trace_of(attributes: Any, member: str) -> str | None:
    """The traceparent among a message's attributes, which its sender may have given."""
    given = attributes.get("traceparent") if isinstance(attributes, dict) else None
    text = given.get(member) if isinstance(given, dict) else None
    return text if isinstance(text, str) else None


def asked(message: Message, registry: Registry) -> What:
    try:
        value = read(message)
        if ENVELOPE(value):  # a queue that a topic writes to
            inner = replace(message, raw=encoded(value["Message"]), id=value["MessageId"])
            return _of(read(inner), inner, registry)
        return _of(value, message, registry)
    except Problem as problem:
        return Unreadable(problem)


def told(value: Any, message: Message, registry: Registry) -> What:
    """The same, of a value that the platform has read already."""
    try:
        return _of(checked(value), message, registry)
    except Problem as problem:
        return Unreadable(problem)


def encoded(text: str) -> bytes:
    """Of half a character too, which the strict reader then refuses."""
    return text.encode(errors="surrogatepass")


def _of(value: Any, message: Message, registry: Registry) -> What:
    if isinstance(value, dict) and set(value) == {"job"} and isinstance(value["job"], str):
        return Work(value["job"])
    if isinstance(value, dict) and upload.knows(value) and not is_cloud_event(value):
        found = [each.what for each in upload.asks(value, registry)]  # what a bucket wrote
        return Several(tuple(each for each in found if isinstance(each, UPLOAD)))
    return Make(calls(value, message, registry))
