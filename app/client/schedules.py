"""The schedules of a service, by its store and by HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from app.client import Job
from app.client.texts import read_texts
from app.client.wire import Wire
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.errors import Precondition, Unknown, UnknownOperation
from app.room.schedule import Plan
from app.room.schema.text import read_text

Schedule = dict[str, Any]
"""As GET /v1/schedules/{name} shows it."""

PLAN = ("operation", "params", "cron", "every", "tz", "enabled", "catch_up")
PAGE = 200
TRIES = 10  # of a pause, of what others change


@dataclass(frozen=True)
class Wanted:
    """A schedule that is asked for; `texts` are parameters that are read as the schema's types."""

    name: str
    plan: Plan
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Schedules(Protocol):
    """What commands ask of schedules. All of it raises `Problem`, and `Unreachable`."""

    def list(self) -> Sequence[Schedule]:
        """All, by name."""

    def get(self, name: str) -> Schedule:
        """The schedule as it is now."""

    def put(self, wanted: Wanted, *, preview: bool = False) -> Schedule:
        """Made, or with another plan; `preview` only shows what that would come to."""

    def enable(self, name: str, enabled: bool) -> Schedule:
        """Paused, or going on."""

    def run(self, name: str) -> Job:
        """A job of it, now."""

    def delete(self, name: str) -> None:
        """It comes due no more."""


class LocalSchedules:
    """By the store; `written` is called when something may have been."""

    def __init__(self, room: Room, source: str, written: Callable[[], None]) -> None:
        self._room, self._calendar, self._source = room, room.calendar, source
        self._written = written

    def list(self) -> Sequence[Schedule]:
        found: list[Schedule] = []
        cursor: str | None = None
        while True:
            page = self._calendar.list(LOCAL, cursor=cursor, limit=PAGE)
            found += [self._calendar.view(record) for record in page.items]
            if (cursor := page.next) is None:
                return found

    def get(self, name: str) -> Schedule:
        return self._calendar.view(self._calendar.get(name, LOCAL))

    def put(self, wanted: Wanted, *, preview: bool = False) -> Schedule:
        declared = self._room.registry.get(wanted.plan.operation)
        read = read_text(declared.params.schema, wanted.texts)
        plan = replace(wanted.plan, params={**wanted.plan.params, **read})
        if preview:
            return self._calendar.view(
                self._calendar.preview(wanted.name, plan, LOCAL, self._source)
            )
        made, _ = self._calendar.put(wanted.name, plan, LOCAL, self._source)
        self._written()
        return self._calendar.view(made)

    def enable(self, name: str, enabled: bool) -> Schedule:
        record = self._calendar.enable(name, enabled, LOCAL, self._source)
        return self._calendar.view(record)

    def run(self, name: str) -> Job:
        return self._room.view(self._calendar.run(name, LOCAL, self._source))

    def delete(self, name: str) -> None:
        self._calendar.delete(name, LOCAL)


class RemoteSchedules:
    """By HTTP."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def list(self) -> Sequence[Schedule]:
        found: list[Schedule] = []
        cursor: str | None = None
        while True:
            query = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._wire.ask("GET", f"/v1/schedules?{urlencode(query)}").value
            found += page["items"]
            if (cursor := page["next"]) is None:
                return found

    def get(self, name: str) -> Schedule:
        schedule: Schedule = self._wire.ask("GET", _path(name)).value
        return schedule

    def put(self, wanted: Wanted, *, preview: bool = False) -> Schedule:
        plan = wanted.plan
        try:
            path = f"/v1/operations/{quote(plan.operation, safe='')}"
            shown = self._wire.ask("GET", path).value
        except Unknown as problem:
            raise UnknownOperation(problem.detail) from None
        read = read_texts(shown["params"], wanted.texts)
        asked = {name: getattr(plan, name) for name in PLAN} | {"params": {**plan.params, **read}}
        given = {name: each for name, each in asked.items() if each is not None}
        where = _path(wanted.name) + ("?preview=true" if preview else "")
        schedule: Schedule = self._wire.ask("PUT", where, given).value
        return schedule

    def enable(self, name: str, enabled: bool) -> Schedule:
        for _ in range(TRIES):
            seen = self._wire.ask("GET", _path(name))
            plan = {each: seen.value[each] for each in PLAN} | {"enabled": enabled}
            try:
                reply = self._wire.ask("PUT", _path(name), plan, headers={"If-Match": seen.tag})
            except Precondition:
                continue
            schedule: Schedule = reply.value
            return schedule
        raise Precondition()

    def run(self, name: str) -> Job:
        job: Job = self._wire.ask("POST", f"{_path(name)}/run").value
        return job

    def delete(self, name: str) -> None:
        self._wire.ask("DELETE", _path(name))


def _path(name: str) -> str:
    return f"/v1/schedules/{quote(name, safe='')}"
