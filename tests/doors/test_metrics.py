"""Prometheus text: read by Prometheus's own parser, of all owners, for admins."""

import math
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families as families

from app import wiring
from app.config import Settings
from app.room.acceptance import Submission
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.job import STATUSES
from app.room.metrics import _gauge
from app.testing import OwnClock
from app.wsgi import create_app
from tests.doors.at_work import work
from tests.doors.conftest import declared
from tests.doors.shown import shown

Told = dict[tuple[str, ...], float]


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def room(settings: Settings, clock: OwnClock) -> Room:
    registry = declared()
    registry.operation("odd", long=True)(lambda: 1)
    return Room(registry, replace(wiring.make_ports(settings), clock=clock))


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback")).test_client()


def told(client: FlaskClient, name: str, **sent: object) -> Told:
    """The samples of one metric, by the values of their labels."""
    answer = client.get("/metrics", **sent)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {each.name: each for each in families(answer.text)}
    assert all(each.documentation and each.type == "gauge" for each in found.values())
    return {tuple(sample.labels.values()): sample.value for sample in found[name].samples}


def test_nothing_is_counted_too(client: FlaskClient) -> None:
    """Each status with none, so that an alarm has a number from the start."""
    none = {(status,): 0.0 for status in STATUSES}
    assert told(client, "manydoors_jobs") == none
    assert told(client, "manydoors_jobs_due") == {(): 0.0}
    assert told(client, "manydoors_oldest_due_job_age_seconds") == {(): 0.0}


def test_jobs_of_all_owners(client: FlaskClient, room: Room) -> None:
    """By status, by operation, with their durations."""
    for caller in (LOCAL, Caller("somebody", "run")):
        room.engine.submit(Submission("later", {"text": "a"}), caller)
        room.engine.submit(Submission("fail", {"how": "refused"}), caller)
    work(room)
    room.engine.submit(Submission("odd"), LOCAL)
    counts = told(client, "manydoors_jobs")
    assert [counts[status,] for status in ("succeeded", "failed", "queued")] == [2, 2, 1]
    assert told(client, "manydoors_operation_jobs")["odd", "queued"] == 1
    ended = told(client, "manydoors_operation_ended_last_day")
    assert (ended["later", "succeeded"], ended["fail", "failed"]) == (2, 2)
    durations = told(client, "manydoors_operation_duration_seconds")
    assert {name for name, _ in durations} == {"later", "fail"}
    assert {quantile for _, quantile in durations} == {"0.5", "0.95", "0.99"}
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in durations.values())


def test_what_waits(client: FlaskClient, room: Room, clock: OwnClock) -> None:
    """The one that is due longest counts, and none that is due later."""
    now = clock.now()
    for due in (now + 5, now + 30, now + 9000):
        room.engine.submit(Submission("later", {"text": "a"}, due=due), LOCAL)
    clock.sleep(60)
    assert told(client, "manydoors_jobs_due") == {(): 2}
    assert told(client, "manydoors_oldest_due_job_age_seconds") == {(): 55}


def test_labels_are_escaped() -> None:
    """Whatever stands in them, the parser reads it back."""
    odd = 'a"b\\c\nd\\n'
    (read,) = families("".join(_gauge("x", "told", [({"operation": odd}, 1)])))
    assert [sample.labels["operation"] for sample in read.samples] == [odd]


def test_it_is_for_admins(client: FlaskClient, room: Room) -> None:
    """As soon as there are keys."""
    assert told(client, "manydoors_jobs", headers=shown(room, "admin", "any"))
    for scope in ("read", "run"):
        assert client.get("/metrics", headers=shown(room, scope, "any")).status_code == 403
    assert client.get("/metrics?day=1", headers=shown(room, "admin", "x")).status_code == 422
