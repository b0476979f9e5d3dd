"""The outermost layer: an id and one log line for each request, whatever is in it."""

import json
from typing import Any

import pytest
from werkzeug.test import create_environ, run_wsgi_app

from app.config import Settings
from app.logs import access_log
from app.room.enter import Room
from app.wsgi import create_app

HOSTILE = [
    pytest.param("/a\nb\r\nc", id="newlines"),
    pytest.param('/"}{"level":"ERROR', id="JSON of its own"),
    pytest.param("/\x1b[31m\x07\x00", id="control characters"),
    pytest.param("/\u2028\u2029\x85", id="Unicode's newlines"),
    pytest.param("/<script>", id="markup"),
    pytest.param("/\u202eetxt", id="turned around"),
    pytest.param("/ä😀", id="more than ASCII"),
    pytest.param("/" + "a" * 100_000, id="long"),
]


def line_of(capsys: pytest.CaptureFixture[str], room: Room, **environ: Any) -> str:
    """What one request writes, which is one line."""
    settings = Settings(open="loopback", **environ.pop("settings", {}))
    sent = create_environ("/", method=environ.pop("REQUEST_METHOD", "GET")) | environ
    capsys.readouterr()
    run_wsgi_app(create_app(room, settings), sent)
    written = capsys.readouterr().err
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    return written


def wsgi(text: str) -> str:
    return text.encode().decode("latin-1")


@pytest.mark.parametrize("path", HOSTILE)
def test_a_request_is_one_line_of_json(
    capsys: pytest.CaptureFixture[str], room: Room, path: str
) -> None:
    """It parses, and says the path as it was asked for."""
    line = json.loads(line_of(capsys, room, PATH_INFO=wsgi(path)))
    assert line["message"] == f"GET {path}"
    assert (line["level"], line["logger"], line["status"]) == ("INFO", "manydoors.access", 404)
    assert line["ms"] >= 0
    assert len(line["request_id"]) == 24


@pytest.mark.parametrize("path", HOSTILE)
def test_a_request_is_one_line_of_text(
    capsys: pytest.CaptureFixture[str], room: Room, path: str
) -> None:
    """Nothing in a path moves a terminal's cursor."""
    written = line_of(capsys, room, PATH_INFO=wsgi(path), settings={"log": "text"})
    assert written.removesuffix("\n").isprintable()
    assert " 404 GET /" in written


def test_a_path_that_is_no_text_is_one_line(capsys: pytest.CaptureFixture[str], room: Room) -> None:
    """Bytes that are no UTF-8 cost their own letters only."""
    line = json.loads(line_of(capsys, room, PATH_INFO="/a\xffb"))
    assert line["message"] == "GET /a\ufffdb"


def test_the_line_has_the_id_that_the_caller_has(
    capsys: pytest.CaptureFixture[str], room: Room
) -> None:
    """So whoever complains can be found."""
    taken = line_of(capsys, room, PATH_INFO="/healthz", HTTP_X_REQUEST_ID="order/7:a=b")
    assert json.loads(taken)["request_id"] == "order/7:a=b"
    for hostile in ('"x', "a b", "", "ä", "a" * 129, "a\n", "\x1b"):
        line = line_of(capsys, room, PATH_INFO="/healthz", HTTP_X_REQUEST_ID=hostile)
        assert json.loads(line)["request_id"] != hostile


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_a_higher_level_has_no_lines(
    capsys: pytest.CaptureFixture[str], room: Room, level: str
) -> None:
    """A request is INFO."""
    app = create_app(room, Settings(open="loopback", log_level=level))
    assert app.test_client().get("/healthz").status_code == 200
    assert capsys.readouterr().err == ""


def test_the_access_log_tells_time(capsys: pytest.CaptureFixture[str]) -> None:
    """RFC 3339 in UTC, to the millisecond."""
    access_log("json", "DEBUG")("GET", "/", 200, 1.234, "id")
    line = json.loads(capsys.readouterr().err)
    assert line["ms"] == 1.23
    assert line["time"][10] + line["time"][19] + line["time"][-1] == "T.Z"
