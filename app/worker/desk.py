"""What a keeper sees of its runner at any moment, also of one that has just died: shared memory."""

import mmap
import struct

NOW = struct.Struct("=Qd")


class Desk:
    """Which job lies on the runner's desk, by its number, and since when. Made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, NOW.size)

    def begin(self, number: int, now: float) -> None:
        """`now` by the monotonic clock, which all processes share."""
        NOW.pack_into(self._memory, 0, number, now)

    def clear(self) -> None:
        NOW.pack_into(self._memory, 0, 0, 0.0)

    def look(self) -> tuple[int, float] | None:
        number, since = NOW.unpack_from(self._memory)
        return (number, since) if number else None
