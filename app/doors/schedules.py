"""What callers ask of schedules, whichever door they came through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.doors.jobs import Limit
from app.ports import Body, Record
from app.room.calendar import Calendar, Expected, whatever
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.schedule import Plan
from app.room.schema.hints import fields_of
from app.room.schema.params import Params

CatchUp = Literal["none", "one", "all"]


@dataclass(frozen=True)
class Schedules:
    """The schedules of a room, for one caller. `prefix` stands before the links of jobs."""

    room: Room
    caller: Caller = LOCAL
    prefix: str = ""
    source: str = "python"
    request_id: str = ""

    @property
    def calendar(self) -> Calendar:
        return self.room.calendar

    def list(self, cursor: str | None = None, limit: Limit = 50) -> Body:
        """List the schedules, by name, each with its next five due times."""
        page = self.calendar.list(self.caller, cursor=cursor, limit=limit)
        return {"items": [self.view(record) for record in page.items], "next": page.next}

    def get(self, name: str) -> Body:
        """Tell of a schedule."""
        return self.view(self.calendar.get(name, self.caller))

    def put(
        self,
        name: str,
        operation: str,
        params: dict[str, Any] | None = None,
        cron: str | None = None,
        every: str | float | None = None,
        tz: str | None = None,
        enabled: bool = True,
        catch_up: CatchUp = "one",
        preview: bool = False,
    ) -> Body:
        """Make a schedule, or put another plan in its place.

        It comes due by a `cron` line, in the zone `tz`, or after `every` interval; `catch_up` says
        what is made up for of due times that were missed. With `preview` nothing is written: the
        answer shows when it would come due.
        """
        plan = Plan(operation, params or {}, cron, every, tz, enabled, catch_up)
        if preview:
            return self.view(self.planned(name, plan))
        return self.view(self.calendar.put(name, plan, self.caller, self.source)[0])

    def delete(self, name: str) -> None:
        """Delete a schedule. Jobs that it has made stay."""
        self.calendar.delete(name, self.caller)

    def run(self, name: str) -> Body:
        """Make a job of a schedule now, beside those of its due times."""
        return self.room.view(self.ran(name), self.prefix)

    def ran(self, name: str, key: str | None = None) -> Record:
        return self.calendar.run(
            name, self.caller, self.source, key=key, request_id=self.request_id
        )

    def planned(self, name: str, plan: Plan, expected: Expected = whatever) -> Record:
        """What putting it would write."""
        return self.calendar.preview(name, plan, self.caller, self.source, expected)

    def view(self, record: Record) -> Body:
        return self.calendar.view(record)


# What each takes, read of the signatures above.
_UNBOUND = Schedules(None)  # type: ignore[arg-type]
LIST, GET, PUT, DELETE, RUN = (
    Params.of(fields_of(method, name=f"schedules.{method.__name__}"))
    for method in (_UNBOUND.list, _UNBOUND.get, _UNBOUND.put, _UNBOUND.delete, _UNBOUND.run)
)

METHODS: Mapping[str, tuple[Callable[..., Any], Params]] = {
    "schedules.list": (Schedules.list, LIST),
    "schedules.get": (Schedules.get, GET),
    "schedules.put": (Schedules.put, PUT),
    "schedules.delete": (Schedules.delete, DELETE),
    "schedules.run": (Schedules.run, RUN),
}
"""What a protocol of methods can ask of schedules, and what each takes."""
