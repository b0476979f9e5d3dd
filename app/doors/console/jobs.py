"""The jobs as pages: all of them, and what a person may do to one."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for

from app.doors.console.glance import Glance, glance, map_waited_for
from app.doors.console.job import shown
from app.doors.console.page import page, posted, seen_at
from app.doors.flask_forms import asked
from app.doors.http import STATUS
from app.ports import Record
from app.room.call import LOCAL
from app.room.children import MAPS, child_id
from app.room.enter import Room
from app.room.errors import Conflict, Invalid, Malformed, Problem, Unknown, UnknownOperation, Wrong
from app.room.job import FAILED, JOBS, STATUSES
from app.room.strict_json import read_json

CALLER = LOCAL  # pages know no other yet
LIMIT = 50  # jobs on a page
RETRIED = 1000  # that one press of the button retries


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for; one that keeps to a job's children has no other filter."""

    status: str = ""
    operation: str = ""
    map: str = ""
    cursor: str = ""

    def query(self, **changed: str) -> str:
        """As an address says it, below the list's own."""
        asked = {**vars(self), "cursor": "", **changed}
        given = {name: value for name, value in asked.items() if value}
        return f"?{urlencode(given)}" if given else "?"


def all_jobs(room: Room) -> Response:
    texts = asked().texts()
    wanted = Wanted(**{name: texts.get(name, [""])[0] for name in Wanted.__annotations__})
    records, following = _listed(room, wanted)
    counts = {} if wanted.operation or wanted.map else counted(room)
    return page(
        "jobs",
        wanted=wanted,
        statuses=STATUSES,
        counts=counts,
        operations=sorted(each.name for each in room.registry),
        jobs=glances(room, records),
        following=following,
        retried=texts.get("retried", [""])[0],
        way=_a_way(room),
    )


def one_job(room: Room, id: str) -> Response:
    return shown(room, room.engine.get(id, CALLER))


def cancel(room: Room, id: str) -> Response:
    return _done(room, id, lambda: room.engine.cancel(id, CALLER))


def retry(room: Room, id: str) -> Response:
    return _done(room, id, lambda: room.engine.retry(id, CALLER, source="console"))


def signal(room: Room, id: str) -> Response:
    """Brings what the form says, JSON or nothing, to the run that waits for it."""
    given = posted()
    name, text = given.get("name", [""])[0], given.get("value", [""])[0].strip()

    def send() -> Record:
        if not name:
            raise Invalid(errors=[Wrong("/name", "A signal has a name.")])
        try:
            value = read_json(text.encode()) if text else None
        except Malformed as error:
            raise Malformed(f'{error.detail} Write a text in quotes: "yes".') from None
        return room.engine.signal(id, name, value, CALLER)

    return _done(room, id, send, text)


def retry_failed(room: Room) -> Response:
    """Those that the list shows as failed, the newest first; each once, however often it is sent.

    What is there no more to be called stays as it is.
    """
    given = posted()
    operation = given.get("operation", [""])[0]
    cursor, retried, looked = given.get("cursor", [""])[0] or None, 0, 0
    while looked < RETRIED:
        found = room.engine.list(
            CALLER, status=FAILED, operation=operation or None, cursor=cursor, limit=200
        )
        retried += sum(_retried(room, record) for record in found.items)
        looked, cursor = looked + max(1, len(found.items)), found.next
        if cursor is None:
            break
    told = Wanted(FAILED, operation).query(retried=str(retried), cursor=cursor or "")
    return seen_at(f"{url_for('console.jobs')}{told}")


def counted(room: Room, statuses: Iterable[str] = STATUSES) -> dict[str, int]:
    """How many jobs there are of each status."""
    count = room.ports.records.count
    return {status: count(JOBS, owner=CALLER.owner, label=status) for status in statuses}


def glances(room: Room, records: Iterable[Record]) -> list[Glance]:
    now, get = room.ports.clock.now(), room.ports.records.get
    made = []
    for record in records:
        map = map_waited_for(record)
        tally = get(MAPS, map) if map else None
        made.append(glance(record, now, room.engine.lease, tally))
    return made


def _listed(room: Room, wanted: Wanted) -> tuple[tuple[Record, ...], str]:
    """A page, and the cursor of the next one."""
    if wanted.map:
        return _children(room, wanted)
    found = room.engine.list(
        CALLER,
        status=wanted.status or None,
        operation=wanted.operation or None,
        cursor=wanted.cursor or None,
        limit=LIMIT,
    )
    return found.items, found.next or ""


def _children(room: Room, wanted: Wanted) -> tuple[tuple[Record, ...], str]:
    """Of one `run.map`, in the order of its items; their ids are their places."""
    tally = room.ports.records.get(MAPS, wanted.map)
    if tally is None:
        raise Unknown("There are no such children.")
    room.engine.get(tally.body["parent"], CALLER)
    start = int(wanted.cursor) if wanted.cursor.isascii() and wanted.cursor.isdigit() else 0
    ids = [child_id(wanted.map, index) for index in range(start, start + LIMIT)]
    found = [room.ports.records.get(JOBS, id) for id in ids]
    return tuple(filter(None, found)), str(start + LIMIT) if found[-1] else ""


def _retried(room: Room, record: Record) -> bool:
    """Was it retried just now? The key stands for the one retry that a failed job gets here."""
    before = room.ports.clock.now()
    key = f"retry of {record.id}"
    try:
        again = room.engine.retry(record.id, CALLER, key=key, source="console")
    except (UnknownOperation, Conflict):
        return False
    return bool(again.body["created"] >= before)


def _done(room: Room, id: str, act: Callable[[], Record], text: str = "") -> Response:
    """Leads to the job that came of it; why nothing did is told on the page of the job."""
    record = room.engine.get(id, CALLER)
    try:
        return seen_at(url_for("console.job", id=act().id))
    except Problem as problem:
        reply = shown(room, record, problem, text)
        reply.status_code = STATUS[problem.kind]
        return reply


def _a_way(room: Room) -> Mapping[str, Any] | None:
    """For who has no job yet: an operation, and the command that makes one of it."""
    ordered = sorted(room.registry, key=lambda each: (not each.long, not each.examples))
    if not ordered:
        return None
    first = ordered[0]
    params = json.dumps(first.examples[0] if first.examples else {}, ensure_ascii=False)
    return {"operation": first, "params": params, "root": request.root_url.rstrip("/")}
