"""The machine's own time, and ids made of it."""

import os
import time
from collections.abc import Callable
from threading import Lock

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)  # ten bits at a time


class SystemClock:
    """The machine's time."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class Ulids:
    """ULIDs that grow with each call in a process, also within a millisecond, also when the clock
    steps back.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lines: dict[int, _Line] = {}

    def __call__(self, prefix: str) -> str:
        pid = os.getpid()
        # A fork would copy a lock that may be held, and numbers that the parent goes on to use.
        line = self._lines.get(pid) or self._lines.setdefault(pid, _Line())
        stamp, number = line.next(int(self._now() * 1000))
        return f"{prefix}_{stamp}{_text(number, 80)}"


class _Line:
    """The numbers of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._millisecond = -1
        self._stamp = ""
        self._number = 0

    def next(self, millisecond: int) -> tuple[str, int]:
        with self._lock:
            if millisecond > self._millisecond:
                self._millisecond = millisecond
                self._stamp = _text(millisecond, 50)
                # The highest bit stays free, so counting on never overflows.
                self._number = int.from_bytes(os.urandom(10)) >> 1
            else:
                self._number += 1
            return self._stamp, self._number


def _text(number: int, bits: int) -> str:
    return "".join([PAIRS[number >> shift & 1023] for shift in range(bits - 10, -1, -10)])
