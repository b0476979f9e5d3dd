"""Text in paths, queries and headers is bytes from strangers: read strictly, or refused."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import create_environ, run_wsgi_app

from app.config import Settings
from app.room.call import Call, Outcome
from app.room.enter import Room
from app.wsgi import create_app


class Recorder(Room):
    """Keeps the calls that came, and answers null."""

    def __init__(self, room: Room) -> None:
        super().__init__(room.registry, room.ports)
        self.calls: list[Call] = []

    def enter(self, call: Call) -> Outcome:
        self.calls.append(call)
        return Outcome()


def raw(client: FlaskClient, method: str = "GET", **environ: Any) -> tuple[int, Any]:
    """A request of exactly these bytes: a test client would make them valid first."""
    app = client.application
    sent = create_environ("/", method=method) | environ
    body, status, _ = run_wsgi_app(app, sent)
    return int(status[:3]), json.loads(b"".join(body))


def latin(text: bytes) -> str:
    """As WSGI hands bytes over."""
    return text.decode("latin-1")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        pytest.param(b"/echo/\xff", "", id="bad UTF-8 in a path"),
        pytest.param(b"/echo/\xed\xa0\x80", "", id="a surrogate in a path"),
        pytest.param(b"/files/a/\xc3", "", id="a cut character in a path of many"),
        pytest.param(b"/echo/a\0b", "", id="NUL in a path"),
        pytest.param(b"/echo/a", "text=%00", id="NUL in a query"),
        pytest.param(b"/echo/a", "a%00=1", id="NUL in a name"),
        pytest.param(b"/echo/a", "times=%ff", id="bad UTF-8 in a query"),
        pytest.param(b"/echo/a", "%ff=1", id="bad UTF-8 in a name"),
        pytest.param(b"/echo/a", "times=\xff", id="raw bad UTF-8 in a query"),
        pytest.param(b"/v1/operations", "cursor=%00", id="NUL in a cursor"),
        pytest.param(b"/echo/a", "&".join(f"a{n}=1" for n in range(1001)), id="1,001 parameters"),
    ],
)
def test_text_that_is_none_is_malformed(client: FlaskClient, path: bytes, query: str) -> None:
    """400, never a question mark in place of what was sent, and never a 500."""
    status, told = raw(client, PATH_INFO=latin(path), QUERY_STRING=query)
    assert (status, told["type"]) == (400, "/problems/malformed")


def test_a_query_in_raw_utf8_reads_as_one_in_escapes(client: FlaskClient) -> None:
    """Many clients send what was typed, without a percent sign."""
    path = "/pairs/x"
    for query in (latin("tags=ä😀".encode()), "tags=%C3%A4%F0%9F%98%80"):
        status, told = raw(client, "DELETE", PATH_INFO=path, QUERY_STRING=query)
        assert (status, told) == (200, ["x", "ä😀"])


@pytest.mark.parametrize(
    ("method", "path", "pointers"),
    [
        ("GET", "/echo/a?text=b", ["/text"]),
        ("DELETE", "/pairs/a?left=b&tags=c", ["/left"]),
        ("POST", "/pairs/a?x~y/z=1", ["/x~0y~1z"]),
        ("GET", "/v1/operations?a~b/c=1", ["/a~0b~1c"]),
        ("GET", "/v1/operations?limit=1&limit=2", ["/limit"]),
        ("GET", "/v1/operations?cursor=a&cursor=b", ["/cursor"]),
    ],
)
def test_nothing_is_given_twice_and_pointers_are_pointers(
    client: FlaskClient, method: str, path: str, pointers: list[str]
) -> None:
    """Of two values none is chosen for the caller; pointers are escaped (RFC 6901)."""
    answer = client.open(path, method=method, json={} if method == "POST" else None)
    assert answer.status_code == 422
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == pointers  # type: ignore[index]


@pytest.mark.parametrize("path", ["/v1//operations", "/echo//a", "/echo/a/", "/v1/"])
def test_a_path_is_right_or_unknown(client: FlaskClient, path: str) -> None:
    """Nobody is sent elsewhere, least of all by a page of HTML."""
    status, told = raw(client, PATH_INFO=path)
    assert (status, told["type"]) == (404, "/problems/unknown")


@pytest.mark.parametrize(
    ("prefer", "asynchronous", "wait"),
    [
        (None, False, None),
        ("respond-async", True, None),
        ("Respond-Async, wait=5", True, 5),
        ('wait="7"', False, 7),
        ("wait = 9; strict", False, 9),
        ("wait=25", False, 25),
        ("wait=26", False, 25),
        ("wait=" + "9" * 400, False, 25),
        ("wait=1, wait=2", False, 1),
        ("wait=0", False, 0),
        ("wait=-1", False, None),
        ("wait=1.5", False, None),
        ("wait", False, None),
        ('wait="7', False, None),
        ("return=minimal, handling=lenient", False, None),
    ],
)
def test_wishes(room: Room, prefer: str | None, asynchronous: bool, wait: float | None) -> None:
    """Prefer is read as RFC 7240 writes it; over 25 seconds count as 25; nonsense is no wish."""
    recorder = Recorder(room)
    headers = {"Prefer": prefer} if prefer else {}
    client = create_app(recorder, Settings(open="loopback")).test_client()
    client.post("/v1/operations/echo.text", json={}, headers=headers)
    (call,) = recorder.calls
    assert (call.asynchronous, call.wait) == (asynchronous, wait)


def test_a_method_is_not_overridden(room: Room) -> None:
    """Headers and parameters that name another method are just headers and parameters."""
    client = create_app(room, Settings(open="loopback")).test_client()
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = client.delete("/pairs/x", headers={header: "POST"})
        assert (answer.status_code, answer.json) == (200, ["x"])


@pytest.mark.parametrize("charset", ["'utf-16'", "latin-1", '"utf-16"', "utf-8x", "utf_8;", "*"])
def test_another_charset_is_refused_however_it_is_quoted(client: FlaskClient, charset: str) -> None:
    """JSON is UTF-8."""
    sent = f"application/json; charset={charset}"
    answer = client.post("/v1/operations/echo.text", data=b"{}", content_type=sent)
    assert answer.status_code == 415


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("bad chunk"), ValueError("hex")])
@pytest.mark.parametrize("path", ["/v1/operations/echo.text", "/pairs/x", "/rpc"])
def test_a_body_that_breaks_off_is_the_callers_fault(
    client: FlaskClient, path: str, error: Exception
) -> None:
    """Each server has its own error for broken chunks; all of them are 400."""

    class Broken:
        def read(self, *_: Any) -> bytes:
            raise error

    environ = {
        "PATH_INFO": path, "wsgi.input": Broken(), "wsgi.input_terminated": True,
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "",
    }  # fmt: skip
    status, told = raw(client, "POST", **environ)
    assert (status, told["type"]) == (400, "/problems/malformed")


def test_answers_of_nothing_have_no_type(client: FlaskClient) -> None:
    """204 says nothing, so it is not HTML."""
    answer = client.post("/rpc", json={"jsonrpc": "2.0", "method": "fail", "params": ["x"]})
    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


def test_text_from_a_command_line_is_held_to_the_same(room: Room) -> None:
    """An argument that is no UTF-8 comes as half a character."""
    call = Call("echo.text", texts={"text": ["\udcff"]}, source="cli")
    for bad in (call, call._replace(texts={"\0": ["a"]})):
        problem = room.enter(bad).problem
        assert problem is not None
        assert problem.kind == "malformed"
