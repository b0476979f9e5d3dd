"""The page of schedules, as plain HTML."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.room.call import LOCAL
from app.room.enter import Room
from app.room.schedule import Plan, plan_of
from app.room.standing import tend
from app.room.trigger import Cron


@pytest.fixture
def nightly(room: Room) -> str:
    plan = Plan("later", {"text": "hi"}, cron="0 3 * * *", tz="Europe/Berlin", catch_up="all")
    room.calendar.put("nightly <b>", plan, LOCAL, "test")
    return "nightly <b>"


def act(client: FlaskClient, what: str, name: str) -> Any:
    return client.post(f"/console/schedules/{what}", data={"name": name})


def enabled(room: Room, name: str) -> bool:
    return plan_of(room.calendar.get(name, LOCAL)).enabled


def test_none_yet(client: FlaskClient) -> None:
    """It says how to make one, and that works."""
    page = client.get("/schedules").text
    assert "No schedules yet" in page
    body = page.split("-d &#39;")[-1] if "-d &#39;" in page else page.split("-d '")[-1]
    told = json.loads(body.split("'</code>")[0].replace("&#34;", '"').removesuffix("&#39;"))
    assert set(told) == {"operation", "params", "cron", "tz"}


def test_each_is_shown(client: FlaskClient, nightly: str) -> None:
    """By name, with its next five due times on the wall of its zone; what it holds is escaped."""
    page = client.get("/schedules").text
    assert "nightly &lt;b&gt;" in page
    assert "<b>nightly" not in page
    assert page.count("03:00") == 5
    assert "Europe/Berlin" in page
    assert "catches up all" in page


def test_paused_and_resumed(client: FlaskClient, room: Room, nightly: str) -> None:
    """By a button each, and then seen on the page."""
    answer = act(client, "pause", nightly)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/schedules")
    assert not enabled(room, nightly)
    page = client.get("/schedules").text
    assert "Paused" in page
    assert "Resume" in page
    act(client, "resume", nightly)
    assert enabled(room, nightly)


def test_run_now(client: FlaskClient, nightly: str) -> None:
    """Leads to the job, which the page then names."""
    answer = act(client, "run", nightly)
    assert answer.status_code == 303
    assert client.get(answer.headers["Location"]).status_code == 200
    assert answer.headers["Location"] in client.get("/schedules").text


@pytest.mark.parametrize("what", ["pause", "resume", "run"])
def test_what_is_gone(client: FlaskClient, what: str) -> None:
    """Is told on the page of those that are there."""
    answer = act(client, what, "nobody")
    assert answer.status_code == 404
    assert "There is no such schedule." in answer.text


def test_of_the_code(client: FlaskClient, room: Room) -> None:
    """It is shown where it comes from, and can be paused."""
    room.registry.operation("timed", on=[Cron("0 3 * * *")])(lambda: None)
    tend(room.registry, room.ports)
    (record,) = room.calendar.list(LOCAL).items
    name = record.body["name"]
    assert "from the code" in client.get("/schedules").text
    assert act(client, "pause", name).status_code == 303
    assert not enabled(room, name)


def test_pages(client: FlaskClient, room: Room) -> None:
    """Fifty each, and a link to the next."""
    for n in range(51):
        room.calendar.put(f"s{n:02}", Plan("later", {"text": "a"}, every="1h"), LOCAL, "test")
    first = client.get("/schedules").text
    assert "s49" in first
    assert "s50" not in first
    assert 'rel="next"' in first
    following = first.split('rel="next"')[0].rpartition('href="')[2].split('"')[0]
    assert "s50" in client.get(following.replace("&amp;", "&")).text
    assert client.get("/console/schedules").headers["Location"] == "/schedules"
