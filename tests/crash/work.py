"""What the jobs of the scripted life do: each says so in a sink of its own, past the store."""

import json
import os
from pathlib import Path
from typing import Any

from app import Run
from app.room.operation import Registry

SINK = "CRASH_SINK"


def said(run: Run, what: str, value: Any) -> Any:
    line = json.dumps([run.id, what, value]).encode() + b"\n"
    file = os.open(os.environ[SINK], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line)
    os.close(file)
    return value


def sink() -> list[list[Any]]:
    """All that was said: a job, what, and a value; a line that was cut off was not said."""
    path = Path(os.environ[SINK])
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("]")]


def steps(run: Run, count: int) -> list[int]:
    """Take steps, and fail the first time, between two of them."""
    told = []
    for n in range(count):
        told.append(run.step(f"s{n}", said, run, f"s{n}", int.from_bytes(os.urandom(4))))
        said(run, f"kept s{n}", told[-1])
        if n == 1 and not any(what == "failed" for _, what, _ in sink()):
            said(run, "failed", n)
            raise RuntimeError("the first time")
    return told


def each(run: Run, count: int) -> int:
    """Add up, item by item."""
    for n in run.each(range(count), every=1):
        run.state["sum"] = run.state.get("sum", 0) + said(run, "item", n)
    return int(run.state["sum"])


def late(run: Run) -> str:
    """Be there."""
    return str(said(run, "late", "done"))


def square(number: int) -> int:
    """Square a number: a child."""
    return number * number


def map(run: Run, numbers: list[int]) -> list[int]:
    """Square by children."""
    return list(run.map("square", [{"number": number} for number in numbers]))


def nap(run: Run) -> str:
    """Sleep."""
    run.sleep(7)
    return "woke"


def large(run: Run, size: int) -> str:
    """Give more than a record holds."""
    return "x" * size


def saved(run: Run) -> str:
    """Save a file, and give its text."""
    with run.open(run.save(b"kept", name="kept.txt")) as file:
        return file.read().decode()


def declare(registry: Registry) -> None:
    for function in (steps, each, late, square, map, nap, large, saved):
        declared = registry.operation(function.__name__, long=True, retries=50, backoff="10ms")
        declared(function)
