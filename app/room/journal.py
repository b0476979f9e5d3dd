"""What a run remembers: an entry for each thing it asked for, in the order it asked.

After a crash or a continuation the function runs again from its top, and gets from here what it
had. A journal that does not fit the code any more is an error that says so, never a silent skip.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from app.ports import Body
from app.room.errors import ManydoorsError, TooLarge
from app.room.strict_json import write_json

MOST_INLINE = 64 * 1024  # where one item of `run.each` does so much that pages can't take it
FLAT = (bool, int, float, str, type(None))
LARGEST = 100 * 1024  # bytes of one remembered value


class Misfit(ManydoorsError):
    """The journal and the code disagree: the code was changed while the job was under way."""


class Oversized(ValueError):
    """More than a journal remembers of one value."""


class Journal:
    """Entries: `k` kind, `n` name, `i` occurrence of that name; the rest is the kind's own."""

    def __init__(self, paged: list[Body], inline: list[Body], room: int) -> None:
        """`room`: bytes of entries that each step rewrites in the job's own record; older ones get
        pages."""
        self._entries = [*paged, *inline]
        self.paged = len(paged)
        self._room = room
        self._written = [write_json(entry) for entry in inline]  # of those behind the paged ones
        self._loops = [n for n, entry in enumerate(self._entries) if entry["k"] == "each"]
        # Of those behind the paged ones: a step is as it was added, all else may change.
        self._changing = [n for n, entry in enumerate(inline, self.paged) if entry["k"] != "step"]
        self._next = 0
        self._counts: dict[str, int] = {}
        self.busy = ""  # the name of the step whose function runs
        self._left: list[Body] = []
        self.advanced = False  # has this run remembered anything yet?

    def ask(self, kind: str, name: str) -> Body | None:
        """The entry that is remembered at this place; None when the run has not been here yet."""
        if self.busy:
            raise Misfit(f"{kind} {name!r} is inside step {self.busy!r}: a step holds no other.")
        occurrence = self._counts.get(name, 0)
        if self._next == len(self._entries):
            return None
        entry = self._entries[self._next]
        if (entry["k"], entry["n"], entry["i"]) != (kind, name, occurrence):
            raise Misfit(
                f"The journal does not fit the code: at this place it remembers {_told(entry)}, "
                f"and the code asks for {_named(kind, name, occurrence)}. This job is over; "
                "a retry is a new one, which begins at the top."
            )
        self._pass(name)
        return entry

    def add(self, kind: str, name: str, **more: Any) -> Body:
        """A new entry at this place, or `Oversized`."""
        entry: Body = {"k": kind, "n": name, "i": self._counts.get(name, 0), **more}
        written = _written(entry)
        if kind != "step":
            self._changing.append(len(self._entries))
        if kind == "each":
            self._loops.append(len(self._entries))
        self._entries.append(entry)
        self._written.append(written)
        self._pass(name)
        self.advanced = True
        return entry

    def measure(self, entry: Body) -> None:
        """To be called after `entry`, one of the newest, has grown."""
        written = _written(entry)
        for index in range(len(self._written) - 1, -1, -1):
            if self._entries[self.paged + index] is entry:
                self._written[index] = written
                return

    def is_replaying(self) -> bool:
        """Is there something ahead that an earlier run remembered?"""
        return self._next < len(self._entries)

    def inside(self, name: str) -> "_Inside":
        """While a step's function runs."""
        return _Inside(self, name)

    def mark(self) -> tuple[int, dict[str, int]]:
        """This place, to `cut` back to."""
        return self._next, dict(self._counts)

    def cut(self, mark: tuple[int, dict[str, int]]) -> None:
        """Forgets what came after the mark: an item of `run.each` is done with all its steps."""
        place, counts = mark
        if place <= self.paged:  # a page has the loop's own entry
            raise Misfit(
                "The journal does not fit the code: a loop that was left for good goes on. Let it "
                "be left at the same item each time, for a retry is a new one, from the top."
            )
        self._drop(place)
        self._next, self._counts = place, dict(counts)
        self.advanced = True

    def forget_failure(self) -> None:
        """Of the step whose error ended the run, for nothing came after it: it is to run again."""
        if len(self._entries) > self.paged and "e" in self._entries[-1]:
            self._drop(len(self._entries) - 1)

    def place(self, entry: Body) -> str:
        """Where an entry stands, in words that no other entry of this job ever has: items of loops
        forget their entries, so that a name and its occurrence come again."""
        return " ".join((*self._items(len(self._entries)), entry["n"], str(entry["i"])))

    def spot(self) -> str:
        """Where the run is, in words that are the same whenever it comes here again, and no other
        place's: behind which entry, at which items of which loops, inside which step."""
        return " ".join((*self._items(self._next), str(self._next), self.busy))

    def has_loops(self) -> bool:
        return bool(self._loops)

    def leave(self, entry: Body) -> None:
        """The loop of this entry was left before its end: it will not change any more."""
        self._left.append(entry)

    def check_spent(self) -> None:
        """At the function's end: everything remembered was asked for."""
        if self._next < len(self._entries):
            entry = self._entries[self._next]
            raise Misfit(
                "The journal does not fit the code: the function has ended, and never asked for "
                f"{_told(entry)}, which it did before. This job is over; a retry is a new one, "
                "which begins at the top."
            )

    def inline(self, page: Sequence[Body] = ()) -> list[Body]:
        """What belongs into the job's own record, once there is this new page: as it is now, for
        entries still change, and what was not written is not to be where others go on with it."""
        behind = self.paged + len(page)
        inline = self._entries[behind:]
        for place in self._changing:
            if place >= behind:
                inline[place - behind] = dict(inline[place - behind])
        return inline

    def text(self, page: Sequence[Body] = ()) -> str:
        """The same as JSON; what does not change any more is encoded once."""
        return _array(self._spelled()[len(page) :])

    def text_of(self, page: Sequence[Body]) -> str:
        return _array(self._spelled()[: len(page)])

    def overflow(self) -> list[Body]:
        """Entries for a page of their own, once there are too many; `turn` when it is written."""
        if sum(map(len, self._written)) <= self._room:
            return []
        rest = self._entries[self.paged :]
        until = next((i for i, entry in enumerate(rest) if self._is_open(entry)), len(rest))
        if sum(map(len, self._written[until:])) > MOST_INLINE:
            while sum(map(len, self._written[until:])) > MOST_INLINE:
                self._forget_last()
            raise TooLarge(
                f"One item of run.each remembers over {MOST_INLINE:,} bytes: let its steps give "
                "less, or make the item a job of its own by run.map."
            )
        return rest[:until]

    def _forget_last(self) -> None:
        """What the record has no room for: it came last, and nobody asks for it again."""
        last = self._entries[-1]
        self._drop(len(self._entries) - 1)
        if self._next > len(self._entries):
            self._next -= 1
            self._counts[last["n"]] -= 1

    def turn(self, page: list[Body]) -> None:
        self.paged += len(page)
        del self._written[: len(page)]
        self._changing = [n for n in self._changing if n >= self.paged]

    def _drop(self, place: int) -> None:
        """The entries from there on."""
        del self._entries[place:], self._written[place - self.paged :]
        self._loops = [n for n in self._loops if n < place]
        self._changing = [n for n in self._changing if n < place]

    def _items(self, before: int) -> Iterator[str]:
        """At which items the loops are that began before this place."""
        loops = (self._entries[n] for n in self._loops if n < before)
        return (f"{loop['i']}.{loop['at']}" for loop in loops)

    def _spelled(self) -> list[bytes]:
        for place in self._changing:
            self._written[place - self.paged] = write_json(self._entries[place])
        return self._written

    def _is_open(self, entry: Body) -> bool:
        """May it still change?"""
        if entry["k"] not in ("each", "map", "signal") or entry.get("done"):
            return False
        return all(entry is not left for left in self._left)

    def _pass(self, name: str) -> None:
        self._next += 1
        self._counts[name] = self._counts.get(name, 0) + 1


class _Inside:
    """See `Journal.inside`. No generator's context: each step makes one."""

    __slots__ = ("_journal", "_name")

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal, self._name = journal, name

    def __enter__(self) -> None:
        self._journal.busy = self._name

    def __exit__(self, *_: object) -> None:
        self._journal.busy = ""


def copied(value: Any) -> Any:
    """A value as the journal gives it back: the first time too, so that both are alike."""
    if isinstance(value, FLAT):
        return value  # nobody can change it
    return json.loads(write_json(value))


def _array(written: Sequence[bytes]) -> str:
    return f"[{b','.join(written).decode()}]"


def _written(entry: Body) -> bytes:
    written = write_json(entry)
    if len(written) > LARGEST:
        raise Oversized(
            f"{_told(entry)} gives {len(written):,} bytes, and a journal remembers at most "
            f"{LARGEST:,} of one value: keep it elsewhere, and remember where."
        )
    return written


def _told(entry: Body) -> str:
    return _named(entry["k"], entry["n"], entry["i"])


def _named(kind: str, name: str, occurrence: int) -> str:
    which = f" (number {occurrence + 1} of that name)" if occurrence else ""
    return f"{kind} {name!r}{which}"
