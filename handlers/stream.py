"""DynamoDB and Kinesis: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html

A shard is one line: behind the first change that was not done none is begun, and Lambda goes on
there, with as small a batch as it likes, until the stream forgets the change. So one that only a
bug keeps from its job is put aside in time.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from typing import Any

from app.room.change import Change
from app.room.errors import Malformed, Problem, Unknown
from app.room.message import Message, call, takers
from app.room.operation import Registry, chosen
from app.room.strict_json import MAX_DIGITS
from app.room.trigger import Stream
from handlers.ask import Ask, Came, Make, Unreadable, What, failures
from handlers.message import ask
from handlers.shape import checked, name, optional, raw_of, records

SHARD = "shard"
IMAGE = optional(dict)
TIME = int | float | None
CHANGE = {
    "SequenceNumber": name,
    "Keys": IMAGE,
    "NewImage": IMAGE,
    "OldImage": IMAGE,
    "ApproximateCreationDateTime": TIME,
}
DATUM = {"sequenceNumber": name, "data": str, "approximateArrivalTimestamp": TIME}
DYNAMODB = records("aws:dynamodb", eventSourceARN=name, eventName=str, dynamodb=CHANGE)
KINESIS = records("aws:kinesis", eventSourceARN=name, kinesis=DATUM)


def knows(event: Any) -> bool:
    return DYNAMODB(event) or KINESIS(event)


def asks(event: Any, registry: Registry) -> list[Ask]:
    is_table = "dynamodb" in event["Records"][0]
    read = _change if is_table else _datum
    return [read(record, registry) for record in event["Records"]]


def answer(event: Any, came: list[Came]) -> Any:
    """Only the first counts for Lambda, which takes the lowest of what it is told."""
    undone = [each for each in came if not each.done]
    return failures(undone[:1])


def _change(record: Any, registry: Registry) -> Ask:
    change, arn = record["dynamodb"], record["eventSourceARN"]
    table = arn.partition(":table/")[2].partition("/")[0]
    found = takers(registry, Stream, table)
    message = Message(raw_of(record), f"{arn} {change['SequenceNumber']}", "stream", table, found)
    what = _row(record, message)
    since = change.get("ApproximateCreationDateTime")
    return Ask(what, change["SequenceNumber"], message.raw, f"stream:{table}", SHARD, since)


def _row(record: Any, message: Message) -> What:
    change = record["dynamodb"]
    try:
        told = Change(
            event=record["eventName"].lower(),
            table=message.name,
            keys=_plain_row(change.get("Keys")),
            new=_plain_row(change.get("NewImage")),
            old=_plain_row(change.get("OldImage")),
            sequence=change["SequenceNumber"],
        )
        facts = checked(vars(told))
        if not message.takers:
            raise Unknown(f"No operation takes changes of {message.name!r}.")
    except RecursionError:  # DynamoDB itself keeps no more than 32 levels
        return Unreadable(Malformed("It is nested too deep."))
    except Problem as problem:
        return Unreadable(problem)
    calls = [call(each.name, chosen(each, facts), message.id, message) for each in message.takers]
    return Make(tuple(calls))


def _datum(record: Any, registry: Registry) -> Ask:
    # A consumer with a throughput of its own has its name, and when it was made, behind that.
    stream = record["eventSourceARN"].partition(":stream/")[2].partition("/")[0]
    sequence, data = record["kinesis"]["sequenceNumber"], record["kinesis"]["data"]
    id = f"{record['eventSourceARN']} {sequence}"
    try:
        raw = b64decode(data, validate=True)
    except (NotBase64, ValueError):
        why = Unreadable(Malformed("The data is not base64."))
        return Ask(why, sequence, raw_of(record), f"stream:{stream}", SHARD)
    message = Message(raw, id, "stream", stream, takers(registry, Stream, stream))
    asked = ask(message, registry, id=sequence, line=SHARD)
    return asked._replace(since=record["kinesis"].get("approximateArrivalTimestamp"))


def _plain_row(row: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if row is None else {column: plain(value) for column, value in row.items()}


def plain(value: Any) -> Any:
    """DynamoDB's `{"S": "a"}` as JSON says it; bytes stay base64."""
    if isinstance(value, dict) and len(value) == 1:
        ((kind, inner),) = value.items()
        read = _PLAIN.get(kind)
        if read is not None:
            return read(inner)
    raise Malformed("A value has no type that DynamoDB knows.")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Malformed("A text of DynamoDB's is none.")
    return value


def _number(value: Any) -> int | float:
    try:
        text = _text(value)
        is_whole = text.lstrip("-").isdigit() and len(text.lstrip("-")) <= MAX_DIGITS
        return int(text) if is_whole else float(text)
    except ValueError:
        raise Malformed("A number of DynamoDB's is none.") from None


def _list(value: Any, read: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed("A list of DynamoDB's is none.")
    return [read(each) for each in value]


def _map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("A map of DynamoDB's is none.")
    return {member: plain(each) for member, each in value.items()}


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "S": _text,
    "B": _text,
    "N": _number,
    "BOOL": bool,
    "NULL": lambda value: None,
    "L": lambda value: _list(value, plain),
    "M": _map,
    "SS": lambda value: _list(value, _text),
    "BS": lambda value: _list(value, _text),
    "NS": lambda value: _list(value, _number),
}
