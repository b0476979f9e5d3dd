"""Cron lines by brute force, as Debian's cron reads them, and nothing of cronsim in it: each minute
that passes is looked at, on the clock of the wall."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True)
class Line:
    """Five fields of numbers, stars, ranges, lists and steps."""

    text: str

    @cached_property
    def _fields(self) -> list[set[int]]:
        return [_numbers(*each) for each in zip(self.text.split(), BOUNDS, strict=True)]

    @property
    def goes_by_the_wall(self) -> bool:
        minute, hour, *_ = self.text.split()
        return not (minute.startswith("*") or hour.startswith("*"))

    @cached_property
    def _both_days(self) -> bool:
        """Debian's rule: a star in either makes it an "and"."""
        _, _, day, _, weekday = self.text.split()
        return day.startswith("*") or weekday.startswith("*")

    def fits(self, wall: datetime) -> bool:
        minutes, hours, days, months, weekdays = self._fields
        if wall.minute not in minutes or wall.hour not in hours or wall.month not in months:
            return False
        by_day = wall.day in days
        by_weekday = bool({wall.isoweekday(), wall.isoweekday() % 7} & weekdays)
        return (by_day and by_weekday) if self._both_days else (by_day or by_weekday)


def walls(zone: str, first: int, last: int) -> list[tuple[int, datetime]]:
    """Each minute from the first to the last, and what the wall clock shows then."""
    place = ZoneInfo(zone)
    return [(t, datetime.fromtimestamp(t, place).replace(tzinfo=None)) for t in
            range(first, last + 1, 60)]  # fmt: skip


def due(line: str, minutes: list[tuple[int, datetime]]) -> list[int]:
    """All due times of these minutes but the first, which only tells where the wall clock was."""
    read = Line(line)
    if not read.goes_by_the_wall:
        return [moment for moment, wall in minutes[1:] if read.fits(wall)]
    return list(_by_the_wall(read, minutes))


def _by_the_wall(line: Line, minutes: list[tuple[int, datetime]]) -> Iterator[int]:
    """Each time that the wall clock reaches or jumps over for the first time counts, and what it
    jumped over together counts once."""
    furthest = minutes[0][1]
    for moment, wall in minutes[1:]:
        hit = False
        while furthest < wall:
            furthest += MINUTE
            hit = hit or line.fits(furthest)
        if hit:
            yield moment


def _numbers(text: str, bounds: tuple[int, int]) -> set[int]:
    low, high = bounds
    numbers: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        start, _, end = span.partition("-")
        if span == "*":
            first, last = low, high
        else:
            first = int(start)
            last = int(end or (high if step else start))
        numbers |= set(range(first, last + 1, int(step or 1)))
    return numbers
