"""What the room may ask of the world: a few verbs on plain data, each docstring a promise.

Every adapter keeps all of them; tests/ports is one suite that runs on each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol

from app.ports.absent import Alone, Unheard, Unsent, Untold, no_keys
from app.ports.files import Files as Files
from app.ports.spans import Tracer, Untraced

Body = dict[str, Any]

MOST_WRITES = 100  # in one commit of any store; DynamoDB's own bound
BODY_CAP = 350 * 1024  # encoded bytes of one body: DynamoDB's item holds 400 KB with all else
COMMIT_CAP = 3500 * 1024  # encoded bytes of all bodies of one commit of any: DynamoDB's is 4 MB
PAGE_CAP = 512 * 1024  # encoded bytes of all bodies of a page: an answer of any door holds them
MOST_TAKES = 10**12  # that a Put may name; far from what any store's numbers hold
NAME_CAP = 512  # characters of a collection, an id, an owner, a label


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
    priority: int = 0  # -100 to 100; of what is due, the higher is taken first
    expires: float | None = None  # when a store may drop it; only tidying, never a rule
    lease: str = ""  # the fence: changes with each claim, "" while unclaimed
    writer: str = ""  # the token of the commit that wrote this version
    takes: int = 0  # how often it was taken, unless a Put says otherwise

    def changed(self, **facts: Any) -> "Record":
        """`dataclasses.replace` in a fifth of its time: each step of a job makes two of them."""
        made = object.__new__(Record)
        object.__setattr__(made, "__dict__", self.__dict__ | facts)
        return made


@dataclass(frozen=True)
class Put:
    """Write `record` whole.

    `expect` is the version that must be there: 0 for "absent", None for "whatever is there".
    `lease`, when given, must still be the stored record's lease; an absent record has none.
    The record's own `version` and `writer` are not read: the store gives them.
    """

    record: Record
    expect: int | None = None
    lease: str | None = None


@dataclass(frozen=True)
class Delete:
    """Remove a record. With neither `expect` nor `lease`, removing what is absent is done.

    A later record of the same id begins again at version 1.
    """

    collection: str
    id: str
    expect: int | None = None
    lease: str | None = None


@dataclass(frozen=True)
class Add:
    """Add to number members of a record's body, `{"done": 1}`; absent members count from 0.

    Only beside a write whose condition fences the commit: a bare counter counts twice when an
    answer is lost and the write is sent again. An absent record is `Stale`.
    """

    collection: str
    id: str
    amounts: dict[str, int] = field(default_factory=dict)


Write = Put | Delete | Add


def check(writes: Sequence[Write], most: int = MOST_WRITES) -> None:
    """Raises ValueError for a commit that a store which takes so many writes refuses, whatever
    it holds."""
    if len(writes) > most:
        raise ValueError(f"A commit has at most {most} writes, not {len(writes)}.")
    named = set()
    for write in writes:
        at = write.record if isinstance(write, Put) else write
        if not (0 < len(at.collection) <= NAME_CAP and 0 < len(at.id) <= NAME_CAP):
            raise ValueError(f"A collection and an id have 1 to {NAME_CAP} characters.")
        if isinstance(at, Record):
            _check_record(at)
        named.add((at.collection, at.id))
    if len(named) < len(writes):
        raise ValueError("A commit writes each record at most once.")
    adds = [write for write in writes if isinstance(write, Add)]
    if adds and not any(_fences(write) for write in writes):
        raise ValueError("An Add needs a Put or Delete with a condition beside it.")


def _check_record(record: Record) -> None:
    if len(record.owner) > NAME_CAP or len(record.label) > NAME_CAP:
        raise ValueError(f"An owner and a label have at most {NAME_CAP} characters.")
    if not -100 <= record.priority <= 100:
        raise ValueError(f"A priority is from -100 to 100, not {record.priority}.")
    if not 0 <= record.takes <= MOST_TAKES:
        raise ValueError(f"A count of takes is from 0 to {MOST_TAKES}, not {record.takes}.")
    if not (isfinite(record.due or 0) and isfinite(record.expires or 0)):
        raise ValueError("A time is a finite number of seconds.")


def _fences(write: Write) -> bool:
    return not isinstance(write, Add) and (write.expect is not None or write.lease is not None)


class Page(NamedTuple):
    items: tuple[Record, ...]
    next: str | None = None  # a cursor that neither skips nor repeats under writes
    sizes: tuple[int, ...] = ()  # encoded bytes of the body of each


class Records(Protocol):
    """Versioned documents in collections."""

    most_writes: int
    """In one commit of this store: `MOST_WRITES`, or more where it can do more at once."""

    most_bytes: int
    """Encoded bytes of all bodies of one commit: `COMMIT_CAP`, or more."""

    unit: int
    """Encoded bytes that a write costs nothing more for than for one: what is added to little by
    little is kept within them, then put elsewhere."""

    def get(self, collection: str, id: str) -> Record | None:
        """The newest committed record, always consistent; None when there is none."""

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        """All of up to `most_writes`, durably, or none: a record for each as stored, None if
        deleted.

        A condition that does not hold raises `Stale`. Every write carries the commit's own
        writer token, so a write whose answer was lost and that was sent again counts as done.
        A store out of reach, or out of room, raises `Unavailable`: whether the commit landed is
        then known by reading it. A body over `BODY_CAP`, or bodies over `most_bytes` together,
        raise `TooLarge`; what `check` refuses, or is not JSON, raises ValueError.
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
        """A page in the order of ids, which sort by the time they were made. Never scans.

        It has up to `limit` records whose bodies have up to `PAGE_CAP` bytes together, and one at
        least if there is any: fewer than `limit` are not the end, which has no `next`. A cursor
        that no list gave raises `Invalid`.
        """

    def count(self, collection: str, *, owner: str | None = None, label: str | None = None) -> int:
        """How many there are, exact at one moment.

        Reads an index alone, never the records: as far as what it counts, and no further.
        """

    def take(
        self, collection: str, *, now: float, until: float, limit: int, label: str
    ) -> Sequence[Record]:
        """Lease what is due at `now`: each gets a fresh lease, `due=until`, `label`, a new version,
        and one more of `takes`.

        The highest priority first, then the earliest due. Each priority in use costs a look-up
        of its own (an index by priority and due; on DynamoDB a partition for each, and an item
        that names those in use), so it does not matter how much is due.
        No two callers get the same record, and what was taken is written durably before this
        returns. A write that names an older lease is refused from then on. What is neither
        finished nor renewed by `until` is due again by itself.
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

    def sleep(self, seconds: float) -> None:
        """Waits, not at all when there is nothing to wait for; a test's clock only moves."""


class Hint(NamedTuple):
    """That the job of this id has work, now or in `delay` seconds."""

    id: str
    delay: float = 0.0
    offload: Literal["task", "queue"] | None = None  # how its operation wants it to be told


class Queue(Protocol):
    """Where workers are told that there is something to do."""

    def ring(self, *hints: Hint) -> None:
        """One for each job that has work, many at once where that costs less.

        A hint may be lost, doubled, early or late, and this never raises: what must happen stands
        in the records, where a worker finds it by itself.
        """


Event = dict[str, Any]  # a CloudEvent, as JSON says it


class Topic(Protocol):
    """Where others hear of what happened."""

    heard: bool
    """Is there anybody who may listen? If not, nothing need be told."""

    def publish(self, *events: Event) -> None:
        """Tells those who listen, in no order.

        An event may be lost or doubled, and this never raises: who must not miss anything asks
        the records, or has a callback.
        """


class FileLimits(NamedTuple):
    """What files may be here."""

    most: int = 5 * 1024**3
    """Bytes of one."""

    quota: int = 0
    """Bytes of all files of one owner; 0 for no bound."""

    keep: float = 30 * 86400.0
    """Seconds that one is kept, or as long as a job is that names it."""


USUAL_LIMITS = FileLimits()


class Dropped(NamedTuple):
    """A file that was put into an inbox and taken out of it."""

    path: str  # in the inbox, with slashes
    token: str  # of this taking: the same however often it is found
    size: int
    changed: int  # when it was written last, in nanoseconds


class Inbox(Protocol):
    """A folder that people and programs put files into."""

    def make(self) -> None:
        """So that it can be found."""

    def take(self, wanted: Callable[[str], bool]) -> Iterator[Dropped]:
        """Whole files of which one is wanted by its path: each is taken out as it is given, and
        comes again, by the same token, until it is done with. Nothing while another is at it."""

    def open(self, dropped: Dropped) -> BinaryIO:
        """Its bytes."""

    def done(self, dropped: Dropped) -> None:
        """It is kept elsewhere now, and not needed any more."""

    def refuse(self, dropped: Dropped) -> None:
        """Puts it aside, where people find it."""


class NewId(Protocol):
    """Fresh ids that sort by the time they were made."""

    def __call__(self, prefix: str) -> str:
        """`prefix`, an underscore and a ULID: `job_01J…`."""


@dataclass(frozen=True)
class Letter:
    """One POST to somebody else's server."""

    host: str
    port: int
    path: str = field(repr=False)  # with the query, which may hold a secret of the receiver's
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    tls: bool = True


class Reply(NamedTuple):
    """What was answered."""

    status: int
    after: str | None = None  # Retry-After, as it was written
    text: str = ""  # the begin of what it says beside a status that is no success, one line


class Post(Protocol):
    """What carries to servers elsewhere."""

    local: bool
    """May this machine be reached, and it alone without TLS? For development."""

    def send(self, letter: Letter, *, refuse: Callable[[str], str | None], within: float) -> Reply:
        """The answer to one POST, whatever its status: no redirect is followed.

        The host's name is looked up once, and `refuse` asked of every address that it stands for;
        one that it gives a reason against raises `Refused`, and nothing is connected. What is
        connected is one of these addresses, and with TLS its certificate is the host's. All of it
        takes `within` seconds at most, and reads little, however much comes. No answer by then
        raises `Unavailable`, which says why; neither tells the path.
        """


class Tidings(Protocol):
    """What tells the processes of a machine that something they remember is so no more."""

    def latest(self) -> bytes:
        """Other bytes as soon as anybody has told; asked at each request."""

    def tell(self) -> None:
        """Never raises. Whom it does not reach, forgets by itself in time."""


@dataclass(frozen=True)
class Ports:
    """All that a room knows of the world."""

    records: Records
    clock: Clock
    new_id: NewId
    queue: Queue
    files: Files
    file_limits: FileLimits = USUAL_LIMITS
    topic: Topic = field(default_factory=Untold)
    inbox: Inbox | None = None
    post: Post = field(default_factory=Unsent)
    bell: Queue = field(default_factory=Unheard)  # for the clock, of schedules
    seal_keys: Callable[[], Sequence[bytes]] = no_keys
    """What secrets in the store are sealed with: the first closes, each opens."""

    tidings: Tidings = field(default_factory=Alone)
    tracer: Tracer = field(default_factory=Untraced)
