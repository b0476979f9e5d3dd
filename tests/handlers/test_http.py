"""HTTP by every gateway: what the service answers is what a server of its own would answer."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.doors.rest.straight import Straight
from app.room.call import Call
from app.room.enter import Room
from app.testing import OwnClock
from app.wsgi import create_app
from handlers import http
from handlers.door import House
from handlers.http import Front
from handlers.wsgi import LONGEST_STREAM, visited
from tests.doors.conftest import declared, slow
from tests.handlers import gateways
from tests.handlers.gateways import FORMS, HOST, Asked, Got, got
from tests.handlers.home import Context

JSON = {"Content-Type": "application/json"}
TEXT = "/v1/operations/echo.text"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("http") / "data"
    return Settings(data=data, max_body=1000, hosts=(HOST,), log_level="ERROR")


@pytest.fixture(scope="module")
def room(settings: Settings) -> Room:
    registry = declared()
    registry.operation("fail.slower", timeout=20)(slow)
    ports = wiring.make_ports(settings)
    gateways.let_in(ports.records)
    return Room(registry, ports, limit=None)


@pytest.fixture(scope="module")
def native(room: Room, settings: Settings) -> House:
    """As Lambda has it."""
    return House(room, Front(room, settings))


@pytest.fixture(scope="module")
def by_flask(room: Room, settings: Settings) -> House:
    """All of it through Flask, with no short way."""
    app = create_app(room, settings)
    edge: Any = app.wsgi_app
    assert isinstance(edge.wsgi.wsgi, Straight)
    edge.wsgi.wsgi = edge.wsgi.wsgi.wsgi
    return House(room, _Fixed(room, settings, app))


class _Fixed(Front):
    def __init__(self, room: Room, settings: Settings, app: Flask) -> None:
        super().__init__(room, settings)
        self._wsgi = app.wsgi_app


@pytest.fixture(scope="module")
def client(room: Room, settings: Settings) -> FlaskClient:
    return create_app(room, settings).test_client()


def brought(house: House, given: Any) -> Any:
    clock = OwnClock()
    return house.answer(http, http.knows(given), Context(clock, clock.monotonic() + 30))


def served(client: FlaskClient, asked: Asked, prefix: str, scheme: str) -> Got:
    """By WSGI's own test client, under that prefix."""
    answer = client.open(
        f"{asked.path}?{asked.query}" if asked.query else asked.path,
        method=asked.method,
        data=asked.body,
        headers=asked.all_headers(scheme),
        base_url=f"{scheme}://{HOST}{prefix}",
    )
    return Got(answer.status_code, sorted((n.title(), v) for n, v in answer.headers), answer.data)


NEW = ("Date", "Etag", "Content-Length")  # the last one follows from the body


def kept(given: Got) -> Any:
    """But for what is new each time."""
    lengths = [int(value) for name, value in given.headers if name == "Content-Length"]
    assert all(length == len(given.body) for length in lengths) or not given.body
    body = re.sub(rb"(err|job|file)_[0-9A-Z]{26}", rb"\1_id", given.body)
    body = re.sub(rb"(expires|signature)=[0-9a-f]+", rb"\1=new", body)
    body = re.sub(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z", b"now", body)
    body = re.sub(rb'<span class="aside">[^<]*</span>', b"age", body)
    ids = [(n, re.sub(r"job_[0-9A-Z]{26}", "job_…", v)) for n, v in given.headers]
    return given.status, [each for each in ids if each[0] not in NEW], body


TOOL = b'{"jsonrpc":"2.0","method":"tools/call","id":1,"params":{%s}}'
REQUESTS = {
    "a call": Asked("POST", TEXT, "", JSON, '{"text": "ä"}'.encode()),
    "wrong parameters": Asked("POST", TEXT, "", JSON, b'{"text": 1, "more": 2}'),
    "broken JSON": Asked("POST", TEXT, "", JSON, b"{"),
    "no body": Asked("POST", TEXT, "", JSON),
    "another form": Asked("POST", TEXT, "", {"Content-Type": "text/plain"}, b"{}"),
    "too large": Asked("POST", TEXT, "", JSON, b" " * 1001),
    "a query where none is": Asked("POST", TEXT, "a=1&a=%20", JSON, b"{}"),
    "refused": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "refused"}'),
    "retry": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "retry"}'),
    "a bug": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "bug"}'),
    "exit": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "exit"}'),
    "busy": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "busy"}'),
    "conflict": Asked("POST", "/v1/operations/fail", "", JSON, b'{"how": "conflict"}'),
    "unknown": Asked("POST", "/v1/operations/none", "", JSON, b"{}"),
    "long": Asked("POST", "/v1/operations/later", "", JSON, b'{"text": "a"}'),
    "put off": Asked("POST", TEXT, "", JSON | {"Prefer": "respond-async"}, b'{"text": "a"}'),
    "an own path": Asked("GET", "/echo/abc", "times=3&loud=true"),
    "an own path in UTF-8": Asked("GET", "/echo/J%C3%BCrgen%20%26%20Co", "times=2"),
    "a query in UTF-8": Asked("GET", "/echo/a", "t%C3%A4st=%C3%BC%26x"),
    "a query twice": Asked("GET", "/echo/a", "times=1&times=2"),
    "a query of nothing": Asked("GET", "/echo/a", "times="),
    "a body by an own path": Asked("POST", "/pairs/a", "", JSON, b'{"right": [1, 2]}'),
    "delete": Asked("DELETE", "/pairs/abc", "tags=x&tags=y"),
    "a deep path": Asked("GET", "/files/a/b.txt"),
    "the list": Asked("GET", "/v1/operations", "limit=2"),
    "not acceptable": Asked("GET", "/v1/operations", "", {"Accept": "text/csv"}),
    "known": Asked("GET", "/v1/operations", "", {"If-None-Match": "*"}),
    "a wrong method": Asked("PUT", TEXT, "", JSON, b"{}"),
    "HEAD": Asked("HEAD", "/healthz"),
    "OPTIONS": Asked("OPTIONS", TEXT),
    "alive": Asked("GET", "/healthz"),
    "ready": Asked("GET", "/readyz"),
    "no job": Asked("GET", "/v1/jobs/job_0"),
    "no job's events": Asked("GET", "/v1/jobs/job_0/events"),
    "no path": Asked("GET", "/nowhere"),
    "a page": Asked("GET", "/", "", {"Accept": "text/html"}),
    "an icon": Asked("GET", "/favicon.ico"),
    "the document": Asked("GET", "/openapi.json"),
    "Swagger 2.0": Asked("GET", "/swagger.json"),
    "the docs": Asked("GET", "/docs", "", {"Accept": "text/html"}),
    "JSON-RPC": Asked("POST", "/rpc", "", JSON, b'{"jsonrpc":"2.0","method":"fail","id":1}'),
    "MCP": Asked("POST", "/mcp", "", JSON, TOOL % b'"name":"echo.text","arguments":{"text":"a"}'),
    "MCP, long": Asked("POST", "/mcp", "", JSON, TOOL % b'"name":"later","arguments":1'),
    "another site": Asked("POST", TEXT, "", JSON | {"Origin": "https://evil.example"}, b"{}"),
    "its own site": Asked("POST", TEXT, "", JSON | {"Origin": f"https://{HOST}"}, b"{}"),
    "another name": Asked("GET", "/healthz", "", {"Host": "evil.example"}),
}


LOST = {("a query twice", "balancer"), ("delete", "balancer")}
"""In its single form a load balancer keeps the last of what stands twice in a query."""


@pytest.mark.parametrize(
    ("name", "form"), [(n, f) for n in REQUESTS for f in FORMS if (n, f) not in LOST]
)
def test_every_way_gives_one_answer(
    native: House, by_flask: House, client: FlaskClient, form: str, name: str
) -> None:
    """Natively, by Flask behind the same gateway, and by a server: equal in status, headers and
    body, but for ids and times."""
    write, prefix = FORMS[form]
    asked = REQUESTS[name]
    here = got(brought(native, write(asked)))
    assert kept(here) == kept(got(brought(by_flask, write(asked))))
    assert kept(here) == kept(served(client, asked, prefix, "https"))
    assert ("X-Request-Id", "same") in here.headers


@pytest.mark.parametrize("name", ["a call", "a bug", "no path"])
def test_a_request_has_one_line_in_the_log(
    room: Room, settings: Settings, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """With its id, whichever way it went."""
    loud = Settings(data=settings.data, hosts=(HOST,), log="json")
    brought(House(room, Front(room, loud)), gateways.rest(REQUESTS[name]))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "access" in line]
    assert [line["request_id"] for line in lines] == ["same"]


def test_a_head_has_no_body() -> None:
    def wsgi(environ: Any, start: Callable[..., Any]) -> list[bytes]:
        start("200 OK", [("Content-Length", "3")])
        return [b"abc"]

    told = visited(wsgi, {"REQUEST_METHOD": "HEAD"}, 9e9, OwnClock().monotonic)
    assert (told.body, told.headers) == (b"", [("Content-Length", "3")])


def test_a_body_is_closed_and_written_in_any_way() -> None:
    """By pieces, by `write`, and a status that is changed on the way."""
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Any:
            yield b"b"
            yield b"c"

        def close(self) -> None:
            closed.append(True)

    def wsgi(environ: Any, start: Callable[..., Any]) -> Body:
        start("500 Oh", [])
        start("201 Made", [("A", "b")], None)(b"a")
        return Body()

    told = visited(wsgi, {"REQUEST_METHOD": "GET"}, 9e9, OwnClock().monotonic)
    assert (told.status, told.reason, told.body, closed) == (201, "Made", b"abc", [True])


def test_a_job_is_followed_for_a_while(room: Room, settings: Settings) -> None:
    """A gateway sends no streams: after some seconds the client gets what came, and comes back."""
    clock = OwnClock(room.ports.clock.now())
    room = Room(room.registry, replace(room.ports, clock=clock))
    house = House(room, Front(room, settings))
    job = room.enter(Call("later", {"text": "a"}, asynchronous=True)).job
    began = clock.monotonic()
    asked = Asked("GET", f"/v1/jobs/{job}/events", "", {"Accept": "text/event-stream"})
    given = house.answer(
        http, http.knows(gateways.rest(asked)), Context(clock, clock.monotonic() + 60)
    )
    assert LONGEST_STREAM <= clock.monotonic() - began < 29
    assert b"event: status" in got(given).body


def test_behind_trusted_proxies_their_headers_count(room: Room, settings: Settings) -> None:
    """Then all goes through the whole application, which reads them."""
    behind = Settings(data=settings.data, hosts=("other.example",), trusted_proxies=1)
    house = House(room, Front(room, behind))
    headers = {"X-Forwarded-Host": "other.example"}
    assert brought(house, gateways.rest(Asked("GET", "/healthz", "", headers)))["statusCode"] == 200
    assert brought(house, gateways.rest(Asked("GET", "/healthz")))["statusCode"] == 403


def test_a_call_that_nears_the_gateways_limit_is_told_so(room: Room, settings: Settings) -> None:
    """504 with advice, before the platform ends the function; and the next call has its time."""
    house = House(room, Front(room, settings))
    clock = OwnClock()
    asked = gateways.rest(Asked("POST", "/v1/operations/fail.slower", "", JSON, b"{}"))
    given = got(house.answer(http, http.knows(asked), Context(clock, clock.monotonic() + 2.2)))
    told = json.loads(given.body)
    assert (given.status, told["type"]) == (504, "/problems/timeout")
    assert "no answer can take longer here" in told["detail"]
    assert room.answer_within == float("inf")
