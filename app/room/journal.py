"""What a run remembers: an entry for each thing it asked for, in the order it asked.

After a crash or a continuation the function runs again from its top, and gets from here what it
had. A journal that does not fit the code any more is an error that says so, never a silent skip.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.ports import Body
from app.room.errors import ManydoorsError
from app.room.strict_json import write_json

INLINE = 1 * 1024  # bytes that each step rewrites in the job's own record; older entries get pages
MOST_INLINE = 64 * 1024  # where one item of `run.each` does so much that pages can't take it
LARGEST = 100 * 1024  # bytes of one remembered value


class Misfit(ManydoorsError):
    """The journal and the code disagree: the code was changed while the job was under way."""


class Journal:
    """Entries: `k` kind, `n` name, `i` occurrence of that name; the rest is the kind's own."""

    def __init__(self, paged: list[Body], inline: list[Body]) -> None:
        self._entries = [*paged, *inline]
        self._sizes = [len(write_json(entry)) for entry in self._entries]
        self.paged = len(paged)
        self._next = 0
        self._counts: dict[str, int] = {}
        self._busy = ""
        self._left: list[Body] = []
        self.advanced = False  # has this run remembered anything yet?

    def ask(self, kind: str, name: str) -> Body | None:
        """The entry that is remembered at this place; None when the run has not been here yet."""
        if self._busy:
            raise Misfit(f"{kind} {name!r} is inside step {self._busy!r}: a step holds no other.")
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
        """A new entry at this place."""
        entry: Body = {"k": kind, "n": name, "i": self._counts.get(name, 0), **more}
        size = _size(entry)
        self._entries.append(entry)
        self._sizes.append(size)
        self._pass(name)
        self.advanced = True
        return entry

    def fits(self, kind: str, name: str, **more: Any) -> bool:
        """May it be remembered here, or has it to be kept elsewhere?"""
        return len(write_json({"k": kind, "n": name, "i": self._counts.get(name, 0), **more})) <= (
            LARGEST
        )

    def measure(self, entry: Body) -> None:
        """To be called after `entry`, one of the newest, has changed."""
        size = _size(entry)
        for index in range(len(self._entries) - 1, -1, -1):
            if self._entries[index] is entry:
                self._sizes[index] = size
                return

    def is_replaying(self) -> bool:
        """Is there something ahead that an earlier run remembered?"""
        return self._next < len(self._entries)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """While a step's function runs."""
        self._busy = name
        try:
            yield
        finally:
            self._busy = ""

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
        del self._entries[place:], self._sizes[place:]
        self._next, self._counts = place, dict(counts)
        self.advanced = True

    def forget_failure(self) -> None:
        """Of the step whose error ended the run, for nothing came after it: it is to run again."""
        if len(self._entries) > self.paged and "e" in self._entries[-1]:
            del self._entries[-1], self._sizes[-1]

    def place(self, entry: Body) -> str:
        """Where an entry stands, in words that no other entry of this job ever has: items of loops
        forget their entries, so that a name and its occurrence come again."""
        loops = (f"{e['i']}.{e['at']}" for e in self._entries if e["k"] == "each")
        return " ".join((*loops, entry["n"], str(entry["i"])))

    def spot(self) -> str:
        """Where the run is, in words that are the same whenever it comes here again, and no other
        place's: behind which entry, at which items of which loops, inside which step."""
        before = self._entries[: self._next]
        loops = (f"{e['i']}.{e['at']}" for e in before if e["k"] == "each")
        return " ".join((*loops, str(self._next), self._busy))

    def has_loops(self) -> bool:
        return any(entry["k"] == "each" for entry in self._entries)

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

    def inline(self) -> list[Body]:
        """What belongs into the job's own record: as it is now, for entries still change, and what
        was not written is not to be in a record that others go on with."""
        return [dict(entry) for entry in self._entries[self.paged :]]

    def overflow(self) -> list[Body]:
        """Entries for a page of their own, once there are too many; `turn` when it is written."""
        if sum(self._sizes[self.paged :]) <= INLINE:
            return []
        rest = range(self.paged, len(self._entries))
        until = next((i for i in rest if self._is_open(self._entries[i])), len(self._entries))
        if sum(self._sizes[until:]) > MOST_INLINE:
            raise ValueError(
                f"One item of run.each remembers over {MOST_INLINE:,} bytes: let its steps give "
                "less, or make the item a job of its own by run.map."
            )
        return self._entries[self.paged : until]

    def turn(self, page: list[Body]) -> None:
        self.paged += len(page)

    def _is_open(self, entry: Body) -> bool:
        """May it still change?"""
        if entry["k"] not in ("each", "map", "signal") or entry.get("done"):
            return False
        return all(entry is not left for left in self._left)

    def _pass(self, name: str) -> None:
        self._next += 1
        self._counts[name] = self._counts.get(name, 0) + 1


def copied(value: Any) -> Any:
    """A value as the journal gives it back: the first time too, so that both are alike."""
    if isinstance(value, bool | int | float | str | None):
        return value  # nobody can change it
    return json.loads(write_json(value))


def _size(entry: Body) -> int:
    size = len(write_json(entry))
    if size > LARGEST:
        raise ValueError(
            f"{_told(entry)} gives {size:,} bytes, and a journal remembers at most "
            f"{LARGEST:,} of one value: keep it elsewhere, and remember where."
        )
    return size


def _told(entry: Body) -> str:
    return _named(entry["k"], entry["n"], entry["i"])


def _named(kind: str, name: str, occurrence: int) -> str:
    which = f" (number {occurrence + 1} of that name)" if occurrence else ""
    return f"{kind} {name!r}{which}"
