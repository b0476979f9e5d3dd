"""EventBridge: the tick of each minute, and events of one's own.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
"""

from typing import Any

from app.room.message import Message
from app.room.operation import Registry
from handlers.ask import Ask, Came, Tick, Work, check_done
from handlers.message import told
from handlers.shape import exactly, name, raw_of, shaped

EVENT = shaped({"version": exactly("0"), "id": name, "detail-type": str, "source": str})
CLOCKS = ("aws.events", "aws.scheduler")
TICK = "Scheduled Event"


def knows(event: Any) -> bool:
    return EVENT(event) and "detail" in event


def asks(event: Any, registry: Registry) -> list[Ask]:
    source = f"schedule:{event['source']}"
    if event["detail-type"] == TICK and event["source"] in CLOCKS:
        return [Ask(what, event["id"], source=source) for what in (Tick(), Work())]
    as_cloud_event = {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["source"],
        "type": event["detail-type"],
        "data": event["detail"],
    }
    message = Message(raw_of(event), event["id"], "schedule", event["source"])
    what = told(as_cloud_event, message, registry)
    return [Ask(what, event["id"], message.raw, source)]


def answer(event: Any, came: list[Came]) -> None:
    check_done(came)
