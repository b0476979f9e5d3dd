"""No page of another site, and nobody who means another service, gets an answer."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.room.enter import Room
from app.wsgi import create_app
from tests.doors.shown import shown

PATHS = [
    ("POST", "/v1/operations/echo.text"),  # the short way
    ("POST", "/pairs/x"),  # Flask's
    ("DELETE", "/pairs/x"),
    ("POST", "/rpc"),
    ("POST", "/mcp"),
    ("POST", "/console/rpc"),
    ("POST", "/console/operations/echo.text"),
]


def refused(answer: Any) -> bool:
    return bool(answer.status_code == 403)


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "origin",
    ["https://elsewhere.example", "null", "https://localhost", "http://localhost:81", "",
     "http://localhost.elsewhere.example", "http://127.0.0.1"],
)  # fmt: skip
def test_other_origins_are_refused(
    client: FlaskClient, method: str, path: str, origin: str
) -> None:
    """At every door, whatever the scheme, the port or the spelling."""
    assert refused(client.open(path, method=method, json={}, headers={"Origin": origin}))


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_our_own_pages_and_programs_pass(client: FlaskClient, method: str, path: str) -> None:
    """An Origin that is the service's own, or none."""
    for headers in ({"Origin": "http://localhost"}, {"Origin": "HTTP://LOCALHOST"}, {}):
        assert not refused(client.open(path, method=method, json={}, headers=headers))


def test_reading_needs_no_origin(client: FlaskClient) -> None:
    """A safe request passes, and gets no word that lets another site's page read it."""
    answer = client.get("/echo/a", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
    assert "Access-Control" not in str(answer.headers)


def test_the_origin_behind_a_proxy(room: Room, settings: Settings) -> None:
    """What a trusted proxy says of our address counts; what anybody says does not."""
    sent = {"Origin": "https://cats.example", "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "cats.example"}  # fmt: skip
    path = "/v1/operations/echo.text"
    for hops, status in ((0, 403), (1, 200)):
        app = create_app(room, Settings(trusted_proxies=hops))
        answer = app.test_client().post(path, json={"text": "a"}, headers=sent | shown(room))
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("localhost.", True),
        ("127.0.0.1:1", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("elsewhere.example", False),
        ("localhost.elsewhere.example", False),
        ("127.0.0.1.elsewhere.example:8000", False),
        ("[::2]:8000", False),
        ("[::1", True),
    ],
)
def test_names_that_are_not_ours(room: Room, host: str, known: bool) -> None:
    """A name that somebody has pointed at us gets nothing, not even a page."""
    app = create_app(room, Settings(open="loopback", hosts=("127.0.0.1", "::1", "localhost")))
    for path in ("/healthz", "/echo/a", "/", "/openapi.json"):
        answer = app.test_client().get(path, headers={"Host": host})
        assert refused(answer) is not known
