"""Keys over REST: shown once, listed without the key, ended for everybody."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.ports import Put
from app.room import key
from app.room.call import SCOPES
from app.room.enter import Room
from app.wsgi import create_app
from tests.doors.shown import bearer, made, shown

KEYS = "/v1/keys"
MEMBERS = {"id", "name", "scopes", "owner", "expires_at", "created_at", "last_used_at"}
CALL = "/v1/operations/echo.text"


@pytest.fixture
def admin(room: Room) -> dict[str, str]:
    return shown(room)


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(log_level="ERROR")).test_client()


def create(client: FlaskClient, admin: dict[str, str], **asked: Any) -> Any:
    answer = client.post(KEYS, json={"name": "a", "scopes": ["run"], **asked}, headers=admin)
    assert answer.status_code == 201, answer.text
    return answer.json


def calls(client: FlaskClient, key: str) -> int:
    return client.post(CALL, json={"text": "a"}, headers=bearer(key)).status_code


def test_a_key_is_shown_once(client: FlaskClient, admin: dict[str, str]) -> None:
    """When it is made, and no proxy may keep that answer; never in a list."""
    answer = client.post(KEYS, json={"name": "a", "scopes": ["run"]}, headers=admin)
    told = answer.json
    assert set(told) == MEMBERS | {"key"}
    assert told["key"].startswith(f"md_{told['id']}_")
    assert answer.headers["Cache-Control"] == "no-store"
    assert calls(client, told["key"]) == 200
    listed = client.get(KEYS, headers=admin)
    assert told["key"][-64:] not in listed.text
    assert set(listed.json["items"][0]) == MEMBERS
    assert listed.json["items"][0]["id"] == told["id"]


def test_a_key_has_what_was_asked(client: FlaskClient, admin: dict[str, str]) -> None:
    """Scopes, an owner, an end; by default its maker's owner and no end."""
    asked = {"scopes": ["admin", "read"], "owner": "ada", "expires_at": "2030-01-31T03:00:00+01:00"}
    told = create(client, admin, name="Ada's", **asked)
    assert told["scopes"] == ["read", "admin"]
    assert (told["owner"], told["expires_at"]) == ("ada", "2030-01-31T02:00:00.000Z")
    by_ada = create(client, bearer(told["key"]))
    assert (by_ada["owner"], by_ada["expires_at"]) == ("ada", None)


@pytest.mark.parametrize(
    ("asked", "pointers"),
    [
        ({}, ["/name", "/scopes"]),
        ({"name": "", "scopes": []}, ["/name", "/scopes"]),
        ({"name": "a", "scopes": ["root"]}, ["/scopes/0"]),
        ({"name": "a", "scopes": "run"}, ["/scopes"]),
        ({"name": "a" * 129, "scopes": ["run"], "owner": ""}, ["/name", "/owner"]),
        ({"name": "a", "scopes": ["run"], "expires_at": "2030-01-31"}, ["/expires_at"]),
        ({"name": "a", "scopes": ["run"], "expires_at": "2001-01-31T00:00:00Z"}, ["/expires_at"]),
        ({"name": "a", "scopes": ["run"], "id": "x", "digest": "y"}, ["/digest", "/id"]),
    ],
)
def test_what_is_wrong_is_named(
    client: FlaskClient, admin: dict[str, str], asked: Any, pointers: list[str]
) -> None:
    """Each field, unknown ones too: nobody chooses a key's id or digest."""
    answer = client.post(KEYS, json=asked, headers=admin)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == pointers


def test_a_revoked_key_is_unknown_at_once(client: FlaskClient, admin: dict[str, str]) -> None:
    """Where it was revoked; a second time there is no such key."""
    told = create(client, admin)
    assert calls(client, told["key"]) == 200
    answer = client.delete(f"{KEYS}/{told['id']}", headers=admin)
    assert (answer.status_code, answer.data) == (204, b"")
    assert calls(client, told["key"]) == 401
    assert client.delete(f"{KEYS}/{told['id']}", headers=admin).status_code == 404


def schedule(client: FlaskClient, key: str, *names: str) -> None:
    for name in names:
        asked = {"operation": "echo.text", "params": {"text": "a"}, "every": "1h"}
        made = client.put(f"/v1/schedules/{name}", json=asked, headers=bearer(key))
        assert made.status_code == 201, made.text


def due(room: Room, owner: str) -> list[str]:
    """The names of the schedules that come due."""
    return [each.body["name"] for each in room.calendar.enabled(owner)]


def test_who_revokes_an_owners_last_key_hears_of_its_schedules(
    client: FlaskClient, admin: dict[str, str], room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """They go on, and that is said, in the log too; while there is another key nothing is."""
    first, second = (create(client, admin, owner="ada") for _ in range(2))
    create(client, admin, owner="eve")
    schedule(client, first["key"], "a", "b")
    assert client.delete(f"{KEYS}/{first['id']}", headers=admin).status_code == 204
    answer = client.delete(f"{KEYS}/{second['id']}", headers=admin)
    assert (answer.status_code, answer.json) == (
        200,
        {"id": second["id"], "owner": "ada", "schedules": {"enabled": 2, "disabled": 0}},
    )
    assert due(room, "ada") == ["a", "b"]
    assert "schedules go on whose owner has no key any more" in caplog.messages


def test_schedules_are_paused_with_the_last_key(
    client: FlaskClient, admin: dict[str, str], room: Room
) -> None:
    """For who asks for that; a key that has expired is none. Nobody else's are."""
    first, second = (create(client, admin, owner="ada") for _ in range(2))
    soon = room.ports.clock.now() + 1
    over, _ = key.new("OVER", name="o", scopes=["run"], owner="ada", expires=soon, now=soon - 9)
    room.ports.records.commit(Put(over.changed(body=over.body | {"expires": soon - 8})))
    other = create(client, admin, owner="eve")
    schedule(client, first["key"], "a", "b")
    schedule(client, other["key"], "a")
    asked = "schedules=disable"
    assert client.delete(f"{KEYS}/{first['id']}?{asked}", headers=admin).status_code == 204
    assert due(room, "ada") == ["a", "b"]
    told = client.delete(f"{KEYS}/{second['id']}?{asked}", headers=admin).json
    assert told["schedules"] == {"enabled": 0, "disabled": 2}
    assert (due(room, "ada"), due(room, "eve")) == ([], ["a"])
    assert client.delete(f"{KEYS}/{other['id']}?schedules=keep", headers=admin).status_code == 200


def test_the_hosts_own_schedules_need_no_key(
    client: FlaskClient, admin: dict[str, str], room: Room
) -> None:
    """Its commands look after them."""
    schedule(client, admin["Authorization"].split()[1], "a")
    for each in client.get(KEYS, headers=admin).json["items"]:
        asked = f"{KEYS}/{each['id']}?schedules=disable"
        assert client.delete(asked, headers=admin).status_code == 204
    assert due(room, "local") == ["a"]


@pytest.mark.parametrize("query", ["schedules=stop", "schedules=", "all=1"])
def test_a_wrong_wish_revokes_nothing(
    client: FlaskClient, admin: dict[str, str], query: str
) -> None:
    """It is named."""
    told = create(client, admin)
    answer = client.delete(f"{KEYS}/{told['id']}?{query}", headers=admin)
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json["errors"]] == [f"/{query.partition('=')[0]}"]
    assert calls(client, told["key"]) == 200


def test_a_rotated_key_overlaps(client: FlaskClient, admin: dict[str, str]) -> None:
    """By a day, or by what is asked for; the id stays."""
    told = create(client, admin)
    again = client.post(f"{KEYS}/{told['id']}/rotate", headers=admin).json
    assert again["id"] == told["id"]
    assert [calls(client, each["key"]) for each in (told, again)] == [200, 200]
    last = client.post(f"{KEYS}/{told['id']}/rotate", json={"overlap": 0}, headers=admin).json
    assert [calls(client, each["key"]) for each in (told, again, last)] == [401, 401, 200]
    for overlap in ("soon", -1):
        asked = {"overlap": overlap}
        wrong = client.post(f"{KEYS}/{told['id']}/rotate", json=asked, headers=admin)
        assert wrong.json["errors"][0]["pointer"] == "/overlap"


@pytest.mark.parametrize("id", ["NONE", "..", "a%2Fb", "%00", "é", "a" * 600, "md_x"])
def test_an_id_that_is_none_is_unknown(client: FlaskClient, admin: dict[str, str], id: str) -> None:
    """Whatever is written in its place."""
    for answer in (
        client.delete(f"{KEYS}/{id}", headers=admin),
        client.post(f"{KEYS}/{id}/rotate", headers=admin),
    ):
        assert answer.status_code in (400, 404)
        assert answer.content_type == "application/problem+json"


def test_keys_are_listed_in_pages(client: FlaskClient, admin: dict[str, str]) -> None:
    """The newest first, each once."""
    ids = [create(client, admin, name=f"key {n}")["id"] for n in range(5)][::-1]
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{KEYS}?limit=2{cursor}", headers=admin).json
        found += [each["id"] for each in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert found[:5] == ids
    assert len(found) == len(set(found)) == 6


def test_whoever_is_no_admin_learns_nothing(client: FlaskClient, room: Room) -> None:
    """Not even whether a body is right or a key is there."""
    for scope in SCOPES[:2]:
        headers = shown(room, scope)
        told = {
            client.post(KEYS, json={}, headers=headers).text,
            client.post(KEYS, data=b"{", headers=headers).text,
            client.get(f"{KEYS}?limit=x", headers=headers).text,
        }
        assert len(told) == 1
        assert "forbidden" in told.pop()


def test_the_documents_say_how_to_show_a_key(client: FlaskClient, admin: dict[str, str]) -> None:
    """So that Swagger UI and generated clients know."""
    told = json.loads(client.get("/openapi.json", headers=admin).data)
    assert told["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert {"key": []} in told["security"]
    assert set(told["paths"][KEYS]) == {"get", "post"}
    assert client.get("/swagger.json", headers=admin).status_code == 200


def test_a_limit_is_a_keys_own(client: FlaskClient, room: Room) -> None:
    """429 with Retry-After once it is spent; a batch of requests counts each; others go on."""
    key, other = made(room, "run"), made(room, "run")
    batch = [{"jsonrpc": "2.0", "method": "echo.text", "params": ["a"], "id": n} for n in range(99)]
    told = client.post("/rpc", json=batch, headers=bearer(key)).json
    assert not any("error" in each for each in told)
    kinds = []
    for _ in range(2):
        told = client.post("/rpc", json=batch, headers=bearer(key)).json
        kinds += [each["error"]["data"]["kind"] for each in told if "error" in each]
    assert set(kinds) == {"busy"}
    refused = [client.post(CALL, json={"text": "a"}, headers=bearer(key)) for _ in range(40)]
    busy = next(each for each in refused if each.status_code == 429)
    assert busy.json["type"] == "/problems/busy"
    assert int(busy.headers["Retry-After"]) >= 1
    assert calls(client, other) == 200
    assert client.get("/healthz", headers=bearer(key)).status_code == 200
