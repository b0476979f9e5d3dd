"""A job that waits for its turn in a lane: put aside, and given its place. Pure.

It is queued and never due; an entry stands for it, whose id says its place in the line: the higher
priority first, then the one that was due first.
"""

from dataclasses import replace

from app.ports import Record
from app.room.job import QUEUED

PARKED = "parked"  # entries, labelled with their lane


def admitted(record: Record, lane: str, *, holds: bool) -> Record:
    """A claimed job that may run. `holds`: it keeps a place there until it ends or suspends."""
    body = {name: value for name, value in record.body.items() if name not in ("lane", "turn")}
    if holds:
        body["lane"] = lane
    return record if body == record.body else replace(record, body=body)


def parked(record: Record, lane: str, reason: str) -> Record:
    """A claimed job that has to wait. Its claim was no attempt."""
    body = {name: value for name, value in record.body.items() if name not in ("lane", "turn")}
    body |= {
        "free": body["free"] + 1,
        "parked": [lane, _place(record)],
        "wait": {"for": reason, "name": body["operation"]},
    }
    return replace(record, label=QUEUED, due=None, body=body)


def entry(parked: Record) -> Record:
    lane, place = parked.body["parked"]
    return Record(PARKED, place, {"job": parked.id}, owner=parked.owner, label=lane)


def called(parked: Record, *, has_turn: bool, holds: bool) -> Record:
    """It may go on: due, in its old place among all jobs."""
    body = {name: value for name, value in parked.body.items() if name not in ("parked", "wait")}
    if holds or has_turn:
        body["lane"] = parked.body["parked"][0]
    if has_turn:
        body["turn"] = True
    return replace(parked, due=body["due"], body=body)


def _place(record: Record) -> str:
    milliseconds = max(0, int(record.body["due"] * 1000))
    return f"{100 - record.priority:03}-{milliseconds:015}-{record.id}"
