"""What the room may ask of the world: a few verbs on plain data, each docstring a promise.

Every adapter keeps all of them; tests/ports is one suite that runs on each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Body = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """A versioned JSON document, and the few facts about it that a store can search by."""

    collection: str
    id: str
    body: Body
    version: int = 0  # 0 before the first commit; grows with every write
    owner: str = ""
    label: str = ""  # for jobs, their status
    due: float | None = None  # seconds since the epoch; None: never taken
    expires: float | None = None  # when a store may drop it; only tidying, never a rule
    lease: str = ""  # the fence: changes with each claim, "" while unclaimed
    writer: str = ""  # the token of the commit that wrote this version


@dataclass(frozen=True)
class Put:
    """Write `record` whole.

    `expect` is the version that must be there: 0 for "absent", None for "whatever is there".
    `lease`, when given, must still be the stored record's lease.
    """

    record: Record
    expect: int | None = None
    lease: str | None = None


@dataclass(frozen=True)
class Delete:
    collection: str
    id: str
    expect: int | None = None
    lease: str | None = None


@dataclass(frozen=True)
class Add:
    """Add to number members of a record's body, `{"done": 1}`; absent members count from 0.

    Only beside a write whose condition fences the commit: a bare counter counts twice when an
    answer is lost and the write is sent again.
    """

    collection: str
    id: str
    amounts: dict[str, int] = field(default_factory=dict)


Write = Put | Delete | Add


@dataclass(frozen=True)
class Page:
    items: tuple[Record, ...]
    next: str | None = None  # a cursor that neither skips nor repeats under writes


class Records(Protocol):
    """Versioned documents in collections."""

    def get(self, collection: str, id: str) -> Record | None:
        """The newest committed record, always consistent; None when there is none."""

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        """All of up to 100 writes, durably, or none: a record for each as stored, None if deleted.

        A condition that does not hold raises `Stale`. Every write carries the commit's own
        writer token, so a write whose answer was lost and that was sent again counts as done.
        A store out of reach, or out of room, raises `Unavailable`.
        """

    def list(
        self,
        collection: str,
        *,
        owner: str | None = None,
        label: str | None = None,
        newest_first: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page in the order of ids, which sort by the time they were made. Never scans."""

    def take(
        self, collection: str, *, now: float, until: float, limit: int, label: str
    ) -> Sequence[Record]:
        """Lease what is due at `now`, earliest first: each gets a fresh lease, `due=until`, `label`.

        No two callers get the same record, and what was taken is written durably before this
        returns. A write that names an older lease is refused from then on.
        """

    def ping(self) -> None:
        """Raises `Unavailable` when the store cannot be reached."""

    def close(self) -> None:
        """Gives back what is held open; the next call opens it again."""


class Clock(Protocol):
    """Time, owned by whoever runs the room: tests move it by hand."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, for durations."""


class NewId(Protocol):
    """Fresh ids that sort by the time they were made."""

    def __call__(self, prefix: str) -> str:
        """`prefix`, an underscore and a ULID: `job_01J…`."""


@dataclass(frozen=True)
class Ports:
    """All that a room knows of the world."""

    records: Records
    clock: Clock
    new_id: NewId
