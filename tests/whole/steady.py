"""Operations that take their time, for workers that are told to stop, killed or stopped."""

import os
import time
from pathlib import Path

from app import Run
from app.room.operation import Registry


def sleeps(seconds: float) -> str:
    """Do nothing, and come to no boundary."""
    time.sleep(seconds)
    return "slept"


def walks(run: Run, count: int, pause: float) -> int:
    """Add up numbers, one at a time."""
    for n in run.each(range(count)):
        time.sleep(pause)
        run.state["sum"] = run.state.get("sum", 0) + n
    return int(run.state["sum"])


def signs(seconds: float, file: str) -> str:
    """Say who was there, at the begin and at the end."""
    me = str(os.getpid())
    with Path(file).open("a") as signed:
        signed.write(f"{me} begins\n")
    time.sleep(seconds)
    with Path(file).open("a") as signed:
        signed.write(f"{me} ends\n")
    return me


def computes(run: Run, file: str) -> int:
    """Compute until a file is there, and tell of it."""
    rounds = 0
    print("it begins")
    run.progress(3, 7, "on the way")
    while not Path(file).exists():
        rounds += sum(range(1000))
    return rounds


def moment() -> float:
    """Say what time it is."""
    return time.time()


def declare(registry: Registry) -> None:
    for function in (sleeps, walks, signs, computes, moment):
        declared = registry.operation(function.__name__, long=True, retries=1, backoff="10ms")
        declared(function)
