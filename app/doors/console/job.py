"""The page of one job."""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response

from app.doors.console import story
from app.doors.console.glance import glance
from app.doors.console.page import page
from app.doors.console.span import moment
from app.doors.jobs import Jobs
from app.ports import Body, Record
from app.room import job
from app.room.children import MAPS
from app.room.enter import Room
from app.room.errors import Problem, Unknown

MOST_SHOWN = 200_000  # characters of params, of a result


@dataclass(frozen=True)
class Brood:
    """The children of one `run.map`."""

    name: str
    map: str
    total: int | None
    ended: int
    failed: int


def shown(
    jobs: Jobs, record: Record, problem: Problem | None = None, text: str = "true"
) -> Response:
    """`problem`: why what was just asked of it could not be; `text`: the signal that was typed."""
    room, view, tally = jobs.room, jobs.view(record), tally_waited_for(jobs, record)
    now, lease = room.ports.clock.now(), room.engine.lease
    journal, lost = _journal(room, record)
    error = view["error"] or {}
    return page(
        "job",
        job=glance(record, now, lease, tally),
        view=view,
        known=record.body["operation"] in room.registry,
        wait=record.body["wait"] if record.label == job.WAITING else {},
        params=_pretty(view["params"]),
        result=_pretty(view["result"]),
        error=error,
        members={k: v for k, v in error.items() if k not in ("kind", "detail", "traceback")},
        times=_times(record, lease),
        parts=story.parts(record, now, lease),
        is_cut=story.is_cut(record),
        crashes=story.crashes(record),
        entries=story.entries(journal, now),
        unshown=max(0, len(journal) - story.ENTRIES),
        journal_lost=lost,
        broods=_broods(room, record, journal),
        lines=story.lines(record),
        count=record.body.get("log", {}).get("count", 0),
        problem=problem,
        text=text,
    )


def tally_waited_for(jobs: Jobs, record: Record) -> Record | None:
    """Of the map whose children the job waits for."""
    if not job.waits_for(record, "children"):
        return None
    return jobs.room.ports.records.get(MAPS, record.body["wait"]["name"])


def _journal(room: Room, record: Record) -> tuple[list[Body], bool]:
    """What it remembers, and whether older pages of it are gone."""
    inline = record.body.get("journal", [])
    try:
        return [*room.engine.ledger.pages(record), *inline], False
    except Unknown:
        return inline, True


def _broods(room: Room, record: Record, journal: list[Body]) -> list[Brood]:
    maps = [entry for entry in journal if entry["k"] == "map"]
    found = [(entry, room.ports.records.get(MAPS, entry["map"])) for entry in maps]
    return [_brood(entry, tally.body) for entry, tally in found if tally is not None]


def _brood(entry: Body, tally: Body) -> Brood:
    return Brood(entry["n"], entry["map"], tally.get("total"), tally["ended"], tally["failed"])


def _times(record: Record, lease: float) -> dict[str, str]:
    named = {
        "Created": record.body["created"],
        "Started": job.begun(record, lease),
        "Finished": record.body.get("finished"),
    }
    return {name: moment(at) for name, at in named.items() if at is not None}


def _pretty(value: Any) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}\n… and {len(text) - MOST_SHOWN:,} characters more"
