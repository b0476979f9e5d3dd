"""The schedules as a page: when each comes due, and what a person may do to one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from flask import Response, url_for

from app.doors.console.page import page, posted, seen_at
from app.doors.console.span import ahead, moment
from app.doors.flask_forms import asked
from app.doors.http import STATUS
from app.doors.schedules import Schedules
from app.ports import Record
from app.room.enter import Room
from app.room.errors import Problem
from app.room.schedule import CODE, plan_of, to_come
from app.room.standing import is_declared

LIMIT = 50  # schedules on a page


@dataclass(frozen=True)
class Due:
    """One due time: on the wall of its zone, for machines, and how far away it is."""

    wall: str
    utc: str
    ahead: str


@dataclass(frozen=True)
class Row:
    name: str
    operation: str
    when: str
    zone: str
    enabled: bool
    of_code: bool
    catch_up: str
    last_job: str | None
    known: bool
    dues: tuple[Due, ...]


def all_schedules(room: Room) -> Response:
    cursor = asked().texts().get("cursor", [""])[0]
    return _page(ours(room), cursor)


def pause(room: Room) -> Response:
    return _done(room, lambda book, name: _enable(book, name, False))


def resume(room: Room) -> Response:
    return _done(room, lambda book, name: _enable(book, name, True))


def run(room: Room) -> Response:
    """Leads to the job."""
    return _done(room, lambda book, name: url_for("console.job", id=book.ran(name).id))


def ours(room: Room) -> Schedules:
    """The schedules of whoever looks at the page."""
    request = asked()
    return Schedules(room, request.caller, request.prefix, "console", request.request_id)


def _enable(book: Schedules, name: str, enabled: bool) -> str:
    book.calendar.enable(name, enabled, book.caller, book.source)
    return url_for("console.schedules")


def _done(room: Room, act: Callable[[Schedules, str], str]) -> Response:
    """Why nothing was done is told on the page of them all."""
    book, name = ours(room), posted().get("name", [""])[0]
    try:
        return seen_at(act(book, name))
    except Problem as problem:
        reply = _page(book, problem=problem, named=name)
        reply.status_code = STATUS[problem.kind]
        return reply


def _page(
    book: Schedules, cursor: str = "", problem: Problem | None = None, named: str = ""
) -> Response:
    found = book.calendar.list(book.caller, cursor=cursor or None, limit=LIMIT)
    known: dict[str, Any] = {"problem": problem, "named": named}
    rows = list(_rows(book, found.items))
    return page("schedules", rows=rows, following=found.next, cursor=cursor, **known)


def _rows(book: Schedules, records: Iterable[Record]) -> Iterator[Row]:
    now = book.room.ports.clock.now()
    for record in records:
        plan = plan_of(record)
        zone = _zone(plan.tz)
        of_code = record.body["source"] == CODE
        is_alive = not of_code or is_declared(record, book.room.registry)
        yield Row(
            name=record.body["name"],
            operation=plan.operation,
            when=plan.cron or f"every {plan.every}",
            zone=plan.tz or "UTC",
            enabled=plan.enabled,
            of_code=of_code,
            catch_up=plan.catch_up,
            last_job=record.body.get("job"),
            known=plan.operation in book.room.registry,
            dues=tuple(_due(due, now, zone) for due in to_come(record, now) if is_alive),
        )


def _due(due: float, now: float, zone: tzinfo) -> Due:
    wall = datetime.fromtimestamp(due, UTC).astimezone(zone)
    seconds = ":%S" if wall.second else ""
    return Due(wall.strftime(f"%a %d %b %H:%M{seconds}"), moment(due), ahead(due - now))


def _zone(name: str | None) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return UTC
