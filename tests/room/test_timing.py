"""When something comes due: values that are asked."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.room.timing import BadTimes, CronTimes, EveryTimes, cron_times, latest, upcoming


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


TABLE = [
    ("0 3 * * *", "UTC", "2026-01-01 00:00", ["01-01 03:00", "01-02 03:00"]),
    ("0 3 * * *", "UTC", "2026-01-01 03:00", ["01-02 03:00", "01-03 03:00"]),
    ("*/20 9-10 * * mon", "UTC", "2026-01-01 00:00", ["01-05 09:00", "01-05 09:20"]),
    ("0 12 13 * 5", "UTC", "2026-01-01 00:00", ["01-02 12:00", "01-09 12:00"]),
    ("0 0 l * *", "UTC", "2026-01-01 00:00", ["01-31 00:00", "02-28 00:00"]),
    # A gap of an hour: what the wall skips comes once, right after it.
    ("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["03-29 03:00", "03-30 02:30"]),
    ("0,30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", ["03-29 03:00", "03-30 02:00"]),
    ("30 * * * *", "Europe/Berlin", "2026-03-29 01:00", ["03-29 01:30", "03-29 03:30"]),
    # An hour that comes twice: once by the wall, twice by the time that passes.
    ("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", ["10-25 02:30", "10-26 02:30"]),
    ("30 * * * *", "Europe/Berlin", "2026-10-25 01:45", ["10-25 02:30", "10-25 02:30"]),
    # Half an hour, and midnight.
    ("*/10 2 * * *", "Australia/Lord_Howe", "2026-04-05 01:00", ["04-05 02:00", "04-05 02:10"]),
    ("*/7 1 * * *", "America/Havana", "2026-03-07 23:00", ["03-08 01:00", "03-08 01:07"]),
]


@pytest.mark.parametrize(("line", "tz", "after", "dues"), TABLE)
def test_a_line_in_a_zone(line: str, tz: str, after: str, dues: list[str]) -> None:
    """The next ones, as the wall clock there shows them."""
    found = upcoming(cron_times(line, tz), at(after, tz), len(dues))
    walls = [datetime.fromtimestamp(each, ZoneInfo(tz)) for each in found]
    assert [wall.strftime("%m-%d %H:%M") for wall in walls] == dues
    assert found == sorted(set(found))


def test_within_the_hour_that_comes_again() -> None:
    """Asked in the second turn of an hour, the first one is past."""
    second_turn = at("2026-10-25 00:30") + 3600 - 60  # 02:29 in Berlin, the second time
    found = upcoming(CronTimes("30 2 * * *", "Europe/Berlin"), second_turn, 1)
    assert found == [at("2026-10-26 02:30", "Europe/Berlin")]


@pytest.mark.parametrize(
    ("line", "tz", "part"),
    [
        ("0 0 30 2 *", "UTC", "cron"),
        ("0 0 31 4,6 *", "UTC", "cron"),
        ("61 * * * *", "UTC", "cron"),
        ("* * * *", "UTC", "cron"),
        ("* * * * * *", "UTC", "cron"),
        ("@daily", "UTC", "cron"),
        (None, "UTC", "cron"),
        ("0 3 * * *", "Mars/Phobos", "tz"),
        ("0 3 * * *", "Europe", "tz"),
        ("0 3 * * *", None, "tz"),
    ],
)
def test_what_never_comes_due(line: object, tz: object, part: str) -> None:
    """Is an error that names the part that is wrong."""
    with pytest.raises(BadTimes) as told:
        cron_times(line, tz)
    assert told.value.at == part


def test_29_february() -> None:
    """Comes each four years."""
    found = upcoming(cron_times("0 0 29 2 *"), at("2026-01-01"), 3)
    assert [datetime.fromtimestamp(each, UTC).year for each in found] == [2028, 2032, 2036]


@given(
    st.sampled_from([1.0, 1.5, 7.0, 60.0, 86400.0]),
    st.integers(0, 10**9),
    st.floats(-(10**6), 10**7, allow_nan=False),
)
def test_an_interval(interval: float, anchor: int, since: float) -> None:
    """Counts from its anchor, and first comes due one interval after it."""
    times = EveryTimes(interval, float(anchor))
    moment = anchor + since
    first, second = islice(times.after(moment), 2)
    assert first > moment
    assert first >= anchor + interval
    assert first - interval <= max(moment, anchor)
    assert second - first == pytest.approx(interval)
    assert ((first - anchor) / interval).is_integer()
    assert next(times.after(first)) == second


@pytest.mark.parametrize(
    "times",
    [
        EveryTimes(1.0, 0.0),
        EveryTimes(3600.0, 5.0),
        CronTimes("* * * * *"),
        CronTimes("*/5 * 1 * *", "Europe/Berlin"),
        CronTimes("0 0 29 2 *"),
    ],
    ids=str,
)
@pytest.mark.parametrize("days", [0, 0.001, 1, 40])
@pytest.mark.parametrize("most", [1, 7])
def test_the_latest(times: CronTimes | EveryTimes, days: float, most: int) -> None:
    """Are the last of all in between, the end with it and the beginning not."""
    until = at("2028-03-01 00:00")
    since = until - days * 86400
    everything = []
    for due in times.after(since):
        if due > until or len(everything) > 4_000_000:
            break
        everything.append(due)
    assert latest(times, since, until, most) == everything[-most:]
