"""One outcome, whatever the door: the same call through each of them."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.doors.http import STATUS
from app.doors.rpc import CODES, NARROWER
from app.room.call import Call
from app.room.enter import Room

VOLATILE = {"error_id"}  # made anew for each failure

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


DOORS = (rest, own_path, rpc)


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
