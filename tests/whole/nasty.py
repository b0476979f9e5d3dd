"""Operations that do to their process what nobody should, for workers to live through."""

import ctypes
import logging
import math
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app import Run
from app.room.operation import Registry

MB = 1_000_000
_declared: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []


def nasty(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A job of the function's name. What fails is tried twice, unless told otherwise."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        asked = {"long": True, "retries": 1, "backoff": "10ms"} | options
        _declared.append((function.__name__, function, asked))
        return function

    return declare


def declare(registry: Registry) -> None:
    for name, function, options in _declared:
        registry.operation(name, **options)(function)


# Neighbours


@nasty(retries=0)
def short(n: int) -> int:
    """Double."""
    return 2 * n


@nasty(retries=0)
def measures(text: str) -> int:
    """Count characters."""
    return len(text)


@nasty(retries=0)
def surroundings() -> dict[str, object]:
    """Tell what a job finds."""
    return {
        "folder": str(Path.cwd()),
        "path": os.environ.get("PATH", ""),
        "variables": len(os.environ),
        "stdout": type(sys.stdout).__name__,
        "recursion": sys.getrecursionlimit(),
        "sigterm": getattr(signal.getsignal(signal.SIGTERM), "__name__", "?"),
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0],
        "umask": os.umask(0o22),
        "handlers": len(logging.getLogger().handlers),
    }


# What ends the process


@nasty()
def segfault() -> None:
    """Read what is not there."""
    ctypes.string_at(0)


@nasty()
def exits() -> None:
    """Leave."""
    os._exit(3)


@nasty()
def is_killed() -> None:
    """End by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


@nasty()
def real_time_signal() -> None:
    """End by a signal that has no name."""
    os.kill(os.getpid(), 40)


@nasty()
def aborts() -> None:
    """Abort."""
    os.abort()


@nasty()
def alarmed() -> None:
    """End by an alarm of its own."""
    signal.alarm(1)
    time.sleep(10)


@nasty()
def overflows() -> int:
    """Recurse until the stack of C is used up."""
    sys.setrecursionlimit(10**9)
    value: list[Any] = []
    for _ in range(10**6):
        value = [value]
    return len(repr(value)) + _deep(0)


def _deep(n: int) -> int:
    return _deep(n + 1) + sum(map(_deep, [n]))


@nasty()
def closes_files() -> None:
    """Close what others opened."""
    os.closerange(3, 70_000)


@nasty()
def scribbles() -> None:
    """Write into every file that is open."""
    for file in range(3, 5000):
        try:
            os.write(file, b"scribble" * 4)
        except OSError:
            continue
    time.sleep(20)


# What raises


@nasty()
def sys_exit() -> None:
    """Leave as a program does."""
    sys.exit(3)


class Weird(BaseException):
    """No Exception."""


@nasty()
def base_exception() -> None:
    """Raise what is no Exception."""
    print("a last word")
    raise Weird("out of nowhere")


@nasty()
def interrupt() -> None:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise self

    __repr__ = __str__


@nasty()
def unspeakable() -> None:
    """Raise what cannot say why."""
    raise Unspeakable


@nasty()
def half_a_character() -> None:
    """Raise what is no text."""
    raise ValueError("\ud800 \0 " + "x" * 10 * MB)


@nasty()
def recursion() -> int:
    """Recurse for ever."""
    return recursion() + 1


@nasty()
def memory_error() -> None:
    """Ask for more memory than there is."""
    bytearray(1 << 60)


# What is no result


@nasty()
def an_object() -> object:
    """Give what no JSON can say."""
    return object()


@nasty()
def a_cycle() -> list[Any]:
    """Give what holds itself."""
    cycle: list[Any] = []
    cycle.append(cycle)
    return cycle


@nasty()
def too_large() -> str:
    """Give more than a record keeps."""
    return "x" * 102_401


@nasty()
def nan() -> float:
    """Give no number."""
    return math.nan


@nasty()
def a_generator() -> Any:
    """Give what is never run."""

    def numbers() -> Iterator[int]:
        yield 1

    return numbers()


@nasty()
def nan_progress(run: Run) -> int:
    """Tell of a progress that is no number."""
    run.progress(math.nan, 7)
    return 1


@nasty()
def odd_progress(run: Run) -> int:
    """Tell of a progress with an odd note."""
    run.progress(1, None, note=object())  # type: ignore[arg-type]
    return 1


# What takes too long, or too much


@nasty(retries=0, timeout="1s")
def loops() -> None:
    """Compute for ever."""
    while True:
        pass


@nasty(retries=0, timeout="2s")
def hogs() -> int:
    """Compute for ever inside C, where no other thread gets a turn."""
    return sum(range(10**12))


@nasty(retries=0, timeout="2s")
def backtracks() -> bool:
    """Match for ever."""
    return bool(re.match(r"(a+)+$", "a" * 40 + "b"))


@nasty(retries=0, timeout="2s")
def ignores_signals() -> None:
    """Stop itself."""
    os.kill(os.getpid(), signal.SIGSTOP)


@nasty(retries=0, memory=150 * MB)
def leaks() -> None:
    """Take ever more memory."""
    held = []
    while True:
        held.append(bytearray(10 * MB))
        time.sleep(0.01)


_kept: list[bytearray] = []


@nasty(retries=0)
def keeps_memory() -> int:
    """Leave much memory behind in its process."""
    _kept.append(bytearray(200 * MB))
    return len(_kept)


@nasty(retries=0, memory=150 * MB)
def takes_little() -> int:
    """Take less memory than it may."""
    held = bytearray(20 * MB)
    time.sleep(0.4)
    return len(held)
