"""What happened, as plain data: what clients asked and saw, what ran, what was broken, and what the
store holds at the end. The checker knows nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass
class Asked:
    """A submission that was sent, whatever came of it."""

    key: str
    operation: str
    params: dict[str, Any]
    batch: str | None = None


@dataclass
class Answer:
    """A submission that was acknowledged."""

    key: str
    id: str


@dataclass
class Seen:
    """A job as it was read: `told` is all of it that must not change once it has ended."""

    id: str
    status: str
    told: str
    by: str


@dataclass
class Request:
    """One exchange: `status` is 0 if no answer came, `dropped` if the client left on purpose."""

    began: float
    ended: float
    what: str
    status: int
    dropped: bool = False


@dataclass
class Effect:
    """A line that an execution wrote past the engine, into the sink of its job."""

    job: str
    at: float
    pid: int
    execution: str
    claim: int
    what: str  # begin, step, kept, item, crash, left, returned
    name: str = ""
    value: Any = None


@dataclass
class Fault:
    """`pids`: whoever was hit, with all that live by it."""

    kind: str
    at: float
    pids: tuple[int, ...]
    until: float = 0.0  # of one that lasts


@dataclass
class Stored:
    """A job in the store, read past the engine."""

    id: str
    operation: str
    params: Any
    key: str | None
    status: str
    result: Any
    error: dict[str, Any] | None
    takes: int
    attempt: int
    retries: int
    parent: str | None = None
    index: int | None = None
    schedule: str | None = None
    due: float = 0.0
    steps: dict[str, Any] = field(default_factory=dict)  # remembered, by name


@dataclass
class Planned:
    """A schedule of so many seconds."""

    name: str
    every: float
    catch_up: str
    seen: float = 0.0  # the due time of the newest job, in peace


@dataclass
class History:
    seconds: float = 0.0
    kinds: tuple[str, ...] = ()  # of faults that must be there
    planned: list[Planned] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    cancels: list[tuple[str, str]] = field(default_factory=list)  # job; status told, "" for none
    signals: list[tuple[str, Any, bool]] = field(default_factory=list)  # job, value, acknowledged
    faults: list[Fault] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    late: list[str] = field(default_factory=list)  # not ended when the time for that was over
    troubles: list[str] = field(default_factory=list)  # of the service as a whole
    integrity: str = ""

    def executions(self) -> "dict[str, list[Effect]]":
        """Each with its lines, in the order of writing."""
        found: dict[str, list[Effect]] = {}
        for effect in self.effects:
            found.setdefault(effect.execution, []).append(effect)
        return found

    def by_id(self) -> dict[str, Stored]:
        return {job.id: job for job in self.stored}

    def effects_of(self) -> dict[str, list[Effect]]:
        found: dict[str, list[Effect]] = {}
        for effect in self.effects:
            found.setdefault(effect.job, []).append(effect)
        return found

    def hit_by(self, fault: Fault) -> Iterator[list[Effect]]:
        """The executions that were under way in a process that was hit."""
        for lines in self.executions().values():
            first, last = lines[0], lines[-1]
            over = last.what in ("returned", "left", "crash") and last.at < fault.at
            if first.pid in fault.pids and first.at <= fault.at and not over:
                yield lines

    def broken_by(self, fault: Fault) -> list[Request]:
        """The exchanges under way at a fault that came to nothing."""
        return [
            one
            for one in self.requests
            if one.began <= fault.at <= one.ended and not one.status and not one.dropped
        ]
