"""Starts in a sliding window of time: never more than so many in any `per` seconds.

Starts are kept one by one up to `FINE` of them. Of more, those of the same fiftieth of the window
are kept together and leave it together, when the last of them does: so what is let through may be
a little late, and is never too much.
"""

from app.room.policy import Rate

FINE = 50

Starts = tuple[tuple[float, float, int], ...]  # the first, the last, how many


def remembered(starts: Starts, rate: Rate, now: float) -> Starts:
    """Those that still count. What lies far ahead was written by a clock that was wrong."""
    return tuple(each for each in starts if now < each[1] + rate.per <= now + 2 * rate.per)


def count(starts: Starts) -> int:
    return sum(number for _, _, number in starts)


def with_one(starts: Starts, rate: Rate, now: float) -> Starts:
    if starts and rate.calls > FINE and 0 <= now - starts[-1][0] < rate.per / FINE:
        first, last, number = starts[-1]
        return (*starts[:-1], (first, max(last, now), number + 1))
    return (*starts, (now, now, 1))


def opens(starts: Starts, rate: Rate) -> float | None:
    """When the oldest leave the window."""
    return min((last + rate.per for _, last, _ in starts), default=None)
