"""Messages that callers bring to topics and queues: jobs of those who take them, all or none."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import Queue, Topic, wiring
from app.config import Settings
from app.doors.topics import Messages
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.errors import Forbidden
from app.room.operation import Registry
from app.wsgi import create_app

NEWS, ORDERS = "/v1/topics/news", "/v1/queues/orders"


@pytest.fixture
def room(settings: Settings) -> Room:
    registry = Registry()

    @registry.operation("news.read", on=[Topic("news")])
    def read(title: str, stars: int = 0) -> str:
        return title

    @registry.operation("news.keep", on=[Topic("news"), Queue("orders")])
    def keep(message: object) -> object:
        return message

    @registry.operation("greet", scope="admin")
    def greet(name: str) -> str:
        return name

    return Room(registry, wiring.make_ports(settings))


@pytest.fixture
def client(room: Room, settings: Settings) -> FlaskClient:
    return create_app(room, settings).test_client()


def jobs(answer: Any) -> list[tuple[str, Any]]:
    assert answer.status_code == 202, answer.json
    return [(each["operation"], each["params"]) for each in answer.json["items"]]


def test_each_taker_gets_a_job(client: FlaskClient) -> None:
    """Its parameters are the members of the message, or all of it is its `message`."""
    made = client.post(NEWS, json={"title": "Cats"})
    assert jobs(made) == [
        ("news.read", {"title": "Cats"}),
        ("news.keep", {"message": {"title": "Cats"}}),
    ]
    assert {each["source"] for each in made.json["items"]} == {"topic"}
    assert client.get(made.json["items"][0]["links"]["self"]).json["status"] == "queued"


@pytest.mark.parametrize("value", ["text", 7, None, [1, "a"], True, {"a": 1}])
def test_any_json_is_a_message(client: FlaskClient, value: Any) -> None:
    said = client.post(ORDERS, data=json.dumps(value), content_type="application/json")
    assert jobs(said) == [("news.keep", {"message": value})]


def test_a_key_makes_them_once(client: FlaskClient) -> None:
    """The same message again gives the same jobs; another is invalid; without, each is new."""
    keyed = {"Idempotency-Key": "k"}
    first, again = (client.post(NEWS, json={"title": "a"}, headers=keyed) for _ in range(2))
    assert [each["id"] for each in first.json["items"]] == [
        each["id"] for each in again.json["items"]
    ]
    other = client.post(NEWS, json={"title": "b"}, headers=keyed)
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "/key")
    new = [client.post(ORDERS, json=1).json["items"][0]["id"] for _ in range(2)]
    assert new[0] != new[1]


@pytest.mark.parametrize("path", ["/v1/topics/orders", "/v1/queues/news", "/v1/topics/x"])
def test_where_nobody_listens(client: FlaskClient, path: str) -> None:
    """Unknown, and it is said how to take it; a topic is no queue."""
    answer = client.post(path, json={})
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/unknown")
    assert "declare one with on=[" in answer.json["detail"]


def test_what_does_not_fit_makes_no_job_at_all(client: FlaskClient, room: Room) -> None:
    """The pointers lead into the message."""
    answer = client.post(NEWS, json={"title": "a", "stars": "many"})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/stars")
    assert room.engine.list(LOCAL).items == ()


def test_a_message_may_name_an_operation(client: FlaskClient) -> None:
    """As those of SQS and SNS; and a CloudEvent, which then comes once for its source and id."""
    named = {"operation": "greet", "params": {"name": "Ada"}}
    assert jobs(client.post(ORDERS, json=named)) == [("greet", {"name": "Ada"})]
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/a",
        "type": "greet",
        "data": {"name": "b"},
    }
    made = [client.post(ORDERS, json=event) for _ in range(2)]
    assert jobs(made[0]) == [("greet", {"name": "b"})]
    assert made[0].json["items"][0]["id"] == made[1].json["items"][0]["id"]


def test_scopes_hold(room: Room) -> None:
    """To bring a message takes `run`, and what it names its own."""
    with pytest.raises(Forbidden):
        Messages(room, Caller("me", "read")).bring("queue", "orders", 1, None)
    told = Messages(room, Caller("me", "run")).bring("queue", "orders", 1, None)
    assert told["items"][0]["owner"] == "me"
    with pytest.raises(Forbidden):
        Messages(room, Caller("me", "run")).bring("queue", "orders", {"operation": "greet"}, None)


def test_bodies_are_read_as_any(client: FlaskClient) -> None:
    """Strictly, of one type, up to the cap."""
    assert client.post(NEWS, data=b"{").status_code == 415
    assert client.post(NEWS, data=b"{", content_type="application/json").status_code == 400
    assert client.post(f"{NEWS}?a=1", json={}).status_code == 422
    assert client.post(NEWS, json={"title": "x" * 2000}).status_code == 413
    assert client.get(NEWS).status_code == 405


def test_a_large_message_becomes_a_job(tmp_path: Path, room: Room) -> None:
    """One of more than a record keeps too."""
    client = create_app(room, Settings(open="loopback", data=tmp_path / "data")).test_client()
    made = client.post(ORDERS, json="x" * 300_000)
    assert set(made.json["items"][0]["params"]) == {"file", "url"}
