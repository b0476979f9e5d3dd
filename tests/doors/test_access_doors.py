"""Who is let in at the doors of HTTP without a key, and by a visit in a browser."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.config import Settings
from app.doors import doorkeeper
from app.doors.console import PAGES
from app.doors.doorkeeper import COOKIE
from app.room.enter import Room
from app.wsgi import create_app
from tests.doors.shown import bearer, made, shown

CALL = "/v1/operations/echo.text"
HTML = {"Accept": "text/html"}
HERE = {"Origin": "http://localhost"}


def at(room: Room, **settings: Any) -> FlaskClient:
    return create_app(room, Settings(log_level="ERROR", **settings)).test_client()


def call(client: FlaskClient, headers: Any = None, **environ: str) -> TestResponse:
    return client.post(CALL, json={"text": "a"}, headers=headers, environ_overrides=environ or None)


def test_open_is_for_this_machine_alone(room: Room) -> None:
    """By its addresses and its names, until there is a key; then nobody is let in without one."""
    client = at(room, open="loopback", hosts=("localhost", "127.0.0.1", "::1", "cats.example"))
    for address in ("127.0.0.1", "127.8.9.1", "::1"):
        assert call(client, REMOTE_ADDR=address).status_code == 200
    for address in ("192.168.0.7", "::ffff:10.0.0.1", "2001:db8::1", "", "unix:"):
        assert call(client, REMOTE_ADDR=address).status_code == 503
    assert call(client, HTTP_HOST="cats.example").status_code == 503
    assert call(client, HTTP_HOST="[::1]:8000").status_code == 200
    headers = shown(room, "run")
    assert call(client).status_code == 401
    assert call(client, headers).status_code == 200


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "Forwarded"])
def test_what_a_proxy_says_counts_where_one_is_trusted(room: Room, name: str) -> None:
    """And nowhere else: anybody can say it."""
    assert call(at(room, open="loopback"), {name: "192.0.2.1"}).status_code == 200
    trusting = at(room, open="loopback", trusted_proxies=1)
    assert call(trusting, {"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    assert call(trusting, {"X-Forwarded-For": "192.0.2.1"}).status_code == 503


FETCHED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
FRAMED = FETCHED | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
LINKED = FETCHED | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_another_sites_page_reads_nothing_by_itself(room: Room) -> None:
    """A picture whose address is a call makes none, of a service that is open here as of one that
    somebody has signed in to; a link leads there, and a key is a key."""
    stranger = FETCHED | {"Cookie": f"{COOKIE}=x"}
    for begun in (lambda: at(room, open="loopback"), lambda: signed_in(room)):
        client = begun()
        for headers in (FETCHED, FRAMED, FETCHED | {"Sec-Fetch-Mode": "cors"}):
            assert client.get("/echo/hi", headers=headers).status_code == 403
        for headers in (LINKED, FETCHED | {"Sec-Fetch-Site": "same-origin"}, {}):
            assert client.get("/echo/hi", headers=headers).status_code == 200
        assert client.get("/echo/hi", headers=stranger).status_code in (401, 403)
    keyed = FETCHED | shown(room, "run")
    assert at(room).get("/echo/hi", headers=keyed).status_code == 200


def test_a_strange_key_does_not_hurt_while_none_is_asked_for(room: Room) -> None:
    """As one that is meant for another service."""
    client = at(room, open="loopback")
    for headers in (bearer("md_a_b"), {"Authorization": "Basic eDp5"}, {"Cookie": f"{COOKIE}=x"}):
        assert call(client, headers).status_code == 200


def test_a_key_counts_before_it_is_asked_for(room: Room, settings: Settings) -> None:
    """In the second in which another process has not noticed the first key, its owner is its
    owner."""
    other = Room(room.registry, room.ports)
    client = at(other, open="loopback")
    assert call(client).status_code == 200
    headers = shown(room, "run", "ada")
    sent = {"operation": "later", "params": {"text": "a"}}
    assert client.post("/v1/jobs", json=sent, headers=headers).json["owner"] == "ada"


def test_closed_without_a_key_says_how_to_make_one(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To callers, and once in the log; what is open answers."""
    client, told = at(room), list[str]()
    monkeypatch.setattr(doorkeeper.log, "error", told.append)
    for headers in (None, bearer("md_a_b")):
        answer = call(client, headers)
        assert answer.status_code == 503
        assert "keys create" in answer.json["detail"]
        assert answer.headers["Retry-After"]
    assert len(told) == 1
    assert "keys create" in told[0]
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_a_page_sends_to_sign_in_and_back(room: Room) -> None:
    """Who may not see a page yet gets the form there, and then the page."""
    client, key = at(room), made(room)
    page = client.get("/jobs?status=failed", headers=HTML)
    assert page.status_code == 401
    assert 'name="next" value="/jobs?status=failed"' in page.text
    sent = {"key": f" {key} ", "next": "/jobs?status=failed"}
    answer = client.post("/console/sign-in", data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs?status=failed")
    assert client.get("/jobs?status=failed", headers=HTML).status_code == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_for_no_script_and_no_other_site(room: Room, scheme: str) -> None:
    """HttpOnly, SameSite=Lax, Secure where it can be, below the prefix; and it is not the key."""
    key = made(room)
    answer = at(room).post(
        "/console/sign-in", data={"key": key}, base_url=f"{scheme}://localhost/dev"
    )
    cookie = answer.headers["Set-Cookie"]
    name, _, rest = cookie.partition("=")
    assert name == COOKIE
    parts = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/dev", "max-age=43200"} <= parts
    assert ("secure" in parts) is (scheme == "https")
    assert key[-64:] not in cookie


@pytest.mark.parametrize(
    "next",
    ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "javascript:a",
     "/\t/elsewhere.example", "\\\\elsewhere.example", "jobs", ""],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(room: Room, next: str) -> None:
    """What is no path of ours leads to the start."""
    answer = at(room).post("/console/sign-in", data={"key": made(room), "next": next})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


def test_a_wrong_key_is_told_on_the_form(room: Room) -> None:
    """401, no cookie, and the key is not written back."""
    shown(room)
    answer = at(room).post("/console/sign-in", data={"key": "md_wrong_key", "next": "/jobs"})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "md_wrong_key" not in answer.text
    assert 'aria-invalid="true"' in answer.text


def signed_in(room: Room, scope: str = "admin") -> FlaskClient:
    client = at(room)
    assert client.post("/console/sign-in", data={"key": made(room, scope)}).status_code == 303
    return client


def token(client: FlaskClient) -> str:
    page = client.get("/console/operations/echo.text", headers=HTML).text
    found = set(re.findall(r'name="manydoors\.form" value="([0-9a-f]{64})"', page))
    assert len(found) == 1
    return found.pop()


def test_a_visitor_calls_by_forms(room: Room) -> None:
    """With the token of the visit, from the service's own pages; else not at all."""
    client, stranger = signed_in(room), signed_in(room)
    path, mine = "/console/operations/echo.text", {"text": "hi", "manydoors.form": token(client)}
    good = client.post(path, data=mine, headers=HERE)
    assert (good.status_code, "hi" in good.text) == (200, True)
    assert "Unknown field" not in good.text
    assert "Bearer $KEY" in good.text  # the same call by programs
    theirs = {"text": "hi", "manydoors.form": token(stranger)}
    for sent, headers in (
        ({"text": "hi"}, HERE),
        (theirs, HERE),
        (mine, {}),
        (mine, {"Origin": "null"}),
        (mine, {"Origin": "https://elsewhere.example"}),
    ):
        assert client.post(path, data=sent, headers=headers).status_code == 403


@pytest.mark.parametrize("path", [path for method, path, _ in PAGES if method == "POST"])
def test_every_form_asks_for_the_token(room: Room, path: str) -> None:
    """A new one too; but the one to sign in, which no visit has begun yet."""
    answer = signed_in(room).post(
        path.replace("<name>", "echo.text").replace("<id>", "job_0"), data={}, headers=HERE
    )
    assert (answer.status_code == 403) is (path != "/console/sign-in")


def test_every_form_carries_the_token(room: Room) -> None:
    """Whatever a signed-in visitor's page posts."""
    client = signed_in(room)
    later = {"operation": "later", "params": {"text": "a"}}
    made = client.post("/v1/jobs", json=later, headers=HERE).json
    assert made
    client.put("/v1/schedules/daily", json={**later, "every": "1d"}, headers=HERE)
    ours = ("/", "/rpc", "/jobs", "/schedules", f"/jobs/{made['id']}")
    for path in (*ours, "/console/operations/echo.text"):
        page = client.get(path, headers=HTML).text
        forms = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
        assert forms
        assert all('name="manydoors.form"' in form for form in forms)


def test_a_visit_asks_the_api_too(room: Room) -> None:
    """So the page for trying things out can; from our own pages, and with the key's scope."""
    client = signed_in(room, "read")
    assert client.get("/v1/operations").status_code == 200
    assert call(client).status_code == 403
    assert call(client, HERE).json["type"] == "/problems/forbidden"
    client = signed_in(room, "run")
    assert call(client, HERE).status_code == 200
    assert call(client).status_code == 403
    assert call(client, {"Origin": "https://elsewhere.example"}).status_code == 403


def test_signing_out_ends_the_visit(room: Room) -> None:
    """In the browser, and for whoever has copied the cookie."""
    client = signed_in(room)
    cookie = client.get_cookie(COOKIE)
    assert cookie
    answer = client.post("/console/sign-out", data={"manydoors.form": token(client)}, headers=HERE)
    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert client.get("/jobs", headers=HTML).status_code == 401
    copied = {"Cookie": f"{COOKIE}={cookie.value}", **HTML}
    assert at(room).get("/jobs", headers=copied).status_code == 401


def test_every_page_lets_nothing_foreign_in(room: Room) -> None:
    """A strict policy, no frame around it, no guessing of types, no address told to others; and
    nobody else's cache keeps it."""
    client = signed_in(room)
    for method, path, name in PAGES:
        if method == "POST" or name in ("static", "favicon", "robots"):
            continue
        path = (
            path.replace("<name>", "echo.text").replace("<kind>", "busy").replace("<id>", "job_0")
        )
        page = client.get(path.replace("<id>", "job_0"), headers=HTML)
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert not re.search(r"script-src[^;]*unsafe|default-src[^;]*unsafe", policy)
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] in ("private, no-cache", "no-store")
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=", page.text)
