"""The JSON-RPC door: the specification's examples, and its text."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.doors.jsonrpc import BATCH
from app.doors.methods import METHODS
from app.doors.rpc import CODES
from app.room.enter import Room
from app.room.errors import kinds
from app.room.operation import Registry
from app.wsgi import create_app
from tests.doors.conftest import SECRET, declared

NO_ID = object()


@pytest.fixture
def room(settings: Settings) -> Room:
    """The specification's own methods beside the others."""
    registry: Registry = declared()

    @registry.operation("subtract")
    def subtract(minuend: int, subtrahend: int = 0) -> int:
        return minuend - subtrahend

    @registry.operation("sum")
    def add(a: int, b: int, c: int) -> int:
        return a + b + c

    @registry.operation("get_data")
    def get_data() -> list[Any]:
        return ["hello", 5]

    for name in ("update", "notify_sum", "notify_hello"):

        @registry.operation(name)
        def notified(a: int = 0, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> None:
            pass

    return Room(registry, wiring.make_ports(settings))


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback")).test_client()


def rpc(client: FlaskClient, body: str | bytes) -> Any:
    """What is answered; None for 204."""
    answer = client.post("/rpc", data=body, content_type="application/json")
    if answer.status_code == 204:
        assert answer.data == b""
        return None
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.json


def result(value: Any, id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": value, "id": id}


def error(code: int, message: str, id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id}


def plain(answer: Any) -> Any:
    """The answer without the `data` that the specification leaves to us."""
    if isinstance(answer, list):
        return [plain(each) for each in answer]
    if isinstance(answer, dict) and "error" in answer:
        assert answer["error"].pop("data")["kind"] in kinds()
    return answer


INVALID = error(-32600, "Invalid Request", None)
EXAMPLES: list[tuple[str, str, Any]] = [
    ("positional",
     '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}', result(19, 1)),
    ("positional, turned",
     '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}', result(-19, 2)),
    ("named",
     '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, '
     '"id": 3}', result(19, 3)),
    ("named, turned",
     '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, '
     '"id": 4}', result(19, 4)),
    ("notification", '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', None),
    ("notification of nothing", '{"jsonrpc": "2.0", "method": "foobar"}', None),
    ("no such method", '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
     error(-32601, "Method not found", "1")),
    ("not JSON", '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
     error(-32700, "Parse error", None)),
    ("not a request", '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', INVALID),
    ("batch, not JSON",
     '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, '
     '{"jsonrpc": "2.0", "method"]', error(-32700, "Parse error", None)),
    ("empty batch", "[]", INVALID),
    ("batch of one that is none", "[1]", [INVALID]),
    ("batch of three that are none", "[1,2,3]", [INVALID] * 3),
    ("batch of all kinds",
     '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},'
     '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},'
     '{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},'
     '{"foo": "boo"},'
     '{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},'
     '{"jsonrpc": "2.0", "method": "get_data", "id": "9"}]',
     [result(7, "1"), result(19, "2"), INVALID, error(-32601, "Method not found", "5"),
      result(["hello", 5], "9")]),
    ("batch of notifications",
     '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},'
     '{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]', None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "answer"), [each[1:] for each in EXAMPLES], ids=[each[0] for each in EXAMPLES]
)
def test_the_specifications_examples(client: FlaskClient, body: str, answer: Any) -> None:
    """Each is answered as the specification shows."""
    assert plain(rpc(client, body)) == answer


def ask(client: FlaskClient, method: Any, params: Any = NO_ID, id: Any = 1, **more: Any) -> Any:
    message = {"jsonrpc": "2.0", "method": method, "params": params, "id": id, **more}
    told = {name: value for name, value in message.items() if value is not NO_ID}
    return rpc(client, json.dumps(told))


@pytest.mark.parametrize(
    ("changed", "id"),
    [
        ({"jsonrpc": "1.0"}, 1),
        ({"jsonrpc": 2.0}, 1),
        ({"jsonrpc": None}, 1),
        ({"jsonrpc": NO_ID}, 1),
        ({"method": None}, 1),
        ({"method": ["sum"]}, 1),
        ({"method": NO_ID}, 1),
        ({"params": "a"}, 1),
        ({"params": 1}, 1),
        ({"params": None}, 1),
        ({"id": True}, None),
        ({"id": [1]}, None),
        ({"id": {}}, None),
        ({"more": 1}, 1),
    ],
)
def test_what_is_no_request(client: FlaskClient, changed: dict[str, Any], id: Any) -> None:
    """It is told so, with its id where that can be known."""
    message = {"jsonrpc": "2.0", "method": "sum", "params": [1, 2, 3], "id": 1, **changed}
    told = {name: value for name, value in message.items() if value is not NO_ID}
    assert plain(rpc(client, json.dumps(told))) == {**INVALID, "id": id}


@pytest.mark.parametrize("id", ["", "a", 0, -1, 1.5, 10**30, None])
def test_an_id_comes_back_as_it_was(client: FlaskClient, id: Any) -> None:
    """A string, a number or null; an explicit null is a request, not a notification."""
    assert ask(client, "sum", [1, 2, 3], id) == result(6, id)


@pytest.mark.parametrize(
    ("method", "params", "value"),
    [
        ("subtract", [5], 5),
        ("subtract", {"minuend": 5}, 5),
        ("get_data", [], ["hello", 5]),
        ("get_data", {}, ["hello", 5]),
        ("get_data", NO_ID, ["hello", 5]),
        ("echo.text", ["a", 2], "aa"),
        ("update", NO_ID, None),
    ],
)
def test_params_by_position_and_by_name(
    client: FlaskClient, method: str, params: Any, value: Any
) -> None:
    """In the order of the declaration; what is left out has its default."""
    assert ask(client, method, params) == result(value, 1)


@pytest.mark.parametrize(
    ("method", "params", "pointers"),
    [
        ("subtract", [1, 2, 3], ["/2"]),
        ("subtract", [1, 2, 3, 4], ["/2", "/3"]),
        ("subtract", [], ["/minuend"]),
        ("subtract", ["1"], ["/minuend"]),
        ("subtract", {"minuend": 1, "more": 2}, ["/more"]),
    ],
)
def test_wrong_params_are_named(
    client: FlaskClient, method: str, params: Any, pointers: list[str]
) -> None:
    """-32602, with each wrong field; nothing surplus is dropped in silence."""
    told = ask(client, method, params)["error"]
    assert told["code"] == -32602
    assert [wrong["pointer"] for wrong in told["data"]["errors"]] == pointers


@pytest.mark.parametrize(
    ("how", "kind", "after"),
    [
        ("refused", "refused", None),
        ("retry", "unavailable", 7),
        ("busy", "busy", 2),
        ("unknown", "unknown", None),
        ("conflict", "conflict", None),
        ("bug", "internal", None),
    ],
)
def test_what_an_operation_raises(
    client: FlaskClient, how: str, kind: str, after: float | None
) -> None:
    """Each kind has its code; a bug's text stays here."""
    told = ask(client, "fail", {"how": how})["error"]
    assert (told["code"], told["data"]["kind"]) == (CODES[kind], kind)
    assert told["data"].get("retry_after") == after
    assert SECRET not in json.dumps(told)


def test_notifications_are_never_answered(client: FlaskClient) -> None:
    """Not when they fail, nor when their parameters are wrong."""
    for method, params in (("fail", ["bug"]), ("subtract", ["x"]), ("nothing", {})):
        assert ask(client, method, params, NO_ID) is None


def test_names_of_the_protocols_own(client: FlaskClient) -> None:
    """`rpc.` methods are the service's; one that is not there is not found."""
    assert ask(client, "rpc.nothing")["error"]["code"] == -32601


def test_batches_have_a_cap(client: FlaskClient) -> None:
    """The hundredth request is answered; with one more, none is."""
    one = {"jsonrpc": "2.0", "method": "get_data", "id": 1}
    assert len(rpc(client, json.dumps([one] * BATCH))) == BATCH == 100
    told = rpc(client, json.dumps([one] * (BATCH + 1)))
    assert (told["error"]["code"], told["id"]) == (CODES["too_large"], None)


def test_a_batch_ends_where_its_answer_would_be_too_large(client: FlaskClient, room: Room) -> None:
    """What comes after that is not done, and says so; notifications are, since they say nothing."""
    done: list[int] = []

    @room.registry.operation("large")
    def large(n: int) -> str:
        done.append(n)
        return "x" * 1000

    room.answer_most = 5000
    asked: list[Any] = [
        {"jsonrpc": "2.0", "method": "large", "params": [n], "id": n} for n in range(6)
    ]
    del asked[4]["id"]
    told = client.post("/rpc", json=asked).json or []
    assert [each["id"] for each in told if "result" in each] == [0, 1, 2]
    assert [each["error"]["code"] for each in told if "error" in each] == [CODES["too_large"]] * 2
    assert done == [0, 1, 2, 4]


def test_a_batch_in_a_batch_is_none(client: FlaskClient) -> None:
    """It is answered as one request that is none."""
    assert plain(rpc(client, "[[]]")) == [INVALID]


def test_http_around_it(client: FlaskClient) -> None:
    """What is not JSON by its name is a problem of HTTP's."""
    answer = client.post("/rpc", data="{}", content_type="text/plain")
    assert answer.status_code == 415
    assert client.put("/rpc").status_code == 405


def test_discovery(client: FlaskClient, room: Room) -> None:
    """An OpenRPC document: each method once, required parameters first, references that resolve."""
    told = ask(client, "rpc.discover")["result"]
    assert {"openrpc", "info", "methods"} <= told.keys()
    names = [*(each.name for each in room.registry), *METHODS]
    assert [each["name"] for each in told["methods"]] == names
    for method in told["methods"]:
        assert method["paramStructure"] in ("either", "by-name")
        assert {"name", "schema"} <= method["result"].keys()
        needed = [each["required"] for each in method["params"]]
        assert needed == sorted(needed, reverse=True)
    text = json.dumps(told)
    for name in told["components"]["schemas"]:
        assert f"#/components/schemas/{name}" in text


def test_a_batch_has_no_key(client: FlaskClient, room: Room) -> None:
    """One key cannot stand for many requests; and a batch waits for nothing."""
    call = {"jsonrpc": "2.0", "method": "echo.text", "params": ["a"], "id": 1}
    keyed = client.post("/rpc", json=[call], headers={"Idempotency-Key": "k"}).json
    assert keyed["error"]["code"] == -32600  # type: ignore[index]
    told = client.post("/rpc", json=[call, call], headers={"Prefer": "respond-async, wait=9"})
    assert told.json == [result("a", 1)] * 2
    bad = client.post("/rpc", json=call, headers={"Idempotency-Key": ""})
    assert (bad.status_code, bad.mimetype) == (422, "application/problem+json")


def test_a_bug_of_ours_is_one_answer_of_a_batch(
    client: FlaskClient, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbours have theirs."""

    def broken(*_: Any) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr(room.engine, "get", broken)
    ask = {"jsonrpc": "2.0", "method": "jobs.get", "params": {"id": "job_1"}, "id": 1}
    fine = {"jsonrpc": "2.0", "method": "echo.text", "params": {"text": "a"}, "id": 2}
    told = client.post("/rpc", json=[ask, fine]).json
    assert told[0]["error"]["code"] == -32603
    assert "secret" not in str(told)
    assert told[1]["id"] == 2
    assert "result" in told[1]
