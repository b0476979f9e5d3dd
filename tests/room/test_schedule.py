"""The schedule record: what is owed, and what each change makes of it."""

from dataclasses import replace
from typing import Any

import pytest

from app.ports import Record
from app.room import schedule
from app.room.errors import Invalid
from app.room.schedule import LATE, MOST_OWED, Plan, checked, job_id, owed, revision

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
HOUR = 3600.0


def made(**plan: Any) -> Record:
    given = Plan("op", **({"every": "1h"} | plan))
    return replace(schedule.new("n", "me", checked(given, 1.0), "rest", NOW), version=1)


@pytest.mark.parametrize(
    ("catch_up", "late", "dues"),
    [
        ("one", 0.0, [1]),
        ("one", LATE - 1, [1]),
        ("one", 5 * HOUR, [6]),
        ("one", 5.5 * HOUR, [6]),
        ("all", 5.5 * HOUR, [1, 2, 3, 4, 5, 6]),
        ("none", 5.5 * HOUR, []),
        ("none", 5 * HOUR, [6]),
        ("none", 0.0, [1]),
        ("none", LATE - 1, [1]),
        ("none", LATE + 1, []),
        ("all", -1.0, []),
    ],
)
def test_what_is_owed(catch_up: Any, late: float, dues: list[int]) -> None:
    """All that is a little late; of what was missed none, the latest, or all."""
    record = made(catch_up=catch_up)
    now = NOW + HOUR + late
    assert owed(record, now, now) == [NOW + due * HOUR for due in dues]


def test_a_short_stall_loses_nothing() -> None:
    """Whatever is owed of what was missed: a clock that is started again after a minute makes up
    for each second of it."""
    record = made(every="1s", catch_up="none")
    assert len(owed(record, NOW + 60, NOW + 60)) == 60


@pytest.mark.parametrize("line", ["* * * * *", "*/2 * * * *"])
def test_at_most_a_hundred(line: str) -> None:
    """Of what was missed, the latest."""
    record = made(cron=line, every=None, catch_up="all")
    now = NOW + 3 * 86400
    found = owed(record, now, now)
    assert len(found) == MOST_OWED
    assert found[-1] == now


def test_a_look_ahead() -> None:
    """What comes until then is owed too, whatever was missed."""
    record = made(every="1h", catch_up="none")
    now = NOW + 5.5 * HOUR
    assert owed(record, now, now + HOUR) == [NOW + 6 * HOUR]


def test_the_past_is_dealt_with_once() -> None:
    """After its jobs were made, the same moment owes nothing."""
    record = made(catch_up="all")
    now = NOW + 3 * HOUR
    after = schedule.fired(record, [], now, now)
    assert owed(after, now, now) == []
    assert after.due == after.body["next"] == NOW + 4 * HOUR


@pytest.mark.parametrize("change", [{"params": {"a": 1}}, {"catch_up": "all"}])
def test_an_edit_keeps_what_is_owed(change: dict[str, Any]) -> None:
    """While the times are the same."""
    record = made()
    now = NOW + 5.5 * HOUR
    after = schedule.edited(record, replace(schedule.plan_of(record), **change), now)
    assert after.due == NOW + HOUR
    assert owed(after, now, now)[-1] == NOW + 5 * HOUR


@pytest.mark.parametrize(
    "change", [{"every": "10m"}, {"every": None, "cron": "* * * * *", "tz": "UTC"}]
)
def test_other_times_owe_nothing_of_the_past(change: dict[str, Any]) -> None:
    """The past of a plan that nobody had made is not made up for."""
    record = made()
    now = NOW + 5.5 * HOUR
    after = schedule.edited(record, replace(schedule.plan_of(record), **change), now)
    assert owed(after, now, now) == []
    assert after.due is not None
    assert after.due > now


def test_a_pause_owes_nothing() -> None:
    """While paused nothing is due, and what would have come is not made up for."""
    plan = schedule.plan_of(made())
    paused = schedule.edited(made(), replace(plan, enabled=False), NOW + 10)
    assert (paused.due, paused.body["next"]) == (None, None)
    assert schedule.to_come(paused, NOW + 10) == []
    again = schedule.edited(paused, plan, NOW + 5.5 * HOUR)
    assert again.due == NOW + 6 * HOUR
    assert owed(again, NOW + 5.5 * HOUR, NOW + 5.5 * HOUR) == []


def test_the_rules_of_a_zone_may_change() -> None:
    """What is owed is asked of the zone as it is known now, not as it was when it was written."""
    record = made(every=None, cron="0 3 * * *", tz="Europe/Berlin")
    assert record.due == NOW + 2 * HOUR
    moved = replace(record, body=record.body | {"plan": record.body["plan"] | {"tz": "UTC"}})
    assert owed(moved, NOW + 2 * HOUR, NOW + 2 * HOUR) == []
    after = schedule.fired(moved, [], NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert after.due == NOW + 3 * HOUR
    earlier = {"tz": "Asia/Kolkata"}  # 21:30 of the day before, and 21:30 today
    moved = replace(record, body=record.body | {"plan": record.body["plan"] | earlier})
    assert owed(moved, NOW + 24 * HOUR, NOW + 24 * HOUR) == [NOW + 21.5 * HOUR]


@pytest.mark.parametrize(
    ("plan", "pointer"),
    [
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"cron": "0 3 * *"}, "/cron"),
        ({"cron": ""}, "/cron"),
        ({"cron": "0 3 * * *", "tz": "Mars/Phobos"}, "/tz"),
        ({"cron": "0 3 * * *", "every": "1h"}, "/every"),
        ({}, "/cron"),
        ({"every": "0s"}, "/every"),
        ({"every": "999ms"}, "/every"),
        ({"every": "soon"}, "/every"),
        ({"every": -1}, "/every"),
        ({"every": "36501d"}, "/every"),
        ({"cron": "1," * 250 + "1 * * * *"}, "/cron"),
        ({"every": "1h", "tz": "Europe/Berlin"}, "/tz"),
    ],
)
def test_what_is_wrong_is_named(plan: dict[str, Any], pointer: str) -> None:
    """By a pointer to it."""
    with pytest.raises(Invalid) as told:
        checked(Plan("op", **plan), 1.0)
    assert [each.pointer for each in told.value.errors] == [pointer]


def test_the_shortest_interval() -> None:
    """Is a second here, and a minute where something ticks each minute."""
    assert checked(Plan("op", every="1s"), 1.0)
    assert checked(Plan("op", every="1m"), 60.0)
    with pytest.raises(Invalid, match=r"not valid") as told:
        checked(Plan("op", every="59s"), 60.0)
    assert told.value.errors[0].detail == "Must be at least 60 s."


@pytest.mark.parametrize("name", ["", "x" * 129, "a/b", "a@b", " a", ".", "..", "a\nb", "a\\b"])
def test_bad_names(name: str) -> None:
    """Names stand in paths, and what has an @ comes from the code."""
    with pytest.raises(Invalid) as told:
        schedule.check_name(name)
    assert told.value.errors[0].pointer == "/name"


@pytest.mark.parametrize("name", ["nightly", "a.b-c_d", "Täglich um 3", "x" * 128])
def test_good_names(name: str) -> None:
    """Most names are fine."""
    schedule.check_name(name)


def test_a_due_times_job() -> None:
    """Has an id of its own, which sorts by the due time, and is the same whoever asks."""
    record = made()
    ids = [job_id(record, NOW + n) for n in range(100)]
    assert ids == sorted(set(ids))
    assert ids == [job_id(record, NOW + n) for n in range(100)]
    assert {len(id) for id in ids} == {30}
    plan = replace(schedule.plan_of(record), params={"a": 1})
    assert job_id(schedule.edited(record, plan, NOW + 1), NOW) != ids[0]


def test_the_revision() -> None:
    """Changes with what is asked of it, and not as it comes due."""
    record = made()
    assert revision(schedule.fired(record, [], NOW + HOUR, NOW + HOUR)) == revision(record)
    plan = replace(schedule.plan_of(record), enabled=False)
    assert revision(schedule.edited(record, plan, NOW)) != revision(record)
