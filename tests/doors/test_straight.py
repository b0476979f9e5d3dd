"""The short way and Flask's way to an endpoint give the same answer."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.config import Settings
from app.doors.edge import Edge
from app.doors.rest.straight import Straight
from app.room.enter import Room
from app.wsgi import create_app

# Of a file that is offered: new each time.
TICKET = re.compile(
    rb"file_[0-9A-Z]{26}|(?<=expires=)\d+|(?<=signature=)[0-9a-f]+|\d{4}-\d\d-\d\dT[0-9:.]+Z"
)

TEXT = "/v1/operations/echo.text"
JSON = "application/json"


@pytest.fixture
def long_way(room: Room, settings: Settings) -> FlaskClient:
    """The same application, its short way taken out."""
    app = create_app(room, settings)
    edge: Any = app.wsgi_app
    assert isinstance(edge, Edge)
    assert isinstance(edge.wsgi.wsgi, Straight)
    edge.wsgi.wsgi = edge.wsgi.wsgi.wsgi
    return app.test_client()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", TEXT, b'{"text": "a"}', {"Content-Type": JSON}),
        ("POST", TEXT, b'{"text": 1}', {"Content-Type": JSON}),
        ("POST", TEXT, b"{", {"Content-Type": JSON}),
        ("POST", TEXT, b"", {}),
        ("POST", TEXT, b"{}", {"Content-Type": "text/plain"}),
        ("POST", TEXT, b"[1e400]", {"Content-Type": JSON}),
        ("POST", TEXT, b'{"text": "' + b"a" * 2000 + b'"}', {"Content-Type": JSON}),
        ("POST", TEXT + "?a=1", b"{}", {"Content-Type": JSON}),
        ("POST", "/v1/operations/fail", b'{"how": "retry"}', {"Content-Type": JSON}),
        ("GET", TEXT, b"", {}),
        ("GET", "/v1/operations?limit=2", b"", {}),
        ("GET", "/v1/operations", b"", {"Accept": "text/csv"}),
        ("GET", "/v1/operations", b"", {"If-None-Match": "*"}),
        ("GET", "/healthz", b"", {}),
        ("GET", "/readyz", b"", {}),
        ("GET", "/openapi.json", b"", {}),
        ("HEAD", "/healthz", b"", {}),
        ("OPTIONS", TEXT, b"", {}),
        ("PUT", TEXT, b"{}", {"Content-Type": JSON}),
        ("GET", "/v1/jobs", b"", {}),
        ("GET", "/v1/jobs?limit=0", b"", {}),
        ("GET", "/v1/jobs/job_0?wait=1", b"", {}),
        ("GET", "/v1/jobs/job_0?wait=x", b"", {}),
        ("GET", "/v1/jobs/batch", b"", {}),
        ("GET", "/v1/jobs/", b"", {}),
        ("GET", "/v1/jobs/%00", b"", {}),
        ("GET", "/v1/jobs/a.b", b"", {}),
        ("GET", "/v1/jobs/..", b"", {}),
        ("GET", "/v1/jobs/\N{LATIN SMALL LETTER E WITH ACUTE}", b"", {}),
        ("POST", "/v1/jobs/job_0", b"", {}),
        ("HEAD", "/v1/jobs/job_0", b"", {}),
        ("POST", "/v1/jobs/batch", b'{"jobs": []}', {"Content-Type": JSON}),
        ("GET", "/v1/jobs/job_0/result", b"", {}),
        ("POST", "/v1/jobs/job_0/signals/go", b"1", {"Content-Type": JSON}),
        ("POST", "/v1/jobs/batch/retry", b"", {}),
        ("GET", "/v1/jobs/job_0/nothing", b"", {}),
        ("GET", "/v1/operations/none", b"", {}),
        ("POST", "/v1/operations/none", b"{}", {"Content-Type": JSON}),
        ("GET", "/echo/abc", b"", {}),
        ("GET", "/echo/abc?times=x", b"", {}),
        ("GET", "/echo/a%20b", b"", {}),
        ("GET", "/echo/a/b", b"", {}),
        ("GET", "/files/abc", b"", {}),
        ("DELETE", "/pairs/abc?tags=x", b"", {}),
        ("POST", "/pairs/abc", b'{"right": [1]}', {"Content-Type": JSON}),
        ("PUT", "/pairs/abc", b"{}", {"Content-Type": JSON}),
    ],
)
def test_both_ways_are_one(
    client: FlaskClient,
    long_way: FlaskClient,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str],
) -> None:
    """The same request has the same status, body and headers, whoever routes it."""
    given = {**headers, "X-Request-Id": "same"}
    short = client.open(path, method=method, data=body, headers=given)
    long = long_way.open(path, method=method, data=body, headers=given)
    assert short.status == long.status
    assert TICKET.sub(b"new", short.data) == TICKET.sub(b"new", long.data)
    assert sorted(short.headers) == sorted(long.headers)


def test_a_bug_of_ours_is_an_answer(room: Room, settings: Settings) -> None:
    """Also where Flask does not stand behind."""
    app: Flask = create_app(room, settings)
    room.ports.records.ping = lambda: 1 / 0  # type: ignore[method-assign,assignment]
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["error_id"].startswith("err_")
    assert "zero" not in answer.text
