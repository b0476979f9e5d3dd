"""SQS: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""

from typing import Any

from app.room.message import FIFO, Message, takers
from app.room.operation import Registry
from app.room.trigger import Queue
from handlers.ask import Ask, Came, failures
from handlers.message import ask, encoded, trace_of
from handlers.shape import last_name, name, records

EVENT = records("aws:sqs", messageId=name, body=str, eventSourceARN=name, attributes=dict | None)


def knows(event: Any) -> bool:
    return EVENT(event)


def asks(event: Any, registry: Registry) -> list[Ask]:
    return [_ask(record, registry) for record in event["Records"]]


def answer(event: Any, came: list[Came]) -> Any:
    return failures(came)


def _ask(record: Any, registry: Registry) -> Ask:
    queue = last_name(record["eventSourceARN"])
    message = Message(
        raw=encoded(record["body"]),
        id=record["messageId"],
        door="queue",
        name=queue,
        takers=takers(registry, Queue, queue, queue.removesuffix(FIFO)),
    )
    group = str((record.get("attributes") or {}).get("MessageGroupId", ""))
    line = f"{queue} {group}" if queue.endswith(FIFO) else None
    made = ask(message, registry, id=record["messageId"], line=line)
    return made._replace(trace=trace_of(record.get("messageAttributes"), "stringValue"))
