"""The jobs as pages: all of them, and what a person may do to one."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response, request, url_for

from app.doors.console.glance import Glance, glance
from app.doors.console.job import shown, tally_waited_for
from app.doors.console.page import page, posted, seen_at
from app.doors.flask_forms import asked
from app.doors.http import STATUS
from app.doors.jobs import Jobs
from app.ports import Record
from app.room.access import check_scope
from app.room.children import MAPS, child_id
from app.room.enter import Room
from app.room.errors import Malformed, Problem, Unknown
from app.room.job import FAILED, JOBS, STATUSES
from app.room.listing import NO_PARENT
from app.room.strict_json import read_json

LIMIT = 50  # jobs on a page


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for; one that keeps to a job's children has no other filter. One without
    any leaves children to their parents, unless `children` asks for them."""

    status: str = ""
    operation: str = ""
    map: str = ""
    cursor: str = ""
    children: str = ""

    @property
    def is_folded(self) -> bool:
        return not (self.status or self.operation or self.map or self.children)

    def query(self, **changed: str) -> str:
        """As an address says it, below the list's own."""
        asked = {**vars(self), "cursor": "", **changed}
        given = {name: value for name, value in asked.items() if value}
        return f"?{urlencode(given)}" if given else "?"


def all_jobs(room: Room) -> Response:
    jobs, texts = ours(room), asked().texts()
    wanted = Wanted(**{name: texts.get(name, [""])[0] for name in Wanted.__annotations__})
    records, following = _listed(jobs, wanted)
    counts = {} if wanted.operation or wanted.map else counted(jobs)
    return page(
        "jobs",
        wanted=wanted,
        statuses=STATUSES,
        counts=counts,
        operations=sorted(each.name for each in room.registry),
        jobs=glances(jobs, records),
        following=following,
        has_children=any("maps" in each.body for each in records),
        retried=texts.get("retried", [""])[0],
        way=_a_way(room),
    )


def one_job(room: Room, id: str) -> Response:
    jobs = ours(room)
    return shown(jobs, jobs.record(id))


def cancel(room: Room, id: str) -> Response:
    jobs = ours(room)
    return _done(jobs, id, lambda: str(jobs.cancel(id)["id"]))


def retry(room: Room, id: str) -> Response:
    jobs = ours(room)
    return _done(jobs, id, lambda: jobs.retried(id, None).id)


def signal(room: Room, id: str) -> Response:
    """Brings what the form says, JSON or nothing, to the run that waits for it."""
    jobs, given = ours(room), posted()
    name, text = given.get("name", [""])[0], given.get("value", [""])[0].strip()

    def send() -> str:
        try:
            value = read_json(text.encode()) if text else None
        except Malformed as error:
            raise Malformed(f'{error.detail} Write a text in quotes: "yes".') from None
        return str(jobs.signal(id, name, value)["id"])

    return _done(jobs, id, send, text)


def retry_failed(room: Room) -> Response:
    """Those that the list shows as failed, the newest first, as many as one request may."""
    given = posted()
    operation, cursor = given.get("operation", [""])[0], given.get("cursor", [""])[0]
    made = ours(room).retry_all("failed", operation or None, cursor or None)
    told = Wanted(FAILED, operation).query(retried=str(len(made.items)), cursor=made.next or "")
    return seen_at(f"{url_for('console.jobs')}{told}")


def ours(room: Room) -> Jobs:
    """The jobs of whoever looks at the page."""
    request = asked()
    prefix = request.headers.get("SCRIPT_NAME", "")
    return Jobs(room, request.caller, prefix, "console", request.request_id)


def counted(jobs: Jobs, statuses: Iterable[str] = STATUSES) -> dict[str, int]:
    """How many there are of each status."""
    count, owner = jobs.room.ports.records.count, jobs.caller.owner
    return {status: count(JOBS, owner=owner, label=status) for status in statuses}


def glances(jobs: Jobs, records: Iterable[Record]) -> list[Glance]:
    now, lease = jobs.room.ports.clock.now(), jobs.engine.lease
    return [glance(record, now, lease, tally_waited_for(jobs, record)) for record in records]


def _listed(jobs: Jobs, wanted: Wanted) -> tuple[tuple[Record, ...], str]:
    """A page, and the cursor of the next one."""
    check_scope(jobs.caller, "read")
    if wanted.map:
        return _children(jobs, wanted)
    found = jobs.engine.list(
        jobs.caller,
        status=wanted.status or None,
        operation=wanted.operation or None,
        parent=NO_PARENT if wanted.is_folded else None,
        cursor=wanted.cursor or None,
        limit=LIMIT,
    )
    return found.items, found.next or ""


def _children(jobs: Jobs, wanted: Wanted) -> tuple[tuple[Record, ...], str]:
    """Of one `run.map`, in the order of its items; their ids are their places."""
    get = jobs.room.ports.records.get
    tally = get(MAPS, wanted.map)
    if tally is None or tally.owner != jobs.caller.owner:
        raise Unknown("There are no such children.")
    start = int(wanted.cursor) if re.fullmatch("[0-9]{1,9}", wanted.cursor) else 0
    found = [get(JOBS, child_id(wanted.map, n)) for n in range(start, start + LIMIT)]
    return tuple(filter(None, found)), str(start + LIMIT) if found[-1] else ""


def _done(jobs: Jobs, id: str, act: Callable[[], str], text: str = "") -> Response:
    """Leads to the job that came of it; why nothing did is told on the page of the job."""
    record = jobs.record(id)
    try:
        return seen_at(url_for("console.job", id=act()))
    except Problem as problem:
        reply = shown(jobs, record, problem, text)
        reply.status_code = STATUS[problem.kind]
        return reply


def _a_way(room: Room) -> Mapping[str, Any] | None:
    """For who has no job yet: an operation, and the command that makes one of it."""
    ordered = sorted(room.registry, key=lambda each: (not each.long, not each.examples))
    if not ordered:
        return None
    first = ordered[0]
    params = json.dumps(first.examples[0] if first.examples else {}, ensure_ascii=False)
    return {
        "operation": first,
        "params": params,
        "root": request.root_url.rstrip("/"),
        "keyed": bool(asked().caller.key),
    }
