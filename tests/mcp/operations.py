"""What clients of MCP are shown: one of each kind."""

import threading
from typing import Annotated, TypedDict

from marshmallow import validate

from app import File, Refused, Run, operation


class Pair(TypedDict):
    left: str
    right: int


@operation("greet", http="GET /greet/<name>", examples=[{"name": "Ada"}])
def greet(name: str, times: Annotated[int, validate.Range(1, 3)] = 1) -> str:
    """Say hello.

    As often as is wanted.
    """
    return f"Hello, {name}!" * times


@operation("pair")
def pair(left: str, right: int) -> Pair:
    """Put two together."""
    return {"left": left, "right": right}


@operation("refuse")
def refuse() -> str:
    """Say no."""
    raise Refused("Not today.", why="because")


@operation("secret", scope="admin")
def secret() -> str:
    """For admins."""
    return "swordfish"


@operation("count", long=True)
def count(run: Run, to: int) -> int:
    """Count slowly."""
    for _ in run.each(range(to), note="counting", every=1):
        threading.Event().wait(0.2)
    return to


@operation("draw", long=True)
def draw(run: Run, text: str) -> File:
    """Draw a text."""
    return run.save(text.encode(), name="drawn.txt")


@operation("await", long=True)
def wait(run: Run) -> str:
    """Wait to be told."""
    return str(run.wait_for("go", "1h"))
