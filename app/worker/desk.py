"""What a keeper sees of its runner at any moment, also of one that has just died: shared memory."""

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

NUMBER, SINCE, HELD, VOID = range(4)  # places, of eight bytes each
PAGE = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True)
class Now:
    """What lies on the desk: a job's number, since when (by the monotonic clock, which all
    processes share), and the memory that the runner held before it."""

    number: int
    since: float
    held: int


class Desk:
    """Made before the fork. One process writes each place, and each is written in one piece."""

    def __init__(self) -> None:
        memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE))
        self._numbers, self._times = memory.cast("Q"), memory.cast("d")

    # The runner's

    def begin(self, number: int, since: float, held: int = 0) -> None:
        self._times[SINCE], self._numbers[HELD] = since, held
        self._numbers[NUMBER] = number  # last, for it makes the others count

    def clear(self) -> None:
        self._numbers[NUMBER] = 0

    def is_void(self, number: int) -> bool:
        return number <= self._numbers[VOID]

    # The keeper's

    def look(self) -> Now | None:
        number = self._numbers[NUMBER]
        now = Now(number, self._times[SINCE], self._numbers[HELD])
        # Else it has turned to the next one, and this is half of each.
        return now if number and number == self._numbers[NUMBER] else None

    def void(self, number: int) -> None:
        """None up to this number is to be begun any more."""
        self._numbers[VOID] = max(number, self._numbers[VOID])


def memory_of(pid: int) -> int:
    """Bytes of memory that a process holds; 0 where that can not be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
