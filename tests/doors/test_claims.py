"""Large params and results at the doors: they go in as any, and come out whole or by a URL."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.room.boundary import FOREVER, Control
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.size import MB
from app.room.strict_json import write_json
from tests.doors.test_rpc import CODES

LATER = "/v1/operations/later"
LARGE = "\U0001f408" * 50_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(open="loopback", data=tmp_path / "data")


def fetched(client: FlaskClient, url: str) -> Any:
    """What is behind a signed URL."""
    with client.get(url) as got:
        assert (got.status_code, got.mimetype) == (200, "application/json")
        return json.loads(got.data)


def run(room: Room) -> None:
    for claimed in room.engine.claim(9):
        ending = room.engine.execute(claimed, Control(FOREVER, lambda *_: None))
        room.engine.settle([(claimed, ending)])


def submitted(client: FlaskClient, room: Room, text: str = LARGE, **headers: str) -> Any:
    made = client.post(LATER, json={"text": text}, headers=headers)
    assert made.status_code == 202
    run(room)
    return client.get(made.json["links"]["self"]).json


def test_a_job_tells_where_they_are(client: FlaskClient, room: Room) -> None:
    """Each by a URL that gives it as JSON."""
    job = submitted(client, room)
    assert job["status"] == "succeeded"
    assert set(job["params"]) == set(job["result"]) == {"file", "url"}
    assert fetched(client, job["params"]["url"]) == {"text": LARGE}
    listed = client.get("/v1/jobs").json["items"][0]
    assert listed["params"]["file"] == job["params"]["file"]


def test_the_result_is_elsewhere(client: FlaskClient, room: Room) -> None:
    """303, and who follows it has it."""
    job = submitted(client, room)
    answer = client.get(job["links"]["result"])
    assert (answer.status_code, answer.location) == (303, job["result"]["url"])
    assert fetched(client, answer.location) == LARGE


def test_who_waits_gets_it_whole(client: FlaskClient, room: Room) -> None:
    """As long as the door can say it; else 303, with the job."""
    job = submitted(client, room, **{"Idempotency-Key": "k"})
    headers = {"Idempotency-Key": "k", "Prefer": "wait=0"}
    whole = client.post(LATER, json={"text": LARGE}, headers=headers)
    assert (whole.status_code, whole.json) == (200, LARGE)
    room.answer_most = len(write_json(LARGE)) - 1
    sent_on = client.post(LATER, json={"text": LARGE}, headers=headers)
    assert (sent_on.status_code, sent_on.json["id"]) == (303, job["id"])
    assert fetched(client, sent_on.location) == LARGE


def test_rpc_gives_the_value_or_the_job(client: FlaskClient, room: Room) -> None:
    """There is no 303 in JSON-RPC."""
    job = submitted(client, room, **{"Idempotency-Key": "k"})
    headers = {"Idempotency-Key": "k", "Prefer": "wait=0"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "later", "params": {"text": LARGE}}
    assert client.post("/rpc", json=message, headers=headers).json["result"] == LARGE
    room.answer_most = 10
    assert client.post("/rpc", json=message, headers=headers).json["result"]["id"] == job["id"]


def test_a_retry_needs_no_params(client: FlaskClient, room: Room) -> None:
    """The new job has those of the old one."""
    job = submitted(client, room)
    again = client.post(job["links"]["retry"])
    assert again.json["params"]["file"] == job["params"]["file"]
    run(room)
    record = room.engine.get(again.json["id"], LOCAL)
    assert room.claims.result(record) == LARGE


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fill", ["x", "\U0001f408", "\n"], ids=["ascii", "four bytes", "escapes"])
def test_the_bodys_cap_counts_bytes(client: FlaskClient, room: Room, fill: str, more: int) -> None:
    """5 MB, whatever they spell; one more is refused, with a ticket."""
    each, left = len(write_json(fill)) - 2, 5 * MB + more - len(write_json({"text": ""}))
    text = "y" * (left % each) + fill * (left // each)
    body = write_json({"text": text})
    assert len(body) == 5 * MB + more
    made = client.post(LATER, data=body, content_type="application/json")
    if more == 1:
        assert (made.status_code, "ticket" in made.json) == (413, True)
        return
    assert made.status_code == 202
    assert fetched(client, made.json["params"]["url"]) == {"text": text}


def test_without_a_place_for_files_it_is_too_large(client: FlaskClient, room: Room) -> None:
    """At every door, as it was before."""
    room.ports.files.there = False  # type: ignore[misc]
    made = client.post(LATER, json={"text": LARGE})
    assert (made.status_code, made.json["type"]) == (413, "/problems/too_large")
    message = {"jsonrpc": "2.0", "id": 1, "method": "later", "params": {"text": LARGE}}
    told = client.post("/rpc", json=message).json["error"]
    assert told["code"] == CODES["too_large"]


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fill", ["x", "\U0001f408", "\n"], ids=["ascii", "four bytes", "escapes"])
def test_an_answers_cap_counts_bytes(client: FlaskClient, room: Room, fill: str, more: int) -> None:
    """10 MB, whatever they spell; a result of one more is elsewhere, and comes whole from there."""
    each, left = len(write_json(fill)) - 2, 10 * MB + more - 2
    text = "y" * (left % each) + fill * (left // each)
    assert len(write_json(text)) == 10 * MB + more
    room.registry.operation("large")(lambda: text)
    given = client.post("/v1/operations/large", json={}, headers={"Idempotency-Key": "k"})
    assert given.status_code == (303 if more > 0 else 200)
    assert (fetched(client, given.location) if more > 0 else given.json) == text
