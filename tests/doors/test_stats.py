"""The statistics over REST."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.job import STATUSES
from app.testing import OwnClock
from app.wsgi import create_app
from tests.doors.at_work import work
from tests.doors.conftest import declared
from tests.doors.shown import shown
from tests.doors.test_jobs import pointers

STATS = "/v1/stats"


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def room(settings: Settings, clock: OwnClock) -> Room:
    return Room(declared(), replace(wiring.make_ports(settings), clock=clock))


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback")).test_client()


def submit(room: Room, operation: str, **params: Any) -> None:
    room.engine.submit(Submission(operation, params), LOCAL)


def told(client: FlaskClient, **sent: Any) -> Any:
    answer = client.get(STATS, **sent)
    assert answer.status_code == 200
    return answer.json


def test_nothing_is_counted_too(client: FlaskClient) -> None:
    """Each status with none, and each of a day's minutes."""
    stats = told(client)
    assert stats["totals"] == dict.fromkeys(STATUSES, 0)
    assert stats["operations"] == {}
    assert len(stats["series"]) == 1440
    assert stats["series"][-1] == {
        "minute": "2026-01-01T00:00:00.000Z", "started": 0, "succeeded": 0, "failed": 0,
    }  # fmt: skip


def test_jobs_are_counted(client: FlaskClient, room: Room) -> None:
    """In all, for each operation with its durations, and by the minute."""
    submit(room, "later", text="a")
    submit(room, "fail", how="refused")
    work(room)
    submit(room, "later", text="b")
    stats = told(client)
    none = dict.fromkeys(STATUSES, 0)
    assert stats["totals"] == none | {"succeeded": 1, "failed": 1, "queued": 1}
    later = stats["operations"]["later"]
    assert later == none | {"succeeded": 1, "queued": 1} | dict.fromkeys(
        ("p50", "p95", "p99"), 0.0001
    )
    assert stats["operations"]["fail"]["failed"] == 1
    assert stats["series"][-1] == {
        "minute": "2026-01-01T00:00:00.000Z", "started": 2, "succeeded": 1, "failed": 1,
    }  # fmt: skip


def test_an_operation_that_never_ended_has_no_durations(client: FlaskClient, room: Room) -> None:
    submit(room, "later", text="a")
    assert told(client)["operations"]["later"]["p50"] is None


def test_the_series_is_of_the_last_day(client: FlaskClient, room: Room, clock: OwnClock) -> None:
    """To the minute; after it totals alone remember."""
    submit(room, "later", text="a")
    work(room)
    clock.sleep(86400 - 60)
    stats = told(client)
    assert stats["series"][0]["succeeded"] == 1
    clock.sleep(60)
    stats = told(client)
    assert sum(each["succeeded"] for each in stats["series"]) == 0
    assert stats["totals"]["succeeded"] == 1


def test_others_are_not_counted(client: FlaskClient, room: Room) -> None:
    submit(room, "later", text="a")
    work(room)
    other = told(client, headers=shown(room, "read", "other"))
    assert (other["totals"]["succeeded"], other["operations"]) == (0, {})


def test_a_room_without_tallies_has_totals(client: FlaskClient, room: Room) -> None:
    """Where they are switched off, what can be counted otherwise is."""
    room.engine.settlement.tally = None
    submit(room, "later", text="a")
    work(room)
    stats = told(client)
    assert (stats["totals"]["succeeded"], stats["operations"]) == (1, {})


def test_statistics_take_nothing(client: FlaskClient) -> None:
    assert pointers(client.get(f"{STATS}?day=1")) == ["/day"]
