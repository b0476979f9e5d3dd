"""Pages of other origins: those that are named call by a key, and nothing else of theirs counts."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Settings
from app.doors.doorkeeper import COOKIE
from app.doors.guests import MAY_READ, MAY_SEND
from app.room.enter import Room
from app.wsgi import create_app
from tests.doors.at_work import work
from tests.doors.shown import made, shown

PAGE = "https://cats.example"
CALL = "/v1/operations/echo.text"
ALLOWED = "Access-Control-Allow-Origin"


def at(room: Room, *origins: str, **settings: Any) -> FlaskClient:
    made = Settings(origins=origins, log_level="ERROR", max_body=1000, **settings)
    return create_app(room, made).test_client()


def asked(client: FlaskClient, path: str, method: str = "POST", **more: str) -> TestResponse:
    """The preflight that a browser sends for such a request."""
    wishes = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x"}
    return client.options(path, headers={"Origin": PAGE} | wishes | more)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (CALL, "GET, POST"),  # the short way
        ("/v1/operations/none.such", "GET, POST"),
        ("/v1/jobs/job_1/cancel", "POST"),
        ("/v1/schedules/a%20b", "DELETE, GET, PUT"),
        ("/pairs/x", "DELETE, POST"),  # an operation's own
        ("/files/a/b", "GET"),
        ("/rpc", "POST"),
        ("/mcp", "POST"),
        ("/v1/nowhere", "DELETE, GET, PATCH, POST, PUT"),
    ],
)
def test_a_preflight_is_answered_without_a_key(room: Room, path: str, methods: str) -> None:
    """With what may be sent there, for two hours, and for that origin alone."""
    answer = asked(at(room, PAGE), path)
    assert (answer.status_code, answer.data) == (204, b"")
    told = {name: value for name, value in answer.headers if name.startswith("Access-")}
    assert told == {
        ALLOWED: PAGE,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": MAY_SEND,
        "Access-Control-Max-Age": "7200",
    }
    assert answer.headers["Vary"] == "Origin"


def test_into_a_network_of_ones_own(room: Room) -> None:
    """Those that are named may come from the world's pages; any page may not."""
    wish = {"Access-Control-Request-Private-Network": "true"}
    allowed = "Access-Control-Allow-Private-Network"
    assert asked(at(room, PAGE), CALL, **wish).headers[allowed] == "true"
    assert allowed not in asked(at(room, "*"), CALL, **wish).headers


def test_answers_of_every_kind_can_be_read(room: Room) -> None:
    """Results, what became a job, events, problems of each door, and what has not changed."""
    client, headers = at(room, PAGE), shown(room, "run") | {"Origin": PAGE}
    job = client.post("/v1/operations/later", json={"text": "a"}, headers=headers)
    work(room)
    seen = client.get("/v1/operations", headers=headers).headers["ETag"]
    answers = {
        200: client.post(CALL, json={"text": "a"}, headers=headers),
        202: job,
        304: client.get("/v1/operations", headers=headers | {"If-None-Match": seen}),
        400: client.post(CALL, data="{", content_type="application/json", headers=headers),
        401: client.post(CALL, json={"text": "a"}, headers={"Origin": PAGE}),
        404: client.get("/v1/nowhere", headers=headers),
        405: client.delete("/rpc", headers=headers),
        413: client.post("/pairs/x", data="x" * 2000, headers=headers),
        422: client.get("/echo/a?times=x", headers=headers),
        429: client.post("/v1/operations/fail", json={"how": "busy"}, headers=headers),
        500: client.post("/v1/operations/fail", json={"how": "x"}, headers=headers),
    }
    events = client.get(job.headers["Location"] + "/events", headers=headers)
    rpc = client.post("/rpc", json={"jsonrpc": "2.0", "id": 1, "method": "x"}, headers=headers)
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert b"event: end" in events.data
    for answer in (*answers.values(), events, rpc):
        assert answer.headers.getlist(ALLOWED) == [PAGE]
        assert answer.headers["Access-Control-Expose-Headers"] == MAY_READ
        assert "Origin" in answer.headers.getlist("Vary")
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_no_page_that_is_not_named(room: Room) -> None:
    """Is told anything, or may change anything, whatever its key."""
    client = at(room, PAGE)
    for origin in ("https://dogs.example", "http://cats.example", PAGE + ":81", "null", PAGE + "."):
        headers = shown(room, "run") | {"Origin": origin}
        assert client.post(CALL, json={"text": "a"}, headers=headers).status_code == 403
        for answer in (client.get("/echo/a", headers=headers), asked(client, CALL, Origin=origin)):
            assert "Access-Control" not in str(answer.headers)
            assert answer.headers.getlist("Vary")[-1] == "Origin"


def test_a_cookie_is_for_our_own_pages(room: Room) -> None:
    """With it a named page gets nothing, and can't call the console, nor sign anybody in."""
    client = at(room, PAGE)
    signed = client.post("/console/sign-in", data={"key": made(room, "run")})
    assert COOKIE in str(signed.headers)
    own, theirs = {"Origin": "http://localhost"}, {"Origin": PAGE}
    assert client.post(CALL, json={"text": "a"}, headers=own).status_code == 200
    assert client.post(CALL, json={"text": "a"}, headers=theirs).status_code == 401
    assert client.get("/echo/a", headers=theirs).status_code == 401
    for path in ("/console/sign-in", "/console/sign-out", "/console/operations/echo.text"):
        answer = client.post(path, data={"key": "x"}, headers=theirs)
        assert (answer.status_code, ALLOWED in answer.headers) == (403, False)
        assert asked(client, path).headers.get(ALLOWED) is None
    assert ALLOWED not in client.get("/jobs", headers=theirs).headers


def test_open_is_for_our_own_pages(room: Room) -> None:
    """A named page shows a key also where this machine's own need none."""
    client = at(room, PAGE, open="loopback")
    for headers in ({}, {"Authorization": "Bearer md_a_b"}):
        mine, theirs = (headers | {"Origin": o} for o in ("http://localhost", PAGE))
        assert client.post(CALL, json={"text": "a"}, headers=mine).status_code == 200
        assert client.post(CALL, json={"text": "a"}, headers=theirs).status_code == 503
        assert client.get("/echo/a", headers=theirs).status_code == 503


def test_any_page_with_a_key(room: Room) -> None:
    """Where that is set: told by a star, so that no browser adds a cookie."""
    client, headers = at(room, "*"), shown(room, "run")
    for origin in (PAGE, "null"):
        answer = client.post(CALL, json={"text": "a"}, headers=headers | {"Origin": origin})
        assert (answer.status_code, answer.headers[ALLOWED]) == (200, "*")
        refused = client.post(CALL, json={"text": "a"}, headers={"Origin": origin})
        assert refused.status_code == 401
    own = client.post(CALL, json={"text": "a"}, headers=headers | {"Origin": "http://localhost"})
    assert (own.status_code, ALLOWED in own.headers) == (200, False)


def test_another_name_is_refused_with_it(room: Room) -> None:
    """A name that leads here from elsewhere is no way in for a named page either."""
    client = at(room, PAGE, hosts=("doors.example",))
    headers = shown(room, "run") | {"Origin": PAGE, "Host": "rebound.example"}
    assert client.post(CALL, json={"text": "a"}, headers=headers).status_code == 403
