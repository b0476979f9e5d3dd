"""The brim of the queue: over so many queued jobs of one owner, submissions are `busy`.

Counting is cheap and not free, so a process counts again only after it has accepted a hundredth of
the brim itself; in between it adds up. So the brim is passed by a hundredth for each process at
most, and who submits little never counts at all.
"""

from dataclasses import dataclass

from app.ports import Clock, Records
from app.room.errors import Busy
from app.room.job import JOBS, QUEUED

MOST_QUEUED = 100_000
STEP = 100  # parts of the brim between two counts
AGAIN = 1.0  # seconds between two counts of a full queue
SHORTEST, LONGEST = 1.0, 60.0  # seconds that a caller is told to stay away
MOST_KNOWN = 10_000  # owners that a process remembers


@dataclass
class Level:
    """Of one owner's queue."""

    queued: int = 0  # at the last count
    counted_at: float | None = None  # by the monotonic clock: the other may be set back
    since: int = 0  # accepted here since
    drained: float = 0.0  # jobs a second, between the last two counts


class Brim:
    """Of one store, as one process sees it."""

    def __init__(self, records: Records, clock: Clock, most: int = MOST_QUEUED) -> None:
        self._records, self._clock, self.most = records, clock, most
        self._levels: dict[str, Level] = {}

    def check(self, owner: str, number: int) -> None:
        """`Busy`, with the time that the queue takes to make room, unless so many more find it."""
        level = self._level(owner)
        is_full = level.counted_at is not None and level.queued + level.since + number > self.most
        if self._is_old(level) if is_full else level.since + number > self.most // STEP:
            self._count(owner, level)
            is_full = level.queued + number > self.most
        if is_full:
            over = level.queued + level.since + number - self.most
            after = over / level.drained if level.drained > 0 else SHORTEST
            raise Busy(
                f"{level.queued:,} jobs are queued, and no more than {self.most:,} may be "
                "(MANYDOORS_MAX_QUEUED).",
                after=min(LONGEST, max(SHORTEST, after)),
            )

    def accepted(self, owner: str, number: int) -> None:
        self._level(owner).since += number

    def _level(self, owner: str) -> Level:
        if owner not in self._levels and len(self._levels) >= MOST_KNOWN:
            self._levels.clear()
        return self._levels.setdefault(owner, Level())

    def _is_old(self, level: Level) -> bool:
        return level.counted_at is None or self._clock.monotonic() >= level.counted_at + AGAIN

    def _count(self, owner: str, level: Level) -> None:
        queued = self._records.count(JOBS, owner=owner, label=QUEUED)
        now = self._clock.monotonic()
        if level.counted_at is not None and now > level.counted_at:
            gone = level.queued + level.since - queued
            level.drained = max(0.0, gone / (now - level.counted_at))
        level.queued, level.counted_at, level.since = queued, now, 0
