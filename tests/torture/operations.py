"""What the tortured service offers. Each execution writes what it does into a sink of its job's,
past the engine: so it is counted from outside. Its chances are the system's: forks share a seed.
"""

import json
import os
import time
from pathlib import Path
from random import SystemRandom
from typing import Any, Self

from app import Refused, Run, operation

SINK = "TORTURE_SINK"  # the folder
AT_WORK = ".at-work"  # a folder in it: a file for each process that is in a function

chance = SystemRandom().random


class Execution:
    """One run of a function, in the sink of its job."""

    def __init__(self, job: str, claim: int) -> None:
        sink = Path(os.environ[SINK])
        path, self._sign = sink / job, sink / AT_WORK / f"{os.getpid()}"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.id, self.claim = os.urandom(6).hex(), claim

    def __enter__(self) -> Self:
        self.write("begin")
        self._sign.touch()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.write("left" if kind else "returned", kind.__name__ if kind else "")
        self._sign.unlink(missing_ok=True)
        os.close(self._file)

    def write(self, what: str, name: str = "", value: Any = None) -> None:
        line = [true_time(), os.getpid(), self.id, self.claim, what, name, value]
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def effect(self, name: str, ms: float) -> dict[str, Any]:
        """A step's function."""
        time.sleep(ms / 2000)
        number = int.from_bytes(os.urandom(6))
        self.write("step", name, number)
        time.sleep(ms / 2000)
        return {"by": self.id, "claim": self.claim, "number": number}

    def step(self, run: Run, name: str, ms: float) -> dict[str, Any]:
        value: dict[str, Any] = run.step(name, self.effect, name, ms)
        self.write("kept", name, value["number"])
        return value

    def result(self, value: Any) -> dict[str, Any]:
        return {"execution": self.id, "claim": self.claim, "value": value}


def true_time() -> float:
    """The machine's, whatever is done to `time.time`."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def execution(run: Run) -> Execution:
    # Which claim this is, no function may ask; a stale result can be told by nothing else.
    return Execution(run.id, run._notes.record.takes)


@operation("torture.plain", retries=1000, backoff="5ms")
def plain(mark: str, number: int) -> dict[str, Any]:
    """Double a number; knows nothing of its job."""
    with Execution(mark, 0) as here:
        return here.result(2 * number)


@operation("torture.add", long=True, retries=1000, backoff="5ms")
def add(run: Run, numbers: list[int], every: int, ms: float) -> dict[str, Any]:
    """Sum by items and state."""
    with execution(run) as here:
        for place, number in run.each([*enumerate(numbers)], every=every):
            run.state["count"] = run.state.get("count", 0) + 1
            run.state["sum"] = run.state.get("sum", 0) + number
            here.write("item", str(place), number)
            time.sleep(ms / 1000)
        return here.result([run.state["count"], run.state["sum"]])


@operation("torture.steps", long=True, retries=1000, backoff="5ms")
def steps(run: Run, count: int, ms: float) -> dict[str, Any]:
    """Take steps."""
    with execution(run) as here:
        return here.result({f"s{n}": here.step(run, f"s{n}", ms) for n in range(count)})


@operation("torture.crash", long=True, retries=1000, backoff="5ms")
def crash(run: Run, count: int, ms: float) -> dict[str, Any]:
    """Take steps, and end the process now and then."""
    with execution(run) as here:
        told = {}
        for n in range(count):
            told[f"s{n}"] = here.step(run, f"s{n}", ms)
            if chance() < 0.15:
                here.write("crash")
                os._exit(7)
        return here.result(told)


@operation("torture.fail", long=True, retries=1000, backoff="5ms")
def fail(run: Run, count: int, ms: float) -> dict[str, Any]:
    """Take steps, and fail now and then, inside of one or between two."""
    with execution(run) as here:
        told = {}
        for n in range(count):
            told[f"s{n}"] = here.step(run, f"s{n}", ms)
            if chance() < 0.2:
                raise RuntimeError("by chance")
        return here.result(told)


@operation("torture.nap", long=True, retries=1000, backoff="5ms")
def nap(run: Run, seconds: float) -> dict[str, Any]:
    """Sleep, and tell when it began and when it woke."""
    with execution(run) as here:
        began = run.step("began", true_time)
        run.sleep(seconds)
        return here.result([began, run.step("woke", true_time)])


@operation("torture.tick", long=True, retries=1000, backoff="5ms")
def tick(run: Run) -> dict[str, Any]:
    """Be there: what schedules make."""
    with execution(run) as here:
        return here.result("tick")


@operation("torture.square", long=True, retries=1000, backoff="5ms")
def square(run: Run, number: int, ms: float) -> dict[str, Any]:
    """Square a number: a child."""
    with execution(run) as here:
        time.sleep(ms / 1000)
        return here.result(number * number)


@operation("torture.map", long=True, retries=1000, backoff="5ms")
def map(run: Run, numbers: list[int], batch: int, ms: float) -> dict[str, Any]:
    """Square by children."""
    with execution(run) as here:
        items = [{"number": number, "ms": ms} for number in numbers]
        return here.result([each["value"] for each in run.map(square, items, batch=batch)])


@operation("torture.signal", long=True, retries=1000, backoff="5ms")
def signal(run: Run) -> dict[str, Any]:
    """Wait for a signal, for as long as it takes."""
    with execution(run) as here:
        return here.result(run.wait_for("go"))


@operation("torture.refuse", long=True, retries=1000, backoff="5ms")
def refuse(run: Run) -> dict[str, Any]:
    """Refuse."""
    with execution(run) as here:
        raise Refused(f"no: {here.id}")


@operation("torture.doom", long=True, retries=2, backoff="5ms")
def doom(run: Run) -> dict[str, Any]:
    """End the process, each time."""
    with execution(run) as here:
        here.write("crash")
        os._exit(7)
