"""Callbacks at the doors: asked for by each of them, their secret, and a test of an address."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.room.enter import Room
from tests.doors.shown import shown

URL = "https://example.com/hook"
LATER = {"operation": "later", "params": {"text": "x"}}


def call(client: FlaskClient, method: str, params: Any, **headers: str) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return client.post("/rpc", json=message, headers=headers).json


def test_each_door_takes_a_callback(client: FlaskClient) -> None:
    """One job, many of a batch, and JSON-RPC: the job shows it, to its owner."""
    asked = LATER | {"callback_url": URL}
    one = client.post("/v1/jobs", json=asked).json
    (of_many,) = client.post("/v1/jobs/batch", json={"jobs": [asked]}).json["items"]
    by_rpc = call(client, "jobs.submit", asked)["result"]
    for job in (one, of_many, by_rpc):
        assert job is not None
        assert job["callback_url"] == URL
        assert client.get(f"/v1/jobs/{job['id']}").json == job
    assert [one["source"], by_rpc["source"]] == ["rest", "rpc"]


def test_over_rpc_a_submission_is_what_it_is_over_rest(client: FlaskClient) -> None:
    """Its members, its idempotency, and pointers to what is wrong."""
    first = call(client, "jobs.submit", LATER | {"key": "k", "priority": 7})["result"]
    assert (first["key"], first["priority"]) == ("k", 7)
    again = call(client, "jobs.submit", LATER, **{"Idempotency-Key": "k"})["result"]
    assert again["id"] == first["id"]
    for wrong, pointers in (
        (LATER | {"callback_url": "http://example.com"}, ["/callback_url"]),
        (LATER | {"params": {"text": 1}}, ["/params/text"]),
        ({"params": {}}, ["/operation"]),
    ):
        error = call(client, "jobs.submit", wrong)["error"]
        assert error["code"] == -32602
        assert [each["pointer"] for each in error["data"]["errors"]] == pointers
    assert call(client, "jobs.submit", {"operation": "none"})["error"]["code"] == -32601


def test_the_secret_is_the_owners_and_for_admins(client: FlaskClient, room: Room) -> None:
    """Told and rotated by the scope admin alone; nothing on the way keeps a copy."""
    secret, rotate, me = "/v1/webhooks/secret", "/v1/webhooks/secret/rotate", shown(room)
    mine = client.get(secret, headers=me)
    assert mine.headers["Cache-Control"] == "no-store"
    assert mine.json == client.get(secret, headers=me).json
    assert client.get(secret, headers=shown(room, owner="other")).json != mine.json
    turned = client.post(rotate, json={"overlap": "2h"}, headers=me)
    assert turned.json == client.get(secret, headers=me).json != mine.json
    assert client.post(rotate, headers=me).status_code == 200
    for scope in ("read", "run"):
        less = shown(room, scope)
        for answer in (client.get(secret, headers=less), client.post(rotate, headers=less)):
            assert (answer.status_code, "whsec_" in answer.text) == (403, False)


@pytest.mark.parametrize("overlap", [-1, "soon", None, True])
def test_an_overlap_is_a_duration(client: FlaskClient, overlap: Any) -> None:
    """Of no less than nothing."""
    answer = client.post("/v1/webhooks/secret/rotate", json={"overlap": overlap})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/overlap"


def test_a_test_is_a_job(client: FlaskClient, room: Room) -> None:
    """Accepted with its Location; of a wrong address none is made; not for who may only read."""
    answer = client.post("/v1/webhooks/test", json={"url": URL})
    assert answer.status_code == 202
    assert answer.json == client.get(answer.headers["Location"]).json
    assert answer.json["params"]["url"] == URL
    for body, pointer in (
        ({"url": "http://example.com"}, "/url"),
        ({}, "/url"),
        ({"a": 1}, "/url"),
    ):
        wrong = client.post("/v1/webhooks/test", json=body)
        assert (wrong.status_code, wrong.json["errors"][0]["pointer"]) == (422, pointer)
    assert len(client.get("/v1/jobs").json["items"]) == 1
    reader = shown(room, "read")
    refused = client.post("/v1/webhooks/test", json={"url": URL}, headers=reader)
    assert refused.status_code == 403


def test_no_door_calls_what_delivers(client: FlaskClient) -> None:
    """Else anybody who may run something could send anything in this service's name."""
    params = {"url": URL, "host": "example.com", "event": "x", "job": None}
    named = {"operation": "webhooks.deliver", "params": params}
    assert client.post("/v1/jobs", json=named).status_code == 404
    assert client.post("/v1/operations/webhooks.deliver", json=params).status_code == 404
    assert call(client, "webhooks.deliver", params)["error"]["code"] == -32601
    assert "webhooks.deliver" not in client.get("/openapi.json").text
    assert "webhooks.deliver" not in client.get("/v1/operations").text
