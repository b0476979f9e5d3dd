"""What happened, told to those who asked for it: `job.succeeded`, `job.failed`, `job.cancelled`.

Told after the commit that ends a job: should the process die between the two, nobody hears of it.
Who must not miss an ending asks for a callback, which is part of that commit.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.ports import Event, Ports, Record
from app.room.acceptance import Acceptance, Submission
from app.room.call import LOCAL
from app.room.callback import DELIVER
from app.room.errors import Problem
from app.room.job import TERMINAL
from app.room.operation import Operation, Registry, chosen
from app.room.trigger import Topic

SOURCE = "/v1/jobs"
DOOR = "topic"  # the source of jobs that an event started

log = logging.getLogger("manydoors.jobs")


class Happenings:
    """Of one service."""

    def __init__(self, registry: Registry, ports: Ports, acceptance: Acceptance) -> None:
        self._registry, self._ports, self._acceptance = registry, ports, acceptance

    def tell(self, written: Sequence[Record]) -> None:
        """Starts each operation that is `on=[Topic("job.failed")]`, and publishes; costs nothing
        where nobody listens.

        Of a job's children nothing is told, they are part of it; nor of a job that an event
        started, so that no circle comes of it; nor of a callback's delivery, which tells itself.
        """
        takers = [each for each in self._registry if _topics(each)]
        if not takers and not self._ports.topic.heard:
            return
        ended = [record for record in written if record.label in TERMINAL and _is_told(record)]
        events = [event_of(record) for record in ended]
        for event in events:
            for taker in takers:
                if event["type"] in _topics(taker):
                    self._start(taker, event)
        if events and self._ports.topic.heard:
            self._ports.topic.publish(*events)

    def _start(self, taker: Operation, event: Event) -> None:
        params = chosen(taker, event["data"])
        try:
            taker.params.load(params)
            made = Submission(taker.name, params, key=event["id"], source=DOOR)
            self._acceptance.accept([made], LOCAL)
        except Exception as error:  # noqa: BLE001 - its schema and its key are the taker's own
            why = error.detail if isinstance(error, Problem) else repr(error)
            log.warning("%s does not hear of %s: %s", taker.name, event["id"], why)


def event_of(record: Record) -> Event:
    """A CloudEvent: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md"""
    body = record.body
    data: dict[str, Any] = {
        "job": record.id,
        "operation": body["operation"],
        "status": record.label,
        "owner": record.owner,
    }
    if body.get("error"):
        data["error"] = {name: body["error"][name] for name in ("kind", "detail")}
    return {
        "specversion": "1.0",
        "id": f"{record.id}.{record.label}",
        "source": SOURCE,
        "type": f"job.{record.label}",
        "subject": record.id,
        "time": datetime.fromtimestamp(body["finished"], UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }


def _topics(operation: Operation) -> set[str]:
    return {each.name for each in operation.triggers if isinstance(each, Topic)}


def _is_told(record: Record) -> bool:
    body = record.body
    if body["operation"] == DELIVER:
        return False
    return "parent" not in body and body.get("source") != DOOR
