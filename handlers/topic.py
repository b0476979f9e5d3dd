"""SNS: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""

from typing import Any

from app.room.message import Message, takers
from app.room.operation import Registry
from app.room.trigger import Topic
from handlers.ask import Ask, Came, check_done
from handlers.message import ask, encoded, trace_of
from handlers.shape import exactly, last_name, name, shaped

SNS = {"MessageId": name, "Message": str, "TopicArn": name}
EVENT = shaped({"Records": [{"EventSource": exactly("aws:sns"), "Sns": SNS}]})


def knows(event: Any) -> bool:
    return EVENT(event)


def asks(event: Any, registry: Registry) -> list[Ask]:
    return [_ask(record["Sns"], registry) for record in event["Records"]]


def answer(event: Any, came: list[Came]) -> None:
    check_done(came)


def _ask(sns: Any, registry: Registry) -> Ask:
    topic = last_name(sns["TopicArn"])
    found = takers(registry, Topic, topic, topic.removesuffix(".fifo"))
    message = Message(encoded(sns["Message"]), sns["MessageId"], "topic", topic, found)
    trace = trace_of(sns.get("MessageAttributes"), "Value")
    return ask(message, registry)._replace(trace=trace)
