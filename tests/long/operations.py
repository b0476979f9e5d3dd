"""Long jobs whose exact answers are known, and what `run.map` is given. What each execution does is
written into a sink of its job's, past the engine, as the tortured service's operations do.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from app import Problem, Refused, Run, operation
from tests.long.answers import chained
from tests.torture.operations import Execution, execution

LEAVES = "leaves"  # the sink of a story's children

Leaf = Literal["", "fails", "waits", "works"]


@operation("long.walk", long=True, retries=1000, backoff="5ms", timeout="2h")
def walk(run: Run, items: int, every: int, ms: float) -> list[int]:
    """Walk items; `every=0` saves by time."""
    with execution(run) as here:
        for item in run.each(range(items), every=every or "1s"):
            here.write("item", "", item)
            run.state["count"] = run.state.get("count", 0) + 1
            run.state["chain"] = chained(run.state.get("chain", 0), item)
            time.sleep(ms / 1000)
        return [run.state["count"], run.state["chain"]]


@operation("long.story", long=True, retries=1000, backoff="5ms", timeout="2h")
def story(run: Run, rounds: int, width: int, nap: float) -> int:
    """Take steps, sleep and map, again and again; and then steps alone, outside of any loop."""

    def step(name: str, number: int) -> int:
        here.write("step", f"{name}{number}")
        time.sleep(0.05)
        return number * number

    with execution(run) as here:
        for n in run.each(range(rounds), every=1):
            first = run.step("first", step, "first", n)
            run.sleep(nap)
            given = ({"n": n * width + place} for place in range(width))
            leaves = run.map(leaf, given, batch=1 + n % 3)
            last = run.step("last", step, "last", n)
            run.state["chain"] = chained(run.state.get("chain", 0), first, *leaves, last)
        ends = [run.step(f"end{n}", step, "end", n) for n in range(rounds)]
        return chained(run.state["chain"], *ends)


@operation("long.leaf", long=True, retries=1000, backoff="5ms")
def leaf(run: Run, n: int) -> int:
    """Double a number, and say so."""
    with Execution(LEAVES, run.attempt) as here:
        here.write("item", "", n)
        return 2 * n


@operation("long.gather", long=True, retries=1000, backoff="5ms", timeout="1h")
def gather(
    run: Run, items: int, batch: int, kinds: dict[str, Leaf], collect: bool, held: bool
) -> Any:
    """Square numbers by children; `kinds` says which do something else, by their number. `held`:
    every second of the others waits."""
    usual: tuple[Leaf, ...] = ("", "waits" if held else "")
    given = ({"n": n, "kind": kinds.get(str(n), usual[n % 2])} for n in range(items))
    with execution(run) as here, _memory(here):
        found = run.map(square, given, batch=batch, failures="collect" if collect else "stop")
        for value in run.each(found):
            if isinstance(value, Problem):
                place = run.state["count"]
                run.state["failed"] = [*run.state.get("failed", []), place]
                value = -1
            run.state["count"] = run.state.get("count", 0) + 1
            run.state["chain"] = chained(run.state.get("chain", 0), value)
        return [run.state["count"], run.state["chain"], run.state.get("failed", [])]


@operation("long.square", long=True, retries=0, timeout="1h")
def square(run: Run, n: int, kind: Leaf) -> int:
    """Square a number, or fail, or wait, or work for as long as one lets it."""
    match kind:
        case "fails":
            raise Refused("It was to fail.")
        case "waits":
            run.wait_for("go")
        case "works":
            for _ in run.each(range(1_000_000)):
                time.sleep(0.01)
    return n * n


@contextmanager
def _memory(here: Execution) -> Iterator[None]:
    """Writes down by how many KB the process grew meanwhile, at most."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, proc(5)
    began = _status("VmRSS")
    try:
        yield
    finally:
        here.write("memory", "", _status("VmHWM") - began)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
