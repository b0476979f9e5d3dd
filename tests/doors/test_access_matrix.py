"""Every route and method, asked with every kind of key: docs/access.md says what comes of it.

The routes are the application's own, so one that is added fails here until the page has it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import wiring
from app.config import Settings
from app.doors import jobs, rpc, schedules
from app.room.acceptance import Submission
from app.room.call import LOCAL, SCOPES, Caller
from app.room.enter import Room
from app.room.keyring import Keyring
from app.room.operation import Registry
from app.room.schedule import Plan
from app.room.shelf import Wish
from app.room.strict_json import read_json
from app.testing import OwnClock
from app.wsgi import create_app
from tests.doors.mcp_words import before
from tests.doors.shown import bearer, made

PAGE = (Path(__file__).parents[2] / "docs/access.md").read_text()
OWN = "an operation's own path"
BY_OPERATION = ("the operation's scope", "the method's scope", "the tool's scope")
SIGNED = "a signed URL"
ADA = "ada"


def rows(first: str) -> Iterator[list[str]]:
    """The rows of the table that begins so, without the marks around code."""
    table = PAGE[PAGE.index(f"| {first} |") :].split("\n\n")[0].splitlines()[2:]
    for line in table:
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


ROUTES = {
    (method, path): asks
    for path, methods, asks in rows("path")
    for method in methods.split(", ")
    if path != OWN
}
METHODS = {name: asks for name, asks in rows("method of JSON-RPC") if name != "an operation"}


def declared() -> Registry:
    registry = Registry()
    for scope in SCOPES:
        told = registry.operation(f"ask.{scope}", scope=scope, http=f"POST /own/{scope}/<text>")
        told(same)
    registry.operation("later", long=True)(same)
    return registry


def same(text: str) -> str:
    return text


@dataclass
class Place:
    room: Room
    app: Flask
    keys: dict[str, dict[str, str]]  # what to show, by what it is

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def job(self, owner: str = ADA) -> str:
        """One that has ended."""
        caller = Caller(owner, "admin")
        record = self.room.engine.submit(Submission("later", {"text": "a"}), caller)
        return self.room.engine.cancel(record.id, caller).id

    def made_for(self, rule: str, owner: str) -> str:
        """The id of what such a path is about."""
        return self.file(owner) if "/files/" in rule else self.job(owner)

    def schedule(self, owner: str = ADA, operation: str = "ask.run") -> str:
        """Its name, which is its owner's alone."""
        name = f"every hour of {owner}: {operation}"
        caller, plan = Caller(owner, "admin"), Plan(operation, {"text": "a"}, every="1h")
        self.room.calendar.put(name, plan, caller, "test")
        return name

    def file(self, owner: str = ADA) -> str:
        """One whose bytes are there."""
        return self.room.shelf.keep(Wish("a.txt", "text/plain", 1), BytesIO(b"a"), owner).id


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    settings = Settings(data=tmp_path_factory.mktemp("matrix"), log_level="ERROR", open="loopback")
    clock = OwnClock()
    ports = replace(wiring.make_ports(settings), clock=clock)
    room = Room(declared(), ports, limit=None)
    ring = Keyring(ports, room.access, LOCAL)
    expired = ring.create("old", ["admin"], ADA, clock.now() + 60)["key"]
    revoked = ring.create("bad", ["admin"], ADA)
    ring.revoke(revoked["id"])
    good = made(room, "admin", ADA)
    keys = {
        "none": {},
        "junk": bearer("md_junk"),
        "another scheme": {"Authorization": f"Basic {good}"},
        "two keys": bearer(f"{good}, Bearer {good}"),
        "a wrong secret": bearer(good[:-1] + ("0" if good[-1] != "0" else "1")),
        "expired": bearer(str(expired)),
        "revoked": bearer(str(revoked["key"])),
        **{scope: bearer(made(room, scope, ADA)) for scope in SCOPES},
    }
    clock.sleep(61)
    return Place(room, create_app(room, settings), keys)


BAD = ("none", "junk", "another scheme", "two keys", "a wrong secret", "expired", "revoked")


def test_the_page_has_every_route(place: Place) -> None:
    """And no other: what the application routes is what the table lists, but users' own paths."""
    routed = {
        (method, rule.rule)
        for rule in place.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/own/")
    }
    assert routed == set(ROUTES)
    assert (OWN, "its own", BY_OPERATION[0]) in map(tuple, rows("path"))


def test_the_page_has_every_method() -> None:
    """Of JSON-RPC, too."""
    assert set(METHODS) == {*jobs.METHODS, *schedules.METHODS, rpc.DISCOVER}


def ask(place: Place, route: tuple[str, str], key: str, name: str = "ask.run") -> TestResponse:
    """A request that is right but perhaps for its key. Calls are of the operation of that name."""
    method, rule = route
    path = rule.replace("<name>", "go" if "signals" in rule else name)
    if "schedules" in rule:
        path = rule.replace("<name>", quote(place.schedule(ADA, name)))
    path = path.replace("<kind>", "busy").replace("<path:name>", "frame.css")
    if "<" in path:
        id = "NONE" if "/keys/" in rule else place.made_for(rule, ADA)
        path = re.sub(r"<(job:)?id>", id, path)
    sent: Any = {"text": "a"}
    if rule == "/v1/jobs":
        sent = {"operation": name, "params": sent}
    elif rule == "/v1/jobs/batch":
        sent = {"jobs": [{"operation": name, "params": sent}]}
    elif rule in ("/v1/jobs/retry", "/v1/jobs/<job:id>/cancel", "/v1/jobs/<job:id>/retry"):
        sent = {}
    elif rule == "/v1/schedules/<name>":
        sent = {"operation": name, "params": sent, "every": "1h"}
    elif rule == "/v1/schedules/<name>/run":
        return place.client.post(path, headers=place.keys[key])
    elif rule.startswith("/console/schedules"):
        sent = {"name": place.schedule(ADA, name)}
    elif rule == "/v1/files":
        sent = {"name": "a.txt", "size": 1}
    elif rule == "/v1/keys":
        sent = {"name": "more", "scopes": ["read"]}
    elif rule.startswith("/rpc"):
        sent = {"jsonrpc": "2.0", "method": name, "params": sent, "id": 1}
    elif rule == "/mcp":
        sent, _ = before("tools/call", {"name": name, "arguments": sent})
    in_json = rule.startswith(("/v1", "/rpc", "/mcp", "/own"))
    body: Any = {"json": sent} if in_json else {"data": sent}
    if method in ("GET", "DELETE"):
        body = {}
    return place.client.open(path, method=method, headers=place.keys[key], **body)


def is_let_in(answer: TestResponse) -> str:
    """Yes, or what it is refused as, by HTTP or by JSON-RPC."""
    kinds = {401: "unauthenticated", 403: "forbidden"}
    if answer.status_code in kinds:
        return kinds[answer.status_code]
    told = answer.json if answer.is_json else None
    if isinstance(told, dict) and "jsonrpc" in told and "error" in told:
        kind = told["error"]["data"]["kind"]
        return str(kind) if kind in kinds.values() else "yes"
    if isinstance(told, dict) and "jsonrpc" in told and "isError" in told["result"]:
        return str(read_json(told["result"]["content"][0]["text"].encode())["kind"])
    return "yes"


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_who_shows_no_good_key_is_told_so(place: Place, route: tuple[str, str]) -> None:
    """401 and how to show one, whatever is wrong with it; open is what the page says is open."""
    for key in BAD:
        answer = ask(place, route, key)
        if ROUTES[route] == SIGNED:
            assert answer.status_code == 403
            continue
        if ROUTES[route] == "open":
            assert answer.status_code not in (401, 403) or route == ("POST", "/console/sign-in")
            continue
        assert answer.status_code == 401, key
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        if route == ("POST", "/rpc"):
            assert answer.json["error"]["code"] == -32001
        elif route == ("POST", "/mcp"):
            assert answer.json["error"]["code"] == 401
        else:
            assert answer.json["type"] == "/problems/unauthenticated"


@pytest.mark.parametrize("method", ["TRACE", "PATCH", "DELETE", "BREW"])
def test_what_a_path_does_not_take_is_told_to_who_may_come_in(place: Place, method: str) -> None:
    """405 to all where all of a path is open or signed, else 401 to who shows no key: as where
    there is nothing."""
    for path in {rule for _, rule in ROUTES}:
        asks = {ROUTES[route] for route in ROUTES if route[1] == path}
        if (method, path) in ROUTES:
            continue
        filled = re.sub(r"<[^>]*>", "a", path)
        for key in ("none", "admin"):
            answer = place.client.open(filled, method=method, headers=place.keys[key])
            is_told = key == "admin" or asks <= {"open", SIGNED}
            assert answer.status_code == (405 if is_told else 401), (method, path, key)
            assert ("Allow" in answer.headers) is is_told


@pytest.mark.parametrize("route", [r for r in ROUTES if ROUTES[r] in SCOPES], ids=" ".join)
def test_each_route_asks_for_its_scope(place: Place, route: tuple[str, str]) -> None:
    """That one and those that include it are let in, all others are forbidden."""
    for has in SCOPES:
        wanted = "yes" if Caller(ADA, has).may(ROUTES[route]) else "forbidden"
        assert is_let_in(ask(place, route, has)) == wanted, has


@pytest.mark.parametrize(
    "route",
    [*(r for r in ROUTES if ROUTES[r] in BY_OPERATION and r[1] != "/console/rpc"),
     ("POST", "/own/<name>/a")],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("needs", SCOPES)
def test_each_operation_asks_for_its_scope(
    place: Place, route: tuple[str, str], needs: str
) -> None:
    """By whatever way it is called."""
    name = needs if route[1].startswith("/own/") else f"ask.{needs}"
    for has in SCOPES:
        wanted = "yes" if Caller(ADA, has).may(needs) else "forbidden"
        assert is_let_in(ask(place, route, has, name)) == wanted, has


@pytest.mark.parametrize("method", METHODS)
def test_each_method_asks_for_its_scope(place: Place, method: str) -> None:
    """Each request of a batch for itself."""
    params = {"id": place.job(), "name": "go"}
    named = {"name": place.schedule()}
    plan = named | {"operation": "ask.run", "params": {"text": "a"}, "every": "1h"}
    takes = {"jobs.list": {}, "rpc.discover": {}, "jobs.signal": params, "schedules.list": {}}
    takes |= {"jobs.submit": {"operation": "ask.run", "params": {"text": "a"}}}
    takes |= {"schedules.get": named, "schedules.put": plan}
    takes |= {"schedules.delete": named, "schedules.run": named}
    one = {"jsonrpc": "2.0", "method": method, "params": takes.get(method, {"id": params["id"]})}
    batch = [{**one, "id": 1}, {"jsonrpc": "2.0", "method": "rpc.discover", "id": 2}]
    for has in SCOPES:
        told = place.client.post("/rpc", json=batch, headers=place.keys[has]).json
        kinds = [each.get("error", {}).get("data", {}).get("kind", "") for each in told]
        needs = METHODS[method]
        is_forbidden = not Caller(ADA, has).may("run" if needs in BY_OPERATION else needs)
        assert (kinds[0] == "forbidden") is is_forbidden
        assert kinds[1] == ""
        if is_forbidden:
            assert told[0]["error"]["code"] == -32003


def test_who_schedules_an_operation_has_its_scope(place: Place) -> None:
    """Nobody gets by a schedule what a call would refuse."""
    for route in (("PUT", "/v1/schedules/<name>"), ("POST", "/v1/schedules/<name>/run")):
        assert is_let_in(ask(place, route, "run", "ask.admin")) == "forbidden"
        assert is_let_in(ask(place, route, "admin", "ask.admin")) == "yes"


def test_anothers_schedule_is_like_none(place: Place) -> None:
    """In the very same words, by every way that names one."""
    theirs = place.schedule("eve")
    routes = [r for r in ROUTES if r[1].startswith("/v1/schedules/<name>") and r[0] != "PUT"]
    assert len(routes) == 3
    for method, rule in routes:
        told = []
        for name in (theirs, "none"):
            headers = place.keys["admin"] | {"X-Request-Id": "same"}
            path = rule.replace("<name>", quote(name))
            answer = place.client.open(path, method=method, headers=headers)
            assert answer.status_code == 404
            told.append(answer.text.replace(quote(name), "NAME"))
        assert told[0] == told[1]
    assert theirs not in place.client.get("/v1/schedules", headers=place.keys["admin"]).text


def test_a_page_sends_rpc_as_who_is_signed_in(place: Place) -> None:
    """The page for trying methods lends nobody more than they have."""
    told = '{"jsonrpc": "2.0", "method": "ask.admin", "params": ["a"], "id": 1}'
    for has, shown in (("run", "forbidden"), ("admin", "result")):
        sent = {"request": told}
        page = place.client.post("/console/rpc", data=sent, headers=place.keys[has])
        assert (page.status_code, shown in page.text) == (200, True)


NONE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OWNED = [
    route
    for route in ROUTES
    if re.search(r"/(jobs|files)/<(job:)?id>", route[1]) and ROUTES[route] != SIGNED
]


def test_all_ids_are_tried() -> None:
    """Whatever a path names by an id is somebody's, as below, or has a signature for its key, or is
    a key, which admins alone may name."""
    named = {route for route in ROUTES if "id>" in route[1]}
    assert named - set(OWNED) == {
        ("GET", "/v1/files/<id>/bytes"),
        ("PUT", "/v1/files/<id>/bytes"),
        ("DELETE", "/v1/keys/<id>"),
        ("POST", "/v1/keys/<id>/rotate"),
    }


@pytest.mark.parametrize("accept", ["application/json, text/event-stream", "text/html, */*"])
@pytest.mark.parametrize("route", OWNED, ids=" ".join)
def test_what_is_anothers_is_like_none(place: Place, route: tuple[str, str], accept: str) -> None:
    """Status, headers and body are those of an id that never was; and it is as before."""
    method, rule = route
    theirs = place.made_for(rule, "eve")
    kind = theirs.partition("_")[0]
    none = f"{kind}_{NONE}"
    before = place.room.ports.records.get(f"{kind}s", theirs)
    assert before
    told = []
    for id in (theirs, none):
        path = re.sub(r"<(job:)?id>", id, rule).replace("<name>", "go")
        headers = place.keys["admin"] | {"Accept": accept, "X-Request-Id": "same"}
        answer = place.client.open(path, method=method, headers=headers)
        assert answer.status_code == 404
        told.append((sorted(answer.headers), answer.text.replace(id, "ID")))
    assert told[0] == told[1]
    assert place.room.ports.records.get(f"{kind}s", theirs) == before


@pytest.mark.parametrize("method", [name for name in METHODS if "id" in jobs.METHODS.get(
    name, (None, jobs.LIST))[1].names])  # fmt: skip
def test_anothers_job_is_like_none_over_rpc(place: Place, method: str) -> None:
    """The very same words."""
    theirs, told = place.job("eve"), []
    for id in (theirs, f"job_{NONE}"):
        params = {"id": id} | ({"name": "go"} if method == "jobs.signal" else {})
        sent = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        answer = place.client.post("/rpc", json=sent, headers=place.keys["admin"])
        assert answer.json["error"]["code"] == -32004
        told.append(answer.text.replace(id, "ID"))
    assert told[0] == told[1]


def test_a_key_names_two_owners_apart(place: Place) -> None:
    """The same idempotency key of two owners makes two jobs; each lists and counts its own."""
    mine = place.keys["run"]
    theirs = bearer(made(place.room, "run", "eve"))
    ids = set()
    for shown in (mine, theirs):
        sent = {"operation": "later", "params": {"text": "a"}, "key": "order-7"}
        job = place.client.post("/v1/jobs", json=sent, headers=shown).json
        listed = place.client.get("/v1/jobs?limit=200", headers=shown).json["items"]
        assert {each["owner"] for each in listed} == {job["owner"]}
        total = sum(place.client.get("/v1/stats", headers=shown).json["totals"].values())
        assert total == len(listed)
        ids.add(job["id"])
    assert len(ids) == 2
