"""Cron lines against a checker of our own, through ten years and twenty zones.

In the usual run each change of a wall clock is looked at, with the two days around it, and the ends
of Februaries; MANYDOORS_TEST_LONG=1 looks at every minute of the ten years.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from app.room.timing import CronTimes
from tests.room.cron_by_hand import due, walls

DAY = 86400
LINES = (
    "* * * * *",
    "*/7 1-2 * * 0",
    "*/10 2 * * *",
    "15 */2 * * *",
    "*/60 2 * * *",
    "30 2 * * *",
    "0 3 * * *",
    "0 0 * * *",
    "0 0,1,2,3 * * *",
    "5,35 1-3 * * *",
    "59 23 31 12 *",
    "45 1 * 3,4,10,11 *",
    "0 9-17/2 * * 1-5",
    "0 12 13 * 5",
    "0 0 29 2 *",
    "*/20 5 28-29 2 *",
)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # moved by half an hour
    "Pacific/Apia",
    "America/Havana",  # moved at midnight
    "Asia/Tehran",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Europe/London",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "UTC",
    "Asia/Gaza",
    "America/Santiago",
    "Africa/Cairo",
    "Antarctica/Troll",  # moved by two hours
    "Asia/Beirut",
    "Pacific/Easter",
    "America/St_Johns",
    "Asia/Kolkata",
)
YEARS = range(2024, 2034)
LONG = bool(os.environ.get("MANYDOORS_TEST_LONG"))


def test_a_skipped_day() -> None:
    """Samoa had no 30 December 2011: what the wall skipped comes once, as the next day begins."""
    first = int(datetime(2011, 12, 28, 22, tzinfo=UTC).timestamp())
    for line in LINES:
        agrees("Pacific/Apia", line, first, first + 4 * DAY)
    times = CronTimes("0 3 * * *", "Pacific/Apia")
    apia = ZoneInfo("Pacific/Apia")
    told = [datetime.fromtimestamp(t, apia).strftime("%d %H:%M") for t in until(times, first, 4)]
    assert told == ["29 03:00", "31 00:00", "31 03:00", "01 03:00"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_line_comes_due_as_by_hand(zone: str) -> None:
    """None missed, none doubled, none early, around each change of the wall clock."""
    moments = [*shifts(zone), *(stamp(year, 2, 28, 12) for year in YEARS)]
    for moment in moments:
        for line in LINES:
            agrees(zone, line, moment - DAY // 2, moment + DAY)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("zone", ZONES)
def test_every_minute_of_ten_years(zone: str) -> None:
    """The same, of every minute."""
    if not LONG:
        pytest.skip("takes minutes: set MANYDOORS_TEST_LONG=1 to run it")
    for year in YEARS:
        for line in LINES:
            agrees(zone, line, stamp(year, 1, 1, 0), stamp(year + 1, 1, 1, 0))


def agrees(zone: str, line: str, first: int, last: int) -> None:
    """The first minutes are only looked at to know how far the wall clock had been."""
    by_hand = due(line, minutes(zone, first - DAY // 2, last))
    wanted = [moment for moment in by_hand if moment > first]
    times = CronTimes(line, zone)
    found = [int(t) for t in takewhile(lambda moment: moment <= last, times.after(first))]
    assert found == wanted, (zone, line)
    # Asked anew from anywhere, it goes on as if it had been asked from the start.
    for moment in wanted[:: max(1, len(wanted) // 8)]:
        assert next(times.after(moment - 0.001)) == moment, (zone, line)


@lru_cache(maxsize=4)
def minutes(zone: str, first: int, last: int) -> list[tuple[int, datetime]]:
    return walls(zone, first, last)


def shifts(zone: str) -> Iterator[int]:
    """The hours in which a zone's offset changes."""
    place = ZoneInfo(zone)
    before = None
    for hour in range(stamp(YEARS[0], 1, 1, 0), stamp(YEARS[-1] + 1, 1, 1, 0), 3600):
        offset = datetime.fromtimestamp(hour, place).utcoffset()
        if before not in (None, offset):
            yield hour
        before = offset


def stamp(year: int, month: int, day: int, hour: int) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp())


def until(times: CronTimes, first: float, count: int) -> list[float]:
    following = times.after(first)
    return [next(following) for _ in range(count)]
