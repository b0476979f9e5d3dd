"""What must be true of a store that a broken life has left: found by opening it again."""

import hashlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from app.ports import Record
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.claim import Claims
from app.room.enter import Room
from app.room.job import CANCELLED, STATUSES, SUCCEEDED, TERMINAL
from app.room.job import JOBS as COLLECTION
from app.room.standing import tend
from app.room.tick import Ticker
from tests.crash.life import BEGAN, JOBS, opened, run_all
from tests.crash.work import SINK, sink

AFTER = BEGAN + 400  # the life is over by then, and all leases
EXPECTED: dict[str, Callable[[Any], bool]] = {
    "steps": lambda found: found == [_kept(n) for n in range(3)],
    "each": lambda found: found == 6,
    "late": lambda found: found == "done",
    "map": lambda found: found == [4, 9, 25],
    "nap": lambda found: found == "woke",
    "large": lambda found: found == "x" * 150_000,
    "saved": lambda found: found == "kept",
}


def wrong(folder: Path, output: str) -> list[str]:
    """Everything that is not as it should be, after so much was acknowledged."""
    told = [json.loads(line) for line in output.splitlines()]
    os.environ[SINK] = str(folder / "sink")
    found = _integrity(folder)
    if found:
        return found
    room = opened(folder, AFTER)
    try:
        found += _missing(room, told)
        _go_on(room)
        found += _unfinished(room, told)
        found += _ran_again()
    finally:
        room.ports.records.close()
    return found + _integrity(folder)


def _integrity(folder: Path) -> list[str]:
    path = folder / "data" / "manydoors.db"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        told = database.execute("PRAGMA integrity_check").fetchall()
    return [] if told == [("ok",)] else [f"integrity_check: {told}"]


def _missing(room: Room, told: list[Any]) -> list[str]:
    """What was acknowledged, and is not there as it was told."""
    found: list[str] = []
    for what, *rest in told:
        record = room.ports.records.get(COLLECTION, rest[-1]) if what == "job" else None
        if what == "job" and (record is None or record.body["key"] != rest[0]):
            found.append(f"the job {rest} is gone")
        elif what == "cancelled" and _label(room, rest[0]) != CANCELLED:
            found.append(f"{rest[0]} was cancelled, and is {_label(room, rest[0])}")
        elif what == "ended" and _ending(room, rest[0]) != rest[1:]:
            found.append(f"{rest[0]} had ended as {rest[1:]}, and is {_ending(room, rest[0])}")
        elif what == "schedule" and not room.calendar.list(LOCAL).items:
            found.append("the schedule is gone")
        elif what == "file":
            with room.shelf.open(rest[0], LOCAL.owner) as file:
                if hashlib.sha256(file.read()).hexdigest() != rest[1]:
                    found.append("the file has changed")
    return found


def _label(room: Room, id: str) -> str:
    record = room.ports.records.get(COLLECTION, id)
    return "gone" if record is None else record.label


def _ending(room: Room, id: str) -> list[Any]:
    record = room.ports.records.get(COLLECTION, id)
    return ["gone"] if record is None else [record.label, record.body.get("result")]


def _go_on(room: Room) -> None:
    """Clients ask again for what was not acknowledged, and workers and clocks start anew."""
    for key, (operation, params) in JOBS.items():
        room.engine.submit(Submission(operation, params, key=key), LOCAL)
    tend(room.registry, room.ports)
    Ticker(room.registry, room.ports).tick()
    run_all(room, [])
    room.shelf.sweep()


def _unfinished(room: Room, told: list[Any]) -> list[str]:
    """Every job has ended, with its one result; each due time has its one job."""
    found, claims, dues = [], Claims(room.ports), Counter[float]()
    cancelled = {rest[0] for what, *rest in told if what == "cancelled"}
    for job in _jobs(room):
        operation = job.body["operation"]
        if "schedule" in job.body:
            dues[job.body["due"]] += 1
        if job.label not in TERMINAL:
            found.append(f"{operation} {job.id} never ended: it is {job.label}")
        elif job.label != SUCCEEDED:
            if job.id not in cancelled and job.body.get("key") != "cancelled":
                found.append(f"{operation} {job.id} is {job.label}: {job.body.get('error')}")
        elif operation in EXPECTED and not EXPECTED[operation](claims.result(job)):
            found.append(f"{operation} {job.id} has the result {claims.result(job)!r:.80}")
    found += [f"{count} jobs for {due}" for due, count in dues.items() if count > 1]
    first, last = min(dues, default=0.0), max(dues, default=0.0)
    if len(dues) != (last - first) / 60 + 1 and dues:
        found.append(f"not every due time has a job: {sorted(dues)}")
    counted = sum(room.ports.records.count(COLLECTION, label=label) for label in STATUSES)
    if counted != len([*_jobs(room)]):
        found.append(f"{counted} jobs are counted")
    return found


def _jobs(room: Room) -> Iterator[Record]:
    cursor = None
    while True:
        page = room.ports.records.list(COLLECTION, cursor=cursor, limit=100)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _kept(number: int) -> Any:
    """The value that a run was given of the step, the newest."""
    return [value for _, what, value in sink() if what == f"kept s{number}"][-1]


def _ran_again() -> list[str]:
    """A step that a run was given is remembered: it has one value, and never runs again."""
    found, given = [], dict[tuple[str, str], Any]()
    for job, what, value in sink():
        name = what.removeprefix("kept ")
        if what.startswith("kept") and given.setdefault((job, name), value) != value:
            found.append(f"{name} of {job} has had two values")
        elif what == name and (job, name) in given and name.startswith("s"):
            found.append(f"{name} of {job} ran again")
    return found
