"""What jobs come to, on plain objects, for the engine to be held to; and a store that fails."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.ports import Add, Delete, Page, Put, Record, Records, Write
from app.room.errors import Unavailable
from app.room.job import CHILDREN_LOOK, FURTHEST, JOBS, MAY, TERMINAL, Ending

CURRENT, SETTLED, OVERTAKEN = "current", "settled", "overtaken"


@dataclass
class Job:
    """One job as it should be."""

    id: str
    operation: str
    params: Any
    retries: int
    priority: int
    due: float | None
    key: str | None = None
    status: str = "queued"
    counted: int = 0  # claims that count as attempts
    lease: str = ""
    cancel: bool = False
    waits: str = ""  # for what
    signals: list[Any] = field(default_factory=list)  # all that were ever sent as "go"
    state: Any = None
    result: Any = None
    parent: str | None = None
    taken: int = 0  # of the signals

    @property
    def named(self) -> tuple[str | None, str]:
        return self.key, self.operation

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL


class Jobs(dict[str, Job]):
    """All of one service."""

    def due(self, now: float) -> list[Job]:
        """In the order in which they must be claimed."""
        found = [job for job in self.values() if job.due is not None and job.due <= now]
        return sorted(found, key=lambda job: (-job.priority, job.due, job.id))

    def children(self, parent: str) -> list[Job]:
        return [job for job in self.values() if job.parent == parent]

    def take(self, job: Job, lease: str, until: float) -> None:
        job.status, job.lease, job.due = "running", lease, until
        job.counted += 1

    def decide(self, job: Job, now: float) -> bool:
        """At its claim: is it to run?"""
        parent = self.get(job.parent or "")
        if job.cancel or (parent is not None and parent.ended):
            # What needs no run is decided by its wish, its attempts, its parent, in this order.
            crashed = not job.cancel and job.counted > job.retries + 1
            self.end(job, "failed" if crashed else "cancelled", now)
            return False
        if job.counted > job.retries + 1:
            self.end(job, "failed", now)
            return False
        return True

    def standing(self, job: Job, lease: str) -> str:
        """Of whoever holds a lease."""
        if job.lease != lease:
            return OVERTAKEN
        return CURRENT if job.status == "running" else SETTLED

    def settle(self, job: Job, ending: Ending, now: float) -> None:
        if ending.own.get("state") is not None:
            job.state = ending.own["state"]
        if ending.what == "succeeded":
            job.result = ending.result
            self.end(job, "succeeded", now)
        elif ending.what == "cancelled" or job.cancel:
            self.end(job, "cancelled", now)
        elif ending.what == "failed":
            final = ending.error is not None and ending.error.final
            if final or job.counted > job.retries:
                self.end(job, "failed", now)
            else:
                job.status, job.due = "queued", None  # after its pause, which the record tells
        else:
            job.counted -= 1
            job.status, job.due = "queued", now
            if ending.what == "waiting" and ending.wait is not None:
                self.wait(job, ending, now)

    def wait(self, job: Job, ending: Ending, now: float) -> None:
        wait = ending.wait
        if wait.reason == "signal" and len(job.signals) > job.taken:
            return
        until = now + FURTHEST if wait.until is None else min(wait.until, now + FURTHEST)
        job.status, job.waits = "waiting", wait.reason
        job.due = now + CHILDREN_LOOK if wait.reason == "children" else until
        self.wake(job, now)

    def end(self, job: Job, status: str, now: float) -> None:
        job.status, job.due = status, None
        if job.parent is not None:
            self.wake(self[job.parent], now)

    def wake(self, job: Job, now: float) -> None:
        """A parent that has what it waits for."""
        if job.status != "waiting" or job.waits != "children":
            return
        children = self.children(job.id)
        stops = any(child.ended and child.status != "succeeded" for child in children)
        if stops or all(child.ended for child in children):
            job.status, job.due = "queued", now

    def follow(self, job: Job, now: float) -> None:
        """What each write from outside and each settlement sets going, be it once more: a parent
        may have missed the end of another child."""
        self.wake(job, now)
        if job.parent is not None:
            self.wake(self[job.parent], now)


class Flaky:
    """A store of its own in a shared one, which can lose a write or the answer to it."""

    def __init__(self, inner: Records, name: str) -> None:
        self._inner, self._name = inner, name
        self._labels: dict[str, str] = {}
        self.fault, self.countdown = "", 0

    def get(self, collection: str, id: str) -> Record | None:
        return self._ours(self._inner.get(self._in(collection), id))

    @property
    def most_writes(self) -> int:
        return self._inner.most_writes

    @property
    def unit(self) -> int:
        return self._inner.unit

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        def commit() -> tuple[Record | None, ...]:
            return self._inner.commit(*map(self._theirs, writes))

        stored = self._tried(lambda: self._watched(tuple(map(self._ours, commit()))))
        return tuple(stored)

    def list(self, collection: str, **how: Any) -> Page:
        page = self._inner.list(self._in(collection), **how)
        return Page(tuple(map(self._ours, page.items)), page.next)

    def count(self, collection: str, **how: Any) -> int:
        return self._inner.count(self._in(collection), **how)

    def take(self, collection: str, **how: Any) -> Sequence[Record]:
        def take() -> tuple[Record, ...]:
            return tuple(map(self._ours, self._inner.take(self._in(collection), **how)))

        return self._tried(lambda: self._watched(take()))

    def ping(self) -> None:
        self._inner.ping()

    def close(self) -> None:
        """The shared one goes on."""

    def _tried(self, write: Any) -> Any:
        fault = ""
        if self.fault:
            self.countdown -= 1
            if self.countdown <= 0:
                fault, self.fault = self.fault, ""
        if fault == "refused":
            raise Unavailable("The write was refused.")
        stored = write()
        if fault == "lost":
            raise Unavailable("The answer was lost.")
        return stored

    def _watched(self, stored: Any) -> Any:
        """Statuses move along the table alone, and what has ended never changes."""
        for record in stored:
            if record is None or record.collection != JOBS:
                continue
            before = self._labels.get(record.id)
            assert before not in TERMINAL, f"{record.id} has ended, and was written again"
            assert before is None or record.label in MAY[before], (before, record)
            self._labels[record.id] = record.label
        return stored

    def _in(self, collection: str) -> str:
        return f"{self._name}/{collection}"

    def _theirs(self, write: Write) -> Write:
        if isinstance(write, Put):
            record = replace(write.record, collection=self._in(write.record.collection))
            return replace(write, record=record)
        if isinstance(write, Delete | Add):
            return replace(write, collection=self._in(write.collection))
        raise TypeError(write)

    def _ours(self, record: Record | None) -> Any:
        if record is None:
            return None
        return replace(record, collection=record.collection.removeprefix(f"{self._name}/"))
