"""When something comes due: by a cron line in a zone, or by an interval from an anchor.

Frozen values that are asked, and decide nothing. Times are seconds since the epoch. A cron line is
read as Debian's cron does: one whose minute or hour begins with a star goes by the time that
passes; any other goes by the clock on the wall, so what falls into a gap of summer time comes once,
right after it, and what the wall shows twice comes once, the first time.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice, takewhile
from math import ceil, floor
from typing import TYPE_CHECKING

from app.room.errors import ManydoorsError

if TYPE_CHECKING:
    from cronsim import CronSim

DAY = 86400.0
LAST = 253402300799.0  # of what RFC 3339 can say
LONGEST_LINE = 500  # characters
SHIFTED = 3 * 3600.0  # seconds behind a day on which the wall clock was moved


class BadTimes(ManydoorsError):
    """What never comes due. `at` is the part that is wrong; its text says what to do."""

    def __init__(self, at: str, why: str) -> None:
        super().__init__(why)
        self.at = at


@dataclass(frozen=True)
class CronTimes:
    """At the times of a five-field cron line, in an IANA zone."""

    line: str
    tz: str = "UTC"

    def after(self, moment: float) -> Iterator[float]:
        """Each due time later than that, the earliest first; `BadTimes` where there can be none."""
        zone = _zone(self.tz)
        lines = self._simulated(_local(floor(moment), zone))
        for due in lines:
            found = due.timestamp()
            if found <= moment:  # from within an hour that comes twice it starts at the first
                continue
            if not lines.fixup_tz:
                yield from _overlooked(lines, moment, found, zone)
            moment = found
            yield moment

    def _simulated(self, start: datetime) -> "CronSim":
        from cronsim import CronSim, CronSimError  # a process without schedules needs none

        try:
            return CronSim(self.line, start)
        except CronSimError as error:
            raise BadTimes("cron", str(error)) from None


@dataclass(frozen=True)
class EveryTimes:
    """Again and again, an interval apart, the first one interval after the anchor."""

    interval: float
    anchor: float

    def after(self, moment: float) -> Iterator[float]:
        turn = max(1, ceil((moment - self.anchor) / self.interval))
        while True:
            due = self.anchor + turn * self.interval
            if due > LAST:
                return
            if due > moment:
                yield due
            turn += 1


Times = CronTimes | EveryTimes


def cron_times(line: object, tz: object = "UTC") -> CronTimes:
    """Raises `BadTimes` for a line that cannot be read or never comes due, and a zone that there
    is not."""
    if not isinstance(line, str) or len(line.split()) != 5:
        raise BadTimes("cron", "five fields, as in '0 3 * * *'")
    if len(line) > LONGEST_LINE:
        raise BadTimes("cron", f"at most {LONGEST_LINE} characters")
    if not isinstance(tz, str):
        raise BadTimes("tz", "no such zone; try 'Europe/Berlin'")
    made = CronTimes(line, tz)
    if next(made.after(datetime.now(UTC).timestamp()), None) is None:
        raise BadTimes("cron", "it never comes due")
    return made


def upcoming(times: Times, after: float, count: int) -> list[float]:
    return list(islice(times.after(after), count))


def latest(times: Times, after: float, until: float, most: int) -> list[float]:
    """The last `most` due times later than `after`, and no later than `until`; a long time costs
    little more than a short one."""
    window = float(most)
    while True:
        start = max(after, until - window)
        found = deque(takewhile(lambda due: due <= until, times.after(start)), most)
        if start <= after or len(found) == most:
            return list(found)
        window *= 4


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # a process without schedules needs none

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):  # OSError: "Europe" is a folder
        raise BadTimes("tz", "no such zone; try 'Europe/Berlin'") from None


def _overlooked(lines: "CronSim", moment: float, found: float, zone: tzinfo) -> Iterator[float]:
    """The due times between the two, where cronsim found none.

    Of lines that go by the time that passes it overlooks some where the wall clock is moved by
    half an hour, or at midnight: a day on which it is moved is looked through minute by minute.
    """
    day = moment
    while day < found:
        until = min(day + DAY, found)
        if _offset(until, zone) != _offset(day, zone):
            until = min(until + SHIFTED, found)
            for minute in range(floor(day / 60) * 60 + 60, ceil(until), 60):
                wall = _local(minute, zone)
                fits = wall.minute in lines.minutes and wall.hour in lines.hours
                if fits and wall.month in lines.months and lines.match_day(wall.date()):
                    yield float(minute)
        day = until


def _offset(moment: float, zone: tzinfo) -> float:
    return (_local(moment, zone).utcoffset() or timedelta()).total_seconds()


def _local(moment: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(zone)
