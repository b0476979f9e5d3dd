"""What stands beside a problem's detail reaches every door as strict JSON, or is a bug."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import Problem, Refused, wiring
from app.config import Settings
from app.room.enter import Room
from app.room.operation import Registry
from app.room.strict_json import read_json
from app.wsgi import create_app

PLAIN: dict[str, Callable[[], Problem]] = {
    "a moment": lambda: Refused("Closed.", more=datetime(2026, 1, 2, tzinfo=UTC)),
    "a set": lambda: Refused("Closed.", more={1}),
}
NONE: dict[str, Callable[[], Problem]] = {
    "two keys that read the same": lambda: Refused("No.", more={1: 1, "1": 2}),
    "a NUL": lambda: Refused("No.", more="a\0b"),
    "half a character": lambda: Refused("No.", more="\ud800"),
    "39 digits": lambda: Refused("No.", more=10**38),
    "NaN": lambda: Refused("No.", more=float("nan")),
    "an object": lambda: Refused("No.", more=object()),
}


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    registry = Registry()

    @registry.operation("raise")
    def throw(what: str) -> None:
        raise (PLAIN | NONE)[what]()

    return create_app(Room(registry, wiring.make_ports(settings)), settings).test_client()


def told(client: FlaskClient, what: str) -> tuple[Any, Any]:
    """The problem over REST, and its data over JSON-RPC, both read strictly."""
    message = {"jsonrpc": "2.0", "method": "raise", "params": [what], "id": 1}
    rest = client.post("/v1/operations/raise", json={"what": what})
    rpc = client.post("/rpc", json=message)
    assert rpc.status_code == 200
    return read_json(rest.data), read_json(rpc.data)["error"]["data"]


@pytest.mark.parametrize(("what", "more"), [("a moment", "2026-01-02T00:00:00Z"), ("a set", [1])])
def test_a_member_reads_as_a_result_does(client: FlaskClient, what: str, more: Any) -> None:
    """Moments, sets and the like are put into JSON the same way."""
    for each in told(client, what):
        assert each["more"] == more


@pytest.mark.parametrize("what", NONE)
def test_a_member_that_no_strict_reader_takes_is_a_bug(client: FlaskClient, what: str) -> None:
    """An id for the caller; never an answer that our own reader refuses."""
    rest, rpc = told(client, what)
    assert (rest["type"], rpc["kind"]) == ("/problems/internal", "internal")
    for each in (rest, rpc):
        assert each["error_id"].startswith("err_")
        assert "more" not in each
