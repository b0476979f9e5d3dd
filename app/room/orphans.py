"""Children whose parent has ended: they are cancelled with it, for nobody asks for them any more.

That a job leaves some is written in the commit that ends it, so that whoever looks next cancels
them, some at a time, whoever dies meanwhile. Theirs follow: a child that ends leaves its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from app.ports import Delete, Ports, Put, Record
from app.ports.cursor import cursor_after
from app.room.children import MAPS
from app.room.errors import Stale, Unavailable
from app.room.job import JOBS, QUEUED, RUNNING, TERMINAL, WAITING

ORPHANED = "orphaned"  # for each job that has ended and may have left children
PORTION = 400  # children at one look
LOOK_EVERY = 1.0  # seconds between looks for what others have left
LEASE = 10.0  # of whoever is at it
AGAIN = 5.0  # seconds after the end for a last look: a store's index may have been behind


class Orphans:
    """Those of one service."""

    def __init__(self, ports: Ports, abandon: Callable[[Sequence[Record]], None]) -> None:
        self._ports, self._abandon = ports, abandon
        self._look_at = float("-inf")

    def hurry(self) -> None:
        """There are some now: the next sweep looks."""
        self._look_at = float("-inf")

    def sweep(self) -> bool:
        """Cancels some; most calls of it do nothing. True if there may be more at once."""
        now = self._ports.clock.now()
        if self._look_at - LOOK_EVERY <= now < self._look_at:
            return False
        self._look_at = now + LOOK_EVERY
        with suppress(Unavailable, Stale):  # or another has it by now, or will
            records = self._ports.records
            for left in records.take(ORPHANED, now=now, until=now + LEASE, limit=1, label=""):
                self._look_at = now
                self._tend(left, now)
                return True
        return False

    def _tend(self, left: Record, now: float) -> None:
        """`left`: what was written at the parent's end. It stays until none is found any more."""
        some: list[Record] = []
        more = False
        for child in self._open(left):
            if more := len(some) == PORTION:
                break
            some.append(child)
        self._abandon(some)
        if some:
            left = replace(left, due=now if more else now + LOOK_EVERY)
        elif now < left.body["ended"] + AGAIN:
            left = replace(left, due=left.body["ended"] + AGAIN)
        else:
            self._ports.records.commit(Delete(ORPHANED, left.id, lease=left.lease))
            return
        self._ports.records.commit(Put(left, left.version, left.lease))

    def _open(self, left: Record) -> Iterator[Record]:
        """Its children that have not ended, and do not know yet."""
        for map in self._maps(left.id):
            for status in (WAITING, QUEUED, RUNNING):
                for child in self._range(map, left.owner, status):
                    if "cancel" not in child.body:
                        yield child

    def _maps(self, parent: str) -> Iterator[str]:
        """Its maps of which not all children have ended."""
        cursor: str | None = None
        while True:
            page = self._ports.records.list(MAPS, label=parent, cursor=cursor, limit=200)
            for tally in page.items:
                if tally.body["ended"] < tally.body.get("total", float("inf")):
                    yield tally.id
            if (cursor := page.next) is None:
                return

    def _range(self, map: str, owner: str, status: str) -> Iterator[Record]:
        """The children of a map stand together, in the order of ids."""
        cursor: str | None = cursor_after(f"{map}-")
        while cursor is not None:
            page = self._ports.records.list(
                JOBS, owner=owner, label=status, newest_first=False, cursor=cursor, limit=100
            )
            for child in page.items:
                if not child.id.startswith(f"{map}-"):
                    return
                yield child
            cursor = page.next


def left_by(ended: Iterable[Record]) -> Sequence[Put]:
    """What lands with the ends of jobs that had children."""
    return [
        Put(
            Record(
                ORPHANED,
                each.id,
                {"ended": each.body["finished"]},
                owner=each.owner,
                due=each.body["finished"],
            ),
            expect=0,
        )
        for each in ended
        if each.label in TERMINAL and "maps" in each.body
    ]
