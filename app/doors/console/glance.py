"""A job at a glance: what one line of a list says of it, and the head of its own page."""

from dataclasses import dataclass
from typing import Any

from app.doors.console.span import ago, ahead, count, moment, roughly, span
from app.ports import Body, Record
from app.room import job

TAIL = 8  # characters of an id that tell it from its neighbours
ENOUGH = 1.0  # seconds of work from which on a rate says something


@dataclass(frozen=True)
class Progress:
    done: float
    total: float | None
    note: str
    rate: float | None = None  # a second

    @property
    def percent(self) -> int | None:
        if not self.total or self.total < 0:
            return None
        return int(100 * min(1.0, max(0.0, self.done / self.total)))  # 100 at the end, not before

    @property
    def said(self) -> str:
        of = "" if self.total is None else f" of {count(self.total)}"
        return f"{count(self.done)}{of}"

    @property
    def pace(self) -> str:
        """The rate and what remains, once there is enough to tell."""
        if not self.rate:
            return ""
        one = (
            f"{count(float(f'{self.rate:.2g}'))} a second"
            if self.rate >= 1
            else f"{span(1 / self.rate)} each"
        )
        if self.total is None or self.total <= self.done:
            return one
        return f"{one}, about {roughly((self.total - self.done) / self.rate)} left"


WAITS = {
    "concurrency": "waits for others to end: as many run as may at once",
    "rate": "waits for its turn: as many have begun as may",
}


@dataclass(frozen=True)
class Glance:
    """`head` and `tail` are the id in two; `aside` is what the status alone does not say."""

    id: str
    head: str
    tail: str
    status: str
    aside: str
    operation: str
    progress: Progress | None
    attempt: int
    tries: int
    created: str
    age: str
    duration: str
    source: str
    parent: str | None
    index: int | None

    @property
    def active(self) -> bool:
        return self.status not in job.TERMINAL


def glance(record: Record, now: float, lease: float, tally: Record | None = None) -> Glance:
    """`tally`: of the map whose children it waits for, which then are its progress."""
    body = record.body
    told = progress(record, now, lease) if tally is None else _of_children(tally.body)
    return Glance(
        id=record.id,
        head=record.id[:-TAIL],
        tail=record.id[-TAIL:],
        status=record.label,
        aside=_aside(record, now),
        operation=body["operation"],
        progress=told,
        attempt=job.attempt(record),
        tries=int(body["retries"]) + 1,
        created=moment(body["created"]),
        age=ago(now - body["created"]),
        duration=span(_duration(record, now, lease)),
        source=body.get("source") or "–",
        parent=body.get("parent"),
        index=body.get("index"),
    )


def _of_children(tally: Body) -> Progress:
    failed = f"children, {count(tally['failed'])} failed" if tally["failed"] else "children"
    return Progress(tally["ended"], tally.get("total"), failed)


def progress(record: Record, now: float, lease: float) -> Progress | None:
    told: list[Any] | None = record.body.get("progress")
    if told is None:
        return None
    done, total, note = told
    return Progress(done, total, note or "", _rate(record, done, now, lease))


def _rate(record: Record, done: float, now: float, lease: float) -> float | None:
    """By the time it worked, not the time it slept; only while it works."""
    if record.label != job.RUNNING or done <= 0:
        return None
    worked = record.body.get("spent", 0.0) + now - job.ran_since(record, lease)
    return float(done / worked) if worked >= ENOUGH else None


def _duration(record: Record, now: float, lease: float) -> float | None:
    begun = job.begun(record, lease)
    return None if begun is None else record.body.get("finished", now) - begun


def _aside(record: Record, now: float) -> str:
    body, due = record.body, record.due or now
    if record.label == job.RUNNING:
        return "asked to stop" if "cancel" in body else ""
    if "parked" in body:
        return WAITS[body["wait"]["for"]]
    if record.label == job.QUEUED:
        again = "tries again " if "error" in body else "starts "
        return f"{again}{ahead(due - now)}" if due > now + 1 else ""
    if record.label == job.WAITING:
        wait = body["wait"]
        return {
            "sleep": f"asleep, wakes {ahead(due - now)}",
            "signal": f"for the signal {wait['name']}",
            "children": "for its children",
            "operation": "for its operation, which is not declared",
        }[wait["for"]]
    return ""
