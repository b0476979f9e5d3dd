"""The door of MCP: what is spoken, the tools, and what comes of a call."""

import re
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from marshmallow import Schema, fields

from app import File, Refused, Run, wiring
from app.config import Settings
from app.doors.mcp.methods import PAGE
from app.doors.mcp.names import LONGEST
from app.doors.mcp.results import LARGE
from app.doors.mcp.revision import CAPABILITIES, SUPPORTED, VERSION
from app.room.enter import Room
from app.room.operation import Registry
from app.room.strict_json import read_json
from app.wsgi import create_app
from tests.doors.mcp_words import (
    BOTH,
    LATEST,
    MESSAGE,
    NEWEST,
    SPOKEN,
    before,
    error,
    newest,
    result,
    told,
)
from tests.doors.shown import shown

OF_JOBS = ["jobs_get", "jobs_list", "jobs_cancel"]
OF_READING = OF_JOBS[:2]
HELLO = {"name": "echo.text", "arguments": {"text": "ä"}}
BOTH_ERAS = pytest.mark.parametrize("say", SPOKEN.values(), ids=SPOKEN)


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [*((name, name) for name in [*SUPPORTED][1:]), (NEWEST, LATEST), ("2099-01-01", LATEST)],
)
def test_a_handshake_agrees_on_a_revision(client: FlaskClient, offered: str, agreed: str) -> None:
    """The one that is offered, if it has handshakes and is known, or else the last that has."""
    said = before("initialize", {"protocolVersion": offered, "capabilities": {}}, offered)
    told = result(client, said)
    assert told["protocolVersion"] == agreed
    assert told["serverInfo"]["name"] == "manydoors"
    assert ("tasks" in told["capabilities"]) is (agreed == LATEST)


def test_the_newest_revision_tells_what_is_spoken(client: FlaskClient) -> None:
    """Without a handshake, and how long that is so."""
    told = result(client, newest("server/discover"))
    assert told["supportedVersions"] == list(SUPPORTED)
    assert told["capabilities"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}
    assert (told["resultType"], told["cacheScope"], told["ttlMs"] > 0) == (
        "complete",
        "public",
        True,
    )


@BOTH_ERAS
def test_a_revision_that_nobody_speaks_is_told_of_those_that_are(
    client: FlaskClient, say: Any
) -> None:
    """400, whichever way it is named; the client takes one of the list."""
    message, headers = say("tools/list")
    headers["MCP-Protocol-Version"] = "2099-01-01"
    if VERSION in (meta := message["params"].get("_meta", {})):
        meta[VERSION] = "2099-01-01"
    code, data = error(client, (message, headers), 400)
    assert (code, data["supported"], data["requested"]) == (-32022, list(SUPPORTED), "2099-01-01")


def changed(said: Any, headers: Any = (), meta: Any = ()) -> Any:
    message, given = said
    params = {**message["params"], "_meta": {**message["params"]["_meta"], **dict(meta)}}
    kept = {**given, **dict(headers)}
    return {**message, "params": params}, {k: v for k, v in kept.items() if v is not None}


@pytest.mark.parametrize(
    ("headers", "meta", "code"),
    [
        ({"MCP-Protocol-Version": None}, {}, -32020),
        ({"MCP-Protocol-Version": LATEST}, {}, -32020),
        ({"Mcp-Method": None}, {}, -32020),
        ({"Mcp-Method": "tools/list"}, {}, -32020),
        ({"Mcp-Name": None}, {}, -32020),
        ({"Mcp-Name": "echo.pair"}, {}, -32020),
        ({"Mcp-Name": "=?base64?ZWNoby5wYWly?="}, {}, -32020),
        ({"Mcp-Name": "=?base64?***?="}, {}, -32020),
        ({"Mcp-Name": "=?base64?/w==?="}, {}, -32020),
        ({}, {VERSION: 1}, -32602),
        ({}, {CAPABILITIES: None}, -32602),
        ({}, {CAPABILITIES: []}, -32602),
    ],
)
def test_headers_say_what_the_message_says(
    client: FlaskClient, headers: Any, meta: Any, code: int
) -> None:
    """Proxies go by them; whatever lacks or lies is 400, and nothing runs."""
    assert error(client, changed(newest("tools/call", HELLO), headers, meta), 400)[0] == code


def test_a_name_may_come_in_base64(client: FlaskClient) -> None:
    """As the specification writes what no header can say."""
    said = changed(newest("tools/call", HELLO), {"Mcp-Name": "=?base64?ZWNoby50ZXh0?="})
    assert result(client, said)["structuredContent"] == {"result": "ä"}


def test_a_message_of_the_newest_revision_names_it_inside(client: FlaskClient) -> None:
    """Where the header alone does, what the client can do is not known."""
    message, headers = newest("tools/list")
    assert error(client, ({**message, "params": {}}, headers), 400)[0] == -32602


@pytest.mark.parametrize("name", [None, "2025-03-26", LATEST])
def test_who_names_no_revision_speaks_an_old_one(client: FlaskClient, name: str | None) -> None:
    """As clients did before there was a header for it."""
    headers = {"MCP-Protocol-Version": name} if name else {}
    answer = client.post("/mcp", json={**MESSAGE, "method": "ping"}, headers=headers)
    assert (answer.status_code, answer.json) == (200, {**MESSAGE, "result": {}})


@pytest.mark.parametrize("method", ["nothing", "resources/list", "logging/setLevel", ""])
def test_a_method_that_there_is_not(client: FlaskClient, method: str) -> None:
    """404 in the newest revision; before it, that would be the end of a session."""
    assert error(client, newest(method), 404)[0] == -32601
    assert error(client, before(method), 200)[0] == -32601


def test_a_revision_has_its_own_methods(client: FlaskClient) -> None:
    """What the newest has taken away it does not know."""
    for gone in ("ping", "tasks/result", "tasks/list"):
        assert error(client, newest(gone), 404)[0] == -32601
    for later in ("server/discover", "tasks/update"):
        assert error(client, before(later))[0] == -32601


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled"])
@pytest.mark.parametrize("headers", [{}, {"MCP-Protocol-Version": LATEST}])
def test_what_only_notifies_is_taken(client: FlaskClient, method: str, headers: Any) -> None:
    """202, and not a word."""
    message = {"jsonrpc": "2.0", "method": method, "params": {"requestId": 1}}
    answer = client.post("/mcp", json=message, headers=headers)
    assert (answer.status_code, answer.data) == (202, b"")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"", -32700),
        (b"1", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc": "2.0", "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "method": "ping", "id": null}', -32600),
        (b'{"jsonrpc": "2.0", "method": "ping", "id": 1.5}', -32600),
        (b'{"jsonrpc": "2.0", "method": "ping", "id": 1, "params": []}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "result": {}}', -32600),
        (b"[]", -32600),
        (b'{"jsonrpc": "2.0", "method": "ping", "id": 1e400}', -32700),
    ],
)
def test_what_is_no_message_is_told_so(client: FlaskClient, body: bytes, code: int) -> None:
    """400; where no id was read there is none in the answer, for null is none here."""
    answer = client.post("/mcp", data=body, content_type="application/json")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, code)
    assert answer.json.get("id", 1) is not None


def test_batches_are_of_the_revisions_that_have_them(client: FlaskClient) -> None:
    """Each message is answered, what only notifies is not; later revisions send one at a time."""
    call = {**MESSAGE, "method": "tools/call", "params": HELLO}
    batch = [
        call,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {**call, "id": "b"},
        1,
    ]
    said = client.post("/mcp", json=batch).json
    assert [each.get("id") for each in said] == [1, "b", None]
    assert said[0]["result"] == said[1]["result"]
    assert client.post("/mcp", json=batch[1:2]).status_code == 202
    keyed = client.post("/mcp", json=batch, headers={"Idempotency-Key": "a"})
    assert (keyed.status_code, keyed.json["error"]["code"]) == (400, -32600)
    for name in ("2025-06-18", LATEST, NEWEST):
        answer = client.post("/mcp", json=batch, headers={"MCP-Protocol-Version": name})
        assert (answer.status_code, answer.json["error"]["code"]) == (400, -32600)


def test_a_batch_is_answered_as_far_as_an_answer_holds(client: FlaskClient, room: Room) -> None:
    """What comes after that is not done, and told so."""
    room.answer_most = 400
    call = {**MESSAGE, "method": "tools/call", "params": HELLO}
    said = client.post("/mcp", json=[call] * 4).json
    assert "result" in said[0]
    assert said[-1]["error"]["data"]["kind"] == "too_large"


def test_only_json_is_taken_and_given(client: FlaskClient) -> None:
    """A client that accepts JSON alone, or anything, is answered too."""
    message = {**MESSAGE, "method": "ping"}
    for accept in ("application/json", "*/*", BOTH, "text/event-stream, application/json;q=0.1"):
        assert client.post("/mcp", json=message, headers={"Accept": accept}).status_code == 200
    answer = client.post("/mcp", json=message, headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.json["error"]["code"]) == (406, 406)
    answer = client.post("/mcp", data="{}", content_type="text/plain")
    assert (answer.status_code, answer.json["error"]["code"]) == (415, 415)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_there_is_nothing_but_post(client: FlaskClient, method: str) -> None:
    """No stream of its own, no session to end."""
    answer = client.open("/mcp", method=method, headers={"Accept": "text/event-stream"})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_session_that_somebody_names_is_none(client: FlaskClient) -> None:
    """It is ignored, and none is given."""
    message, headers = before("initialize", {"protocolVersion": LATEST})
    answer = client.post("/mcp", json=message, headers={**headers, "Mcp-Session-Id": "a"})
    assert answer.status_code == 200
    assert "Mcp-Session-Id" not in answer.headers


class Pair(TypedDict):
    left: str
    right: int


class Cat(Schema):
    name = fields.String(required=True)


def declared() -> Registry:
    """Results of every shape."""
    registry = Registry()

    @registry.operation("give.pair", http="GET /pair")
    def pair() -> Pair:
        """Give two."""
        return {"left": "a", "right": 1}

    @registry.operation("give.cat", result=Cat, http="PUT /cat")
    def cat() -> object:
        return {"name": "Tom"}

    @registry.operation("give.cats", examples=[{"many": 2}])
    def cats(many: int) -> list[Pair]:
        """Give some.

        As many as are wanted.
        """
        return [{"left": "a", "right": 1}] * many

    @registry.operation("give.maybe", http="DELETE /maybe")
    def maybe(it: bool) -> Pair | None:
        return {"left": "a", "right": 1} if it else None

    @registry.operation("give.any")
    def anything(what: object) -> object:
        return what

    @registry.operation("give.nothing")
    def nothing() -> None:
        pass

    @registry.operation("give.later", long=True)
    def later(run: Run, cats: int) -> dict[str, int]:
        if cats < 0:
            raise Refused("There are none.", cats=cats)
        return {"cats": cats}

    @registry.operation("give.file", long=True)
    def file(run: Run) -> list[File]:
        return [run.save(b"a", name="a.txt")]

    @registry.operation("hidden", scope="admin")
    def hidden() -> str:
        return "swordfish"

    return registry


@pytest.fixture
def shapes(settings: Settings) -> FlaskClient:
    return create_app(Room(declared(), wiring.make_ports(settings)), settings).test_client()


@BOTH_ERAS
def test_each_operation_is_a_tool(shapes: FlaskClient, say: Any) -> None:
    """In the order of the names, with the schemas that all doors have, and hints by its path."""
    tools = {tool["name"]: tool for tool in result(shapes, say("tools/list"))["tools"]}
    names = [*sorted(each.name.replace(".", "_") for each in declared()), *OF_JOBS]
    assert [*tools] == names
    for tool in tools.values():
        Draft202012Validator.check_schema(tool["inputSchema"])
        assert tool["inputSchema"]["type"] == "object"
        if "outputSchema" in tool:  # the service's own have none
            Draft202012Validator.check_schema(tool["outputSchema"])
            assert tool["outputSchema"]["type"] == "object"
    cats = tools["give_cats"]
    assert (cats["title"], cats["description"]) == (
        "Give some",
        "Give some.\n\nAs many as are wanted.",
    )
    assert cats["inputSchema"]["examples"] == [{"many": 2}]
    assert tools["give_pair"]["annotations"] == {"readOnlyHint": True}
    assert tools["give_cat"]["annotations"] == {"idempotentHint": True}
    assert "annotations" not in cats
    support = {"taskSupport": "optional"} if say is before else None
    assert {str(tools[name].get("execution")) for name in names[: -len(OF_JOBS)]} == {str(support)}


@BOTH_ERAS
@pytest.mark.parametrize(
    ("name", "arguments", "content"),
    [
        ("give.pair", {}, {"left": "a", "right": 1}),
        ("give.cat", {}, {"name": "Tom"}),
        ("give.cats", {"many": 1}, {"result": [{"left": "a", "right": 1}]}),
        ("give.maybe", {"it": True}, {"result": {"left": "a", "right": 1}}),
        ("give.maybe", {"it": False}, {"result": None}),
        ("give.any", {"what": {"a": 1}}, {"result": {"a": 1}}),
        ("give.any", {"what": [1]}, {"result": [1]}),
        ("give.nothing", None, {"result": None}),
    ],
)
def test_a_result_is_an_object_true_to_its_schema(
    shapes: FlaskClient, say: Any, name: str, arguments: Any, content: Any
) -> None:
    """As it is, if it always is one; else as `result` of one. A model reads it as it is."""
    tools = {tool["name"]: tool for tool in result(shapes, say("tools/list"))["tools"]}
    told = result(shapes, say("tools/call", {"name": name, "arguments": arguments}))
    assert told["structuredContent"] == content
    assert "isError" not in told
    Draft202012Validator(tools[name.replace(".", "_")]["outputSchema"]).validate(content)


def test_a_text_is_told_as_it_is(client: FlaskClient) -> None:
    """Not as JSON, which is for what is no text."""
    assert result(client, before("tools/call", HELLO))["content"] == [{"type": "text", "text": "ä"}]


def giving(text: str) -> Callable[[], str]:
    def give() -> str:
        return text

    return give


def test_names_are_such_as_all_clients_take(settings: Settings) -> None:
    """Letters, digits, - and _, at most 64; each leads to its operation, as that one's own does."""
    registry = Registry()
    own = ["a.b_c", "a_b.c", "x.y", "x_y", "jobs_get", "plain", f"{'l' * 90}.a", f"{'l' * 90}.b"]
    for name in own:
        registry.operation(name)(giving(name))
    client = create_app(Room(registry, wiring.make_ports(settings)), settings).test_client()
    tools = [tool["name"] for tool in result(client, before("tools/list"))["tools"]]
    assert all(re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}", name) for name in tools)
    assert {"x_y", "jobs_get", "plain"} <= {*tools}
    calls = [before("tools/call", {"name": name}) for name in own + tools]
    given = [result(client, call)["structuredContent"]["result"] for call in calls]
    assert given[: len(own)] == own
    assert sorted(given[len(own) :]) == sorted(own)


def test_a_large_result_comes_once(client: FlaskClient, room: Room) -> None:
    """As an object: as text, too, it might be more than an answer may be."""
    room.answer_most = 1000
    for times, alone in ((1, False), (9, True)):
        call = {"name": "echo.text", "arguments": {"text": "a" * 100, "times": times}}
        told = result(client, before("tools/call", call))
        assert told["structuredContent"] == {"result": "a" * 100 * times}
        assert (told["content"][0]["text"] == LARGE) is alone


def test_a_large_list_comes_in_pages(settings: Settings) -> None:
    """Each once; a cursor that is none is an error."""
    registry = Registry()
    for number in range(PAGE + 5):
        registry.operation(f"tool.{number:03}")(lambda: None)
    app = create_app(Room(registry, wiring.make_ports(settings)), settings).test_client()
    first = result(app, newest("tools/list"))
    assert (len(first["tools"]), first["cacheScope"]) == (PAGE, "private")
    rest = result(app, newest("tools/list", {"cursor": first["nextCursor"]}))
    assert "nextCursor" not in rest
    names = [tool["name"] for tool in first["tools"] + rest["tools"]]
    assert names == [f"tool_{number:03}" for number in range(PAGE + 5)]
    assert error(app, newest("tools/list", {"cursor": "x"}), 400)[0] == -32602


@BOTH_ERAS
@pytest.mark.parametrize(
    "params",
    [{}, {"name": 1}, {"name": "echo.text", "arguments": []}, {"name": "nothing"},
     {"name": "jobs.submit"}, {"name": "inbox.unreadable"}],
)  # fmt: skip
def test_a_call_of_no_tool_is_an_error_of_the_protocol(
    client: FlaskClient, say: Any, params: Any
) -> None:
    """A model can hardly mend it."""
    message, headers = say("tools/call", params)
    headers["Mcp-Name"] = str(params.get("name", ""))
    status = 400 if say is newest else 200
    if say is newest and params.get("name") == 1:
        assert error(client, (message, headers), status)[0] == -32020
    else:
        assert error(client, (message, headers), status)[0] == -32602


def test_more_in_a_message_does_no_harm(client: FlaskClient) -> None:
    """Later revisions and extensions add members; null is none."""
    more = {
        "name": "echo.text",
        "arguments": {"text": "ä"},
        "requestState": "a",
        "task": {"ttl": 1},
    }
    assert "structuredContent" in result(client, newest("tools/call", more))
    assert "nextCursor" not in result(client, before("tools/list", {"cursor": None}))


def test_nobody_is_let_in_without_a_key(room: Room, settings: Settings) -> None:
    """Where keys are asked for: 401, how to show one, and why, in words that clients show."""
    room.access.ask()
    client = create_app(room, settings).test_client()
    answer = client.post("/mcp", json={**MESSAGE, "method": "tools/list"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "Authorization: Bearer" in answer.json["error"]["message"]
    assert answer.json["error"]["data"]["kind"] == "unauthenticated"
    assert told(client, before("ping"), 401)["error"]["code"] == 401


@BOTH_ERAS
def test_a_key_sees_what_it_may_call(settings: Settings, say: Any) -> None:
    """And no more; who calls what is hidden is told that the key is too little."""
    room = Room(declared(), wiring.make_ports(settings))
    client = create_app(room, settings).test_client()
    for scope, sees in (("read", OF_READING), ("run", ["hidden"]), ("admin", [])):
        message, headers = say("tools/list")
        key = shown(room, scope)
        names = [tool["name"] for tool in result(client, (message, headers | key))["tools"]]
        everything = [*(each.name.replace(".", "_") for each in declared()), *OF_JOBS]
        hidden = set(everything) - set(names)
        assert (set(names) == set(sees)) if scope == "read" else (hidden == set(sees))
    message, headers = say("tools/call", {"name": "hidden", "arguments": {}})
    told = result(client, (message, headers | shown(room, "run")))
    assert told["isError"]
    assert read_json(told["content"][0]["text"].encode())["kind"] == "forbidden"


def test_links_are_whole(shapes: FlaskClient) -> None:
    """A model has no page that a path could be of; the name and the prefix are the client's."""
    message, headers = before("tools/call", {"name": "give.later", "arguments": {"cats": 1}})
    headers |= {"Prefer": "respond-async"}
    at = {"SCRIPT_NAME": "/prod", "PATH_INFO": "/mcp"}
    answer = shapes.post("/mcp", json=message, headers=headers, environ_overrides=at)
    job = answer.json["result"]["structuredContent"]["job"]
    assert job["url"] == f"http://localhost/prod/v1/jobs/{job['id']}"
