"""A job's past, as its record tells it: its runs and what lay between, its journal, its log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.doors.console.span import ago, ahead, clock, count, moment, span
from app.ports import Body, Record
from app.room import job

WIDTH = 1000  # of the picture of its runs, in its own units
LEAST = 8  # that are still seen
SHOWN = 160  # characters of a remembered value
ENTRIES = 200  # of a journal that are shown, the newest

WHY = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "retry": "failed, to be tried again",
    "continued": "out of time, to be continued",
    "sleep": "went to sleep",
    "signal": "began to wait for a signal",
    "children": "began to wait for its children",
    "operation": "found no operation of its name",
    job.LOST: "ended without a word",
    "": "at work",
}
BETWEEN = {
    "retry": "until another attempt",
    "continued": "until continued",
    "sleep": "asleep",
    "signal": "waiting for a signal",
    "children": "waiting for its children",
    "operation": "waiting for its operation",
}


@dataclass(frozen=True)
class Part:
    """A run, or the time between two. `x` and `width` are its place in the picture."""

    kind: str  # run, or between
    why: str
    said: str
    began: str
    took: str
    x: int
    width: int


@dataclass(frozen=True)
class Entry:
    """Something that the run asked for, and remembers."""

    kind: str
    name: str
    began: str
    took: str
    value: str
    remark: str


@dataclass(frozen=True)
class Line:
    at: str
    level: str
    text: str


def parts(record: Record, now: float, lease: float) -> list[Part]:
    """From its making to its end, or until now."""
    slices = _slices(record, now, lease)
    begin = record.body["created"] if not _forgotten(record) else slices[0][0]
    scale = WIDTH / max(0.001, record.body.get("finished", now) - begin)
    made: list[Part] = []
    before, reason = begin, "queued"
    for began, ended, why in [*slices, (record.body.get("finished", now), 0.0, None)]:
        if began - before >= 0.05:
            said = BETWEEN.get(reason, "in the queue")
            made.append(_part("between", "", said, before, began, begin, scale))
        if why is not None:
            made.append(_part("run", why, WHY.get(why, why), began, ended, begin, scale))
            before, reason = ended, why
    return made


def is_cut(record: Record) -> bool:
    """Are there older runs than the record keeps?"""
    return len(record.body.get("slices", [])) >= job.SLICES


def crashes(record: Record) -> int:
    """How many runs ended without a word: claimed, and nothing heard of it again."""
    if is_cut(record):
        return 0
    ends = [why for _, _, why in record.body.get("slices", [])]
    known = sum(why in ("retry", *job.TERMINAL) for why in ends)
    under_way = record.label == job.RUNNING or "midway" in record.body
    if record.label == job.CANCELLED:  # between two runs of one attempt
        under_way = bool(ends) and ends[-1] not in ("retry", job.LOST, *job.TERMINAL)
    return max(0, job.attempt(record) - known - under_way)


def entries(journal: Sequence[Body], now: float) -> list[Entry]:
    return [_entry(each, now) for each in journal[-ENTRIES:]]


def lines(record: Record) -> list[Line]:
    told = record.body.get("log", {}).get("lines", [])
    return [Line(clock(at), level, text) for at, level, text in told]


def shortened(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _slices(record: Record, now: float, lease: float) -> list[tuple[float, float, str]]:
    slices = job.past(record, lease)
    if record.label == job.RUNNING:
        began = min(now, job.ran_since(record, lease))
        slices.append((began, now, ""))
    return slices


def _forgotten(record: Record) -> bool:
    return is_cut(record) and bool(record.body["slices"])


def _part(
    kind: str, why: str, said: str, began: float, ended: float, begin: float, scale: float
) -> Part:
    width = max(LEAST, round((ended - began) * scale))
    x = max(0, min(WIDTH - width, round((began - begin) * scale)))
    return Part(kind, why, said, moment(began), span(ended - began), x, width)


def _entry(entry: Body, now: float) -> Entry:
    kind, name = entry["k"], entry["n"]
    if entry["i"]:
        name = f"{name} ({entry['i'] + 1})"
    began, ended = entry.get("t") or (None, None)
    took = "–" if began is None else span(ended - began)
    at = "–" if began is None else clock(began)
    value = shortened(entry["v"]) if "v" in entry else ""
    return Entry(kind, name, at, took, value, "" if value else _remark(entry, now))


def _remark(entry: Body, now: float) -> str:
    """How it stands with what has no value, or none yet."""
    kind, until = entry["k"], entry.get("until")
    if kind == "each":
        return f"{count(entry['at'])} items, {'all done' if entry.get('done') else 'so far'}"
    if kind == "map":
        return f"{count(entry['at'])} items"
    if kind == "signal" and entry.get("done"):
        return "none came in time"
    if until is None:
        return "waiting" if kind == "signal" else ""
    near = ahead(until - now) if until > now else ago(now - until)
    return f"until {moment(until)}, {near}"
