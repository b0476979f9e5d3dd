"""A room with operations of every kind of outcome, and a client at its doors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from flask.testing import FlaskClient
from marshmallow import validate

from app import Busy, Conflict, Refused, Retry, Unknown, wiring
from app.config import Settings
from app.room.enter import Room
from app.room.operation import Registry
from app.wsgi import create_app

SECRET = "the password is swordfish"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(open="loopback", data=tmp_path / "data", max_body=1000)


@pytest.fixture
def room(settings: Settings) -> Iterator[Room]:
    made = Room(declared(), wiring.make_ports(settings))
    yield made
    made.ports.records.close()


@pytest.fixture
def client(room: Room, settings: Settings) -> FlaskClient:
    return create_app(room, settings).test_client()


def declared() -> Registry:
    registry = Registry()
    registry.operation("echo.text", http="GET /echo/<text>", examples=[{"text": "hi"}])(text)
    registry.operation("echo.pair", http="POST /pairs/<left>")(pair)
    registry.operation("echo.drop", http="DELETE /pairs/<left>")(drop)
    registry.operation("echo.path", http="GET /files/<path:where>")(path)
    registry.operation("fail")(fail)
    registry.operation("fail.slow", timeout=0.2)(slow)
    registry.operation("later", long=True)(text)
    return registry


def text(text: str, times: Annotated[int, validate.Range(1, 9)] = 1, loud: bool = False) -> str:
    """Say a text."""
    return (text.upper() if loud else text) * times


def pair(left: str, right: Annotated[list[int], validate.Length(max=3)]) -> dict[str, object]:
    """Put two together."""
    return {"left": left, "right": right}


def drop(left: str, tags: list[str] | None = None) -> list[str]:
    """Take one away."""
    return [left, *(tags or [])]


def path(where: str) -> str:
    """Say where."""
    return where


def fail(how: str) -> object:
    """Go wrong."""
    if how == "nan":
        return float("nan")
    if how == "exit":
        raise SystemExit(SECRET)
    raise {
        "refused": Refused("No.", why="because"),
        "retry": Retry("Not now.", after=7),
        "busy": Busy("Too many.", after=2),
        "unknown": Unknown("No such cat."),
        "conflict": Conflict("Already."),
    }.get(how, RuntimeError(SECRET))


def slow() -> None:
    """Take too long."""
    while True:
        pass
