"""Schedules over REST and JSON-RPC."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.room.enter import Room
from app.room.standing import tend
from app.room.trigger import Every
from tests.doors.test_rest import problem

NIGHTLY = {
    "operation": "later",
    "params": {"text": "hi"},
    "cron": "0 3 * * *",
    "tz": "Europe/Berlin",
}
AT = "/v1/schedules/nightly"


def send(
    client: FlaskClient, method: str, path: str, body: Any = None, **headers: str
) -> TestResponse:
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.open(path, method=method, headers=named, **sent)


def put(client: FlaskClient, body: Any = NIGHTLY, path: str = AT, **headers: str) -> TestResponse:
    return send(client, "PUT", path, body, **headers)


def rpc(client: FlaskClient, method: str, **params: Any) -> Any:
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return send(client, "POST", "/rpc", message).json


def test_made_and_changed(client: FlaskClient) -> None:
    """201 for a new one, 200 for another plan in its place; both show it, with an ETag."""
    made = put(client)
    assert (made.status_code, made.content_type) == (201, "application/json")
    assert made.json is not None
    assert {"name": "nightly", "owner": "local", "source": "rest", "enabled": True}.items() <= (
        made.json.items()
    )
    assert len(made.json["upcoming"]) == 5
    assert made.json["next_due"] == made.json["upcoming"][0]
    again = put(client, {**NIGHTLY, "catch_up": "all", "enabled": False})
    assert (again.status_code, again.json["catch_up"], again.json["upcoming"]) == (200, "all", [])
    assert made.headers["ETag"] != again.headers["ETag"]
    told = client.get(AT)
    assert told.json == again.json
    assert told.headers["ETag"] == again.headers["ETag"]
    assert client.get(AT, headers={"If-None-Match": told.headers["ETag"]}).status_code == 304


def test_listed(client: FlaskClient) -> None:
    """By name, page by page."""
    for name in ("b", "a", "c"):
        put(client, path=f"/v1/schedules/{name}")
    first = client.get("/v1/schedules?limit=2").json
    rest = client.get(f"/v1/schedules?cursor={first['next']}").json
    assert [each["name"] for each in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next"] is None
    assert problem(client.get("/v1/schedules?limit=0")) == "invalid"


@pytest.mark.parametrize(
    ("change", "kind", "pointers"),
    [
        ({"cron": "0 0 30 2 *"}, "invalid", ["/cron"]),
        ({"tz": "Mars/Phobos"}, "invalid", ["/tz"]),
        ({"cron": None}, "invalid", ["/cron"]),
        ({"every": "1h"}, "invalid", ["/every"]),
        ({"cron": None, "tz": None, "every": "0.5s"}, "invalid", ["/every"]),
        ({"catch_up": "some"}, "invalid", ["/catch_up"]),
        ({"params": {"text": 1}}, "invalid", ["/params/text"]),
        ({"params": []}, "invalid", ["/params"]),
        ({"enabled": "yes"}, "invalid", ["/enabled"]),
        ({"next_due": None}, "invalid", ["/next_due"]),
        ({"name": "nightly"}, "invalid", ["/name"]),
        ({"preview": True}, "invalid", ["/preview"]),
        ({"operation": "nobody"}, "unknown", []),
    ],
)
def test_what_is_wrong_is_named(
    client: FlaskClient, change: dict[str, Any], kind: str, pointers: list[str]
) -> None:
    """By pointers, and nothing is made."""
    answer = put(client, {**NIGHTLY, **change})
    assert problem(answer) == kind
    assert [each["pointer"] for each in answer.json.get("errors", [])] == pointers
    assert problem(client.get(AT)) == "unknown"


@pytest.mark.parametrize("name", ["a@b", "%20a", "x" * 129, "a%5Cb"])
def test_bad_names(client: FlaskClient, name: str) -> None:
    """Are invalid where one is to be made, and unknown elsewhere."""
    answer = put(client, path=f"/v1/schedules/{name}")
    assert problem(answer) == "invalid"
    assert answer.json["errors"][0]["pointer"] == "/name"
    assert problem(client.get(f"/v1/schedules/{name}")) == "unknown"


def test_a_preview(client: FlaskClient) -> None:
    """Shows when it would come due, and writes nothing."""
    answer = put(client, path=f"{AT}?preview=true")
    assert (answer.status_code, len(answer.json["upcoming"])) == (200, 5)
    assert problem(client.get(AT)) == "unknown"
    wrong = put(client, {**NIGHTLY, "cron": "0 0 30 2 *"}, f"{AT}?preview=true")
    assert problem(wrong) == "invalid"


def test_only_what_was_seen(client: FlaskClient, room: Room) -> None:
    """If-Match names the revision, which no due time changes, and each PUT does, be it the same."""
    first = put(client).headers["ETag"]
    put_again = put(client, If_Match=f'"other", {first}')
    assert put_again.status_code == 200
    tag = put_again.headers["ETag"]
    changed = put(client, {**NIGHTLY, "catch_up": "all"}, If_Match=tag)
    assert changed.status_code == 200
    for stale in (first, tag, f"W/{changed.headers['ETag']}", "nonsense", '"'):
        assert problem(put(client, If_Match=stale)) == "precondition"
        assert problem(send(client, "DELETE", AT, If_Match=stale)) == "precondition"
    assert problem(put(client, If_None_Match="*")) == "precondition"
    assert put(client, If_Match="*").status_code == 200
    other = "/v1/schedules/other"
    assert problem(put(client, path=other, If_Match="*")) == "precondition"
    assert put(client, path=other, If_None_Match="*").status_code == 201


def test_run_now(client: FlaskClient) -> None:
    """A job beside those of its due times; once for a key."""
    put(client)
    made = send(client, "POST", f"{AT}/run", Idempotency_Key="k")
    assert made.status_code == 202
    assert made.headers["Location"] == f"/v1/jobs/{made.json['id']}"
    assert (made.json["operation"], made.json["params"]) == ("later", {"text": "hi"})
    again = send(client, "POST", f"{AT}/run", Idempotency_Key="k")
    assert again.json["id"] == made.json["id"]
    assert client.get(AT).json["last_job"] == made.json["id"]


def test_deleted(client: FlaskClient) -> None:
    """And then unknown."""
    put(client)
    gone = client.delete(AT)
    assert (gone.status_code, gone.data) == (204, b"")
    for answer in (client.delete(AT), client.get(AT), client.post(f"{AT}/run")):
        assert problem(answer) == "unknown"


def test_methods(client: FlaskClient) -> None:
    """A path names those that it takes."""
    answer = client.post(AT)
    assert problem(answer) == "not_allowed"
    allowed = {each.strip() for each in answer.headers["Allow"].split(",")}
    assert {"GET", "PUT", "DELETE"} <= allowed


def test_of_the_code(client: FlaskClient, room: Room) -> None:
    """It can be paused, and is changed in the code alone."""
    room.registry.operation("timed", on=[Every("10m")])(lambda: None)
    tend(room.registry, room.ports)
    (shown,) = client.get("/v1/schedules").json["items"]
    assert shown["source"] == "code"
    path = f"/v1/schedules/{shown['name']}"
    plan = {name: shown[name] for name in ("operation", "params", "every", "catch_up")}
    assert problem(client.delete(path)) == "conflict"
    assert problem(put(client, {**plan, "every": "20m"}, path)) == "conflict"
    paused = put(client, {**plan, "enabled": False}, path)
    assert (paused.status_code, paused.json["enabled"]) == (200, False)


def test_rpc(client: FlaskClient) -> None:
    """The same by methods."""
    made = rpc(client, "schedules.put", name="nightly", **NIGHTLY)["result"]
    assert made["source"] == "rpc"
    assert rpc(client, "schedules.get", name="nightly")["result"] == made
    assert rpc(client, "schedules.list")["result"] == {"items": [made], "next": None}
    assert rpc(client, "schedules.run", name="nightly")["result"]["operation"] == "later"
    looked = rpc(client, "schedules.put", name="other", preview=True, **NIGHTLY)["result"]
    assert looked["upcoming"]
    assert rpc(client, "schedules.delete", name="nightly")["result"] is None
    for method in ("get", "delete", "run"):
        assert rpc(client, f"schedules.{method}", name="nightly")["error"]["code"] == -32004
    wrong = rpc(client, "schedules.put", name="a/b", **NIGHTLY)["error"]
    assert (wrong["code"], wrong["data"]["errors"][0]["pointer"]) == (-32602, "/name")
