"""What a run writes down in its job's record: journal, state, progress and log."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

from app.ports import Body, Clock, Put, Record, Write
from app.ports.body import Spelled
from app.room.errors import Problem, Stale, sayable
from app.room.hush import Secrets, hushed_line
from app.room.journal import Journal, copied
from app.room.ledger import PAGES, Ledger, page_id
from app.room.schema.plain import plain
from app.room.strict_json import write_json

OWN = ("journal", "state", "progress", "log")  # what a run changes in place
LARGEST_STATE = 48 * 1024
LINES = 100  # of the log that are kept, the newest
LINE = 2000  # characters of one
LOG_BYTES = 16 * 1024
TRIES = 40  # of what is written beside, and that others outrun
WRITE_EVERY = 1.0  # seconds between two writes of progress


def _unchanged(record: Record) -> Record:
    return record


def _never() -> bool:
    return False


class Notes:
    """One run's; any thread may save them."""

    def __init__(self, ledger: Ledger, record: Record, clock: Clock) -> None:
        own = {name: record.body[name] for name in OWN if name in record.body}
        body: Body = copied(own) if own else {}  # a failed attempt leaves the record as it was
        self.record = record
        paged, inline = ledger.pages(record), body.get("journal", [])
        self.journal = Journal(paged, inline, ledger.records.unit)
        self.state: dict[str, Any] = body.get("state", {})
        self.progress: list[Any] | None = body.get("progress")
        self.log = Log(body.get("log", {}), clock, self.journal.is_replaying)
        self.mapped = "maps" in record.body
        self.trouble: Exception | None = None  # a write went wrong, and may have landed or not
        self._loaded = copied(self.state)
        # The state where a later run begins again; None before any loop: as it is when it is saved.
        self._begun = copied(self.state) if self.journal.has_loops() else None
        self._checked_last: tuple[Any, str] = (None, "")  # a state, and its text
        self._ledger, self._clock = ledger, clock
        self._lock = RLock()
        self._written = clock.monotonic()
        self._fresh = True  # nothing new since the last save
        self._told = True  # nor of what is shown

    def note(self) -> None:
        """Something changed that the next save must write."""
        self._fresh = False

    def tell(self, progress: list[Any]) -> None:
        self.progress, self._told = progress, False
        self._fresh = False

    def begin_item(self) -> None:
        """What is saved from here on is the state as it is now, for a later run comes back to here
        and does what follows again: an item, or what stands after a loop. So none of it is done to
        the state twice."""
        self._begun = copied(plain(self.state))

    def restore(self) -> None:
        """A loop is resumed: what led to it was done to the state once more, and counts already."""
        self.state.clear()
        self.state.update(copied(self._loaded))
        self._begun = copied(self._loaded)

    def of_failure(self) -> Body:
        """What a failed attempt leaves: as after a crash, its last checkpoint; and what it said.

        Of an item of `run.each`, the items before it too; unless a write of theirs went wrong, for
        then the store alone knows what was written.
        """
        self.journal.forget_failure()
        if self._begun is not None and self.trouble is None:
            return self.own()
        shown: Body = {"log": self.log.written()} if self.log.count else {}
        return shown | ({"progress": self.progress} if self.progress else {})

    def own(self, page: Sequence[Body] = ()) -> Body:
        """The members of the body that this run alone writes, once there is this new page."""
        own: Body = {}
        texts: dict[str, str] = {}  # not `dict[str, str]()`, which raises an error inside
        before = self.record.body
        if (journal := self.journal.inline(page)) or page or "journal" in before:
            own["journal"], texts["journal"] = journal, self.journal.text(page)
        state = self.state if self._begun is None else self._begun
        if state or "state" in before:
            own["state"], texts["state"] = self._checked(state)
        if self.progress:
            own["progress"], texts["progress"] = self.progress, write_json(self.progress).decode()
        if self.log.count:
            own["log"], texts["log"] = self.log.written(), self.log.text()
        if self.mapped:
            own["maps"], texts["maps"] = True, "true"
        if page or "pages" in before:
            own["pages"] = int(before.get("pages", 0)) + bool(page)
            texts["pages"] = str(own["pages"])
        return Spelled(own, texts)

    def save(
        self,
        change: Callable[[Record], Record] = _unchanged,
        beside: Callable[[], Sequence[Write]] = tuple,
    ) -> None:
        """Writes all of it, fenced; raises `Lost` when another has claimed the job since.

        `change`: what else to do to the record, which others may write too. `beside`: what must
        land with it, decided anew when that was outrun. After a write that went wrong none
        follows: the next run begins with what the store has.
        """
        with self._lock:
            if self.trouble is not None:
                raise self.trouble
            page, record = self.journal.overflow(), self.record
            own = self.own(page)
            pages: list[Put] = []
            if page:
                id = page_id(record.id, own["pages"] - 1)
                entries = Spelled({"entries": page}, {"entries": self.journal.text_of(page)})
                pages.append(Put(Record(PAGES, id, entries, owner=record.owner)))
            self._write_with(own, change, pages, beside)
            if page:
                self.journal.turn(page)
            self._fresh = True

    def _write_with(
        self,
        own: Body,
        change: Callable[[Record], Record],
        pages: Sequence[Write],
        beside: Callable[[], Sequence[Write]],
    ) -> None:
        for left in reversed(range(TRIES)):
            writes = beside()  # what this raises is no trouble with the store
            try:
                self._write(own, change, *pages, *writes)
                return
            except Problem as trouble:
                if writes and left and isinstance(trouble, Stale):
                    continue
                self.trouble = trouble
                raise

    def save_if(self, seconds: float) -> None:
        """Saves what is new, if the last write is at least so long ago."""
        if not self._fresh and self._clock.monotonic() - self._written >= seconds:
            self.save()

    def show(self) -> None:
        """From a thread beside the run: what it says is shown while it computes.

        Progress and log alone, for the rest may be half made.
        """
        if self._told and not self.log.is_new():
            return
        with self._lock:
            if self._clock.monotonic() - self._written >= WRITE_EVERY:
                shown: Body = {"log": self.log.written()} if self.log.count else {}
                self._write(shown | ({"progress": self.progress} if self.progress else {}))

    def _write(
        self, own: Body, change: Callable[[Record], Record] = _unchanged, *beside: Write
    ) -> None:
        self._told = True
        self.record = self._ledger.checkpoint(self.record, own, change, *beside)
        self._written = self._clock.monotonic()

    def look(self) -> Record:
        """The record as it is now: a signal may have come, or a wish to cancel."""
        with self._lock:
            self.record = self._ledger.look(self.record)
            return self.record

    def _checked(self, state: Any) -> tuple[Any, str]:
        """With its text; that of a place where a later run begins is made once."""
        if state is self._checked_last[0]:
            return self._checked_last
        checked = state if state is self._begun else plain(state)
        written = write_json(checked)
        if len(written) > LARGEST_STATE:
            raise ValueError(
                f"run.state has {len(written):,} bytes, and may have {LARGEST_STATE:,}: keep what "
                "is large in records(…)."
            )
        self._checked_last = checked, written.decode()
        return self._checked_last


class Log:
    """The newest lines, bounded in number and size; each has a number of its own.

    While a run comes again to what is remembered, what it says again is not kept again.
    """

    def __init__(self, body: Body, clock: Clock, is_replaying: Callable[[], bool] = _never) -> None:
        self.count = int(body.get("count", 0))
        lines = body.get("lines", [])[-LINES:]
        # Each with its text, in one piece, for any thread may add one.
        self._lines = deque(((line, write_json(line)) for line in lines), maxlen=LINES)
        self._size = sum(len(text) for _, text in self._lines)
        self.secrets: Secrets = ()  # what no line says
        self._clock = clock
        self._seen = self.count
        self._is_replaying = is_replaying
        self._said = {(level, text) for _, level, text in lines}
        self._is_cut = self.count > len(self._lines)

    def add(self, level: str, text: str) -> None:
        text = sayable(hushed_line(text, self.secrets)[:LINE])
        if self._is_replaying() and (self._is_cut or (level, text) in self._said):
            return
        if len(self._lines) == LINES:
            self._size -= len(self._lines[0][1])
        line: list[Any] = [round(self._clock.now(), 3), level, text]
        written = write_json(line)
        self._lines.append((line, written))
        self._size += len(written)
        self.count += 1
        while self._size > LOG_BYTES:
            self._size -= len(self._lines.popleft()[1])

    def is_new(self) -> bool:
        return self.count != self._seen

    def written(self) -> Body:
        self._seen = self.count
        return {"count": self.count, "lines": [line for line, _ in list(self._lines)]}

    def text(self) -> str:
        """The same as JSON, each line encoded once."""
        lines = b",".join([text for _, text in list(self._lines)]).decode()
        return f'{{"count":{self.count},"lines":[{lines}]}}'
