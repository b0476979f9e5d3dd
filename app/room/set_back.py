"""After a clock that ran ahead was set back: what jobs wait for comes when it was meant to.

A lease, a pause between attempts and a sleep end at moments of the clock. Those that it reckoned
while it was wrong would end as much later as it was ahead: the jobs of an hour stand for an hour.
Moments that people named stay: no job starts before it was asked to.
"""

from contextlib import suppress
from dataclasses import replace

from app.ports import Body, Ports, Put, Record
from app.room.acceptance import ring
from app.room.errors import Stale, Unknown
from app.room.job import JOBS, QUEUED, RUNNING, WAITING
from app.room.lane import LANES, LOOK
from app.room.ledger import Ledger
from app.room.operation import Registry
from app.room.orphans import AGAIN, ORPHANED

SLACK = 2.0  # seconds that clocks are apart for other reasons
PAGE = 200


def righted(record: Record, now: float, lease: float) -> Record:
    """An open job as it is to be by a clock that says `now`; itself, if nothing is wrong."""
    if record.due is None:
        return _parked(record, now)
    if record.due <= now + SLACK:
        return record
    match record.label:
        case "running":
            # Of a run that lives on it is renewed.
            is_too_long = record.due > now + lease + SLACK
            return replace(record, due=now + lease) if is_too_long else record
        case "queued":
            return _queued(record, now)
        case "waiting":
            return _waiting(record, now)
    return record


def was_ahead(ports: Ports) -> bool:
    """Were some of the newest jobs made by a clock that was ahead of this one?"""
    late = ports.clock.now() + SLACK
    return any(
        record.body["created"] > late
        for status in (QUEUED, RUNNING, WAITING)
        for record in ports.records.list(JOBS, label=status, limit=PAGE).items
    )


def set_right(registry: Registry, ports: Ports, ledger: Ledger) -> int:
    """Looks through all open jobs, and says how many of them are due at another time now; and
    through the lanes that some wait in, and what left children behind."""
    changed: list[Record] = []
    for status in (RUNNING, WAITING, QUEUED):
        cursor = None
        while True:
            page = ports.records.list(JOBS, label=status, cursor=cursor, limit=PAGE)
            changed += [found for each in page.items if (found := _right(each, ports, ledger))]
            if (cursor := page.next) is None:
                break
    ring(registry, ports, changed[:PAGE], ports.clock.now())
    _hurry(ports, LANES, LOOK)
    _hurry(ports, ORPHANED, AGAIN)
    return len(changed)


def _hurry(ports: Ports, collection: str, longest: float) -> None:
    """What is looked at within `longest` seconds by a clock that is right."""
    cursor = None
    while True:
        page = ports.records.list(collection, cursor=cursor, limit=PAGE)
        now = ports.clock.now()
        for each in page.items:
            if each.due is not None and each.due > now + longest + SLACK:
                with suppress(Stale):  # then somebody has dealt with it
                    ports.records.commit(Put(replace(each, due=now), each.version))
        if (cursor := page.next) is None:
            return


def _right(record: Record, ports: Ports, ledger: Ledger) -> Record | None:
    now = ports.clock.now()
    with suppress(Stale, Unknown):  # then somebody has dealt with it
        found = ledger.amend(record, lambda fresh: righted(fresh, now, ledger.lease))
        return None if found is record else found
    return None


def _parked(record: Record, now: float) -> Record:
    """It waits for its turn, and is due when it was asked for."""
    due = record.body["due"]
    if record.label != QUEUED or due <= now + SLACK or due > record.body["created"]:
        return record
    return replace(record, body=record.body | {"due": now})


def _queued(record: Record, now: float) -> Record:
    """Only who asked for a start, or a pause between two attempts, lets a job wait."""
    asked: float = record.body["due"]
    if record.due is None or record.due == asked > record.body["created"]:
        return record
    longest = now + record.body.get("pause", 0.0)
    return replace(record, due=longest) if record.due > longest + SLACK else record


def _waiting(record: Record, now: float) -> Record:
    slices, journal = record.body.get("slices", []), record.body.get("journal", [])
    ended = slices[-1][1] if slices else 0.0
    entry: Body = journal[-1] if journal else {}
    pause = (record.due or 0.0) - ended
    # A pause that is over before it began has been set right since.
    if ended <= now + SLACK or pause < -SLACK or entry.get("k") == "until":
        return record
    due, body = now + max(0.0, pause), record.body
    if entry.get("until") is not None:  # what a run that wakes asks again
        body = body | {"journal": [*journal[:-1], entry | {"until": due}]}
    return replace(record, due=due, body=body)
