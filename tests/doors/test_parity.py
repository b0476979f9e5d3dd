"""One outcome, whatever the door: the same call through each of them."""

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.doors.http import STATUS
from app.doors.rpc import CODES, NARROWER
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.testing import OwnClock
from tests.doors.at_work import worker
from tests.doors.conftest import declared
from tests.doors.mcp_words import before

VOLATILE = {"error_id"}  # made anew for each failure


@pytest.fixture
def room(settings: Settings) -> Room:
    """With a clock of its own, so that retries take no time."""
    return Room(declared(), replace(wiring.make_ports(settings), clock=OwnClock()))


CALLS = [
    ("echo.text", {"text": "ä"}),
    ("echo.text", {"text": "a", "times": 3, "loud": True}),
    ("echo.text", {"text": 1, "times": 0, "more": None}),
    ("echo.text", {}),
    ("echo.pair", {"left": "a", "right": [1, 2]}),
    ("echo.pair", {"left": "a", "right": [1, 2, 3, 4]}),
    ("fail", {"how": "refused"}),
    ("fail", {"how": "retry"}),
    ("fail", {"how": "busy"}),
    ("fail", {"how": "unknown"}),
    ("fail", {"how": "conflict"}),
    ("fail", {"how": "bug"}),
    ("fail", {"how": "nan"}),
    ("fail.slow", {}),
    ("later", {"text": "a"}),
    ("nothing", {}),
]


def python(room: Room, client: FlaskClient, name: str, params: dict[str, Any]) -> Any:
    outcome = room.enter(Call(name, params))
    if not outcome.problem:
        return "value", outcome.value if outcome.job is None else job(outcome.value)
    problem = outcome.problem
    return problem.kind, problem.detail, dict(problem.members)


def rest(room: Room, client: FlaskClient, name: str, params: dict[str, Any]) -> Any:
    return http(client.post(f"/v1/operations/{name}", json=params))


def own_path(room: Room, client: FlaskClient, name: str, params: dict[str, Any]) -> Any:
    """By the operation's own path; calls that it cannot say go by the generic one."""
    if name == "echo.pair":
        rest_of = {key: value for key, value in params.items() if key != "left"}
        return http(client.post(f"/pairs/{params['left']}", json=rest_of))
    if name == "echo.text" and isinstance(params.get("text"), str):
        query = {key: json.dumps(value) for key, value in params.items() if key != "text"}
        return http(client.get(f"/echo/{params['text']}", query_string=query))
    return rest(room, client, name, params)


def job(told: Any) -> Any:
    """What of a job is the same for two of one call."""
    return {name: told[name] for name in ("operation", "status", "params", "attempt", "owner")}


def http(answer: Any) -> Any:
    told = answer.json
    if answer.status_code == 200:
        return "value", told
    if answer.status_code == 202:
        return "value", job(told)
    kind = told["type"].removeprefix("/problems/")
    assert STATUS[kind] == answer.status_code
    known = {"type", "title", "status", "detail", "instance"}
    members = {key: value for key, value in told.items() if key not in known}
    return kind, told["detail"], members


def rpc(room: Room, client: FlaskClient, name: str, params: dict[str, Any]) -> Any:
    told: Any = client.post(
        "/rpc", json={"jsonrpc": "2.0", "method": name, "params": params, "id": 1}
    ).json
    if "result" in told:
        result = told["result"]
        return "value", job(result) if isinstance(result, dict) and "links" in result else result
    data = told["error"]["data"]
    assert told["error"]["code"] in (CODES[data["kind"]], *NARROWER.values())
    members = {key: data[key] for key in data.keys() - {"kind", "detail", "retry_after"}}
    return data["kind"], data["detail"], members


def mcp(room: Room, client: FlaskClient, name: str, params: dict[str, Any]) -> Any:
    """As a tool: a problem is a result, too, and what is not there an error."""
    message, _ = before("tools/call", {"name": name, "arguments": params})
    told: Any = client.post("/mcp", json=message).json
    if "error" in told:
        data = told["error"]["data"]
    elif told["result"].get("isError"):
        text = told["result"]["content"][0]["text"]
        data = json.loads(text.replace("http://localhost/", "/"))  # its links are whole
    else:
        return "value", of_tool(told["result"], name, room)
    members = {key: data[key] for key in data.keys() - {"kind", "detail", "retry_after"}}
    return data["kind"], data["detail"], members


def of_tool(result: Any, name: str, room: Room) -> Any:
    """A result that is no object stands in one; a job is told in brief, and read by its id."""
    content = result["structuredContent"]
    if "job" in content:
        return job(room.view(room.engine.get(content["job"]["id"], LOCAL)))
    return content if name == "echo.pair" else content["result"]


DOORS = (rest, own_path, rpc, mcp)

KEYED = [
    ("echo.text", {"text": "ä"}),
    ("echo.text", {"text": 1}),
    ("later", {"text": "a"}),
    ("fail", {"how": "refused"}),
    ("fail", {"how": "bug"}),
    ("nothing", {}),
]
"""Calls that are jobs for what their headers wish."""


def steady(outcome: Any) -> Any:
    *told, last = outcome
    if isinstance(last, dict) and told[0] != "value":
        last = {key: value for key, value in last.items() if key not in VOLATILE}
    return [*told, last]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "params"), CALLS)
def test_the_outcome_is_the_same(
    room: Room, client: FlaskClient, door: Any, name: str, params: dict[str, Any]
) -> None:
    """The value, or the kind, the detail and the members of the problem."""
    expected = steady(python(room, client, name, params))
    assert steady(door(room, client, name, params)) == expected


class Wishing:
    """A client whose every request wishes something."""

    def __init__(self, client: FlaskClient, **headers: str) -> None:
        self.client, self.headers = client, headers

    def post(self, path: str, **more: Any) -> Any:
        return self.client.post(path, headers=self.headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, headers=self.headers, **more)


def asked(room: Room, name: str, params: dict[str, Any], **wishes: Any) -> Any:
    outcome = room.enter(Call(name, params, **wishes))
    if not outcome.problem:
        return "value", job(outcome.value) if outcome.pending else outcome.value
    problem = outcome.problem
    return problem.kind, problem.detail, dict(problem.members)


def without_ids(outcome: Any) -> Any:
    """Two jobs of two calls differ in their names, keys and times, and their doors."""
    *told, last = outcome
    if isinstance(last, dict) and "job" in last:
        last = last | {"job": job(last["job"])}
    return steady([*told, last])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "params"), KEYED)
def test_a_waited_call_is_the_same(
    room: Room, client: FlaskClient, door: Any, name: str, params: dict[str, Any]
) -> None:
    """A job from the start; its result, or its problem with the job beside it."""
    with worker(room):
        expected = asked(room, name, params, wait=25.0)
        told = door(room, Wishing(client, Prefer="wait=25"), name, params)
    assert without_ids(told) == without_ids(expected)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("name", "params"), KEYED)
def test_a_keyed_call_is_the_same(
    room: Room, client: FlaskClient, door: Any, name: str, params: dict[str, Any]
) -> None:
    """The one job of that key, whichever door it came through first; other params are invalid."""
    with worker(room):
        waits = 25.0 if door is mcp and name == "later" else None  # a tool waits for its job
        expected = asked(room, name, params, key="k", wait=waits)
        jobs = room.ports.records.count("jobs")
        told = door(room, Wishing(client, **{"Idempotency-Key": '"k"'}), name, params)
    assert steady(told) == steady(expected)
    assert room.ports.records.count("jobs") == jobs


@pytest.mark.parametrize("door", DOORS)
def test_a_used_key_is_the_same(room: Room, client: FlaskClient, door: Any) -> None:
    """With other parameters, invalid at /key."""
    with worker(room):
        asked(room, "echo.text", {"text": "a"}, key="k")
        expected = asked(room, "echo.text", {"text": "b"}, key="k")
        keyed = Wishing(client, **{"Idempotency-Key": "k"})
        told = door(room, keyed, "echo.text", {"text": "b"})
    assert told == expected
    assert told[2]["errors"][0]["pointer"] == "/key"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["echo.text", "later"])
def test_a_call_put_off_is_the_same(room: Room, client: FlaskClient, door: Any, name: str) -> None:
    """With respond-async any operation is a job."""
    expected = asked(room, name, {"text": "a"}, asynchronous=True)
    told = door(room, Wishing(client, Prefer="respond-async"), name, {"text": "a"})
    assert told == expected


@pytest.mark.parametrize("name", ["echo.text", "later"])
def test_a_submitted_job_is_the_same(room: Room, client: FlaskClient, name: str) -> None:
    """By POST /v1/jobs as by a call that is put off."""
    expected = asked(room, name, {"text": "a"}, asynchronous=True)
    assert (
        http(client.post("/v1/jobs", json={"operation": name, "params": {"text": "a"}})) == expected
    )


ASKS = [
    ("get", "GET", "", {}),
    ("get", "GET", "?wait=1", {"wait": 1}),
    ("cancel", "POST", "/cancel", {}),
    ("retry", "POST", "/retry", {}),
    ("signal", "POST", "/signals/a", {"name": "a", "value": {"b": 1}}),
]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("ask", "method", "path", "more"), ASKS)
def test_what_is_asked_of_a_job_is_the_same(
    room: Room, client: FlaskClient, ask: str, method: str, path: str, more: Any, known: bool
) -> None:
    """Over REST and JSON-RPC, by name and by position; of a job that there is, and of none."""
    ids = [submitted(room) if known else "job_0" for _ in range(3)]
    body = {"json": more["value"]} if "value" in more else {}
    told = [
        http(client.open(f"/v1/jobs/{ids[0]}{path}", method=method, **body)),
        rpc(room, client, f"jobs.{ask}", {"id": ids[1], **more}),
        rpc(room, client, f"jobs.{ask}", [ids[2], *more.values()]),  # type: ignore[arg-type]
    ]
    shown = [("value", job(each[1])) if each[0] == "value" else each for each in told]
    assert shown[0] == shown[1] == shown[2]


def submitted(room: Room) -> str:
    return str(room.enter(Call("later", {"text": "a"}, asynchronous=True)).job)


def test_lists_are_the_same(room: Room, client: FlaskClient) -> None:
    """Over REST and JSON-RPC, filters, cursors and problems too."""
    for _ in range(5):
        submitted(room)
    for params in ({}, {"limit": 2}, {"status": "queued", "operation": "later", "limit": 3}):
        by_rest = client.get("/v1/jobs", query_string=params).json
        assert rpc(room, client, "jobs.list", params)[1] == by_rest
    cursor = {"cursor": by_rest["next"]}  # type: ignore[index]
    assert (
        rpc(room, client, "jobs.list", cursor)[1]
        == client.get("/v1/jobs", query_string=cursor).json
    )
    for wrong in ({"limit": 0, "state": 1}, {"cursor": "x"}):
        by_rest = http(client.get("/v1/jobs", query_string=wrong))
        assert rpc(room, client, "jobs.list", wrong) == by_rest
