"""What an operation asks for beside its code: time, retries, how much at once. Frozen data."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from app.room.call import SCOPES
from app.room.duration import seconds
from app.room.size import size

Duration = str | int | float
Key = str | Callable[..., str]

_RATE = re.compile(r"([1-9][0-9]{0,8})/([smhd])")


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `per` seconds; written `"100/s"`, `"5/m"`."""

    calls: int
    per: float

    @classmethod
    def read(cls, text: str) -> "Rate":
        if not (match := _RATE.fullmatch(str(text))):
            raise ValueError(f"{text!r} is not a rate: write 100/s, 5/m or 1000/h")
        return cls(int(match[1]), seconds(f"1{match[2]}"))


@dataclass(frozen=True)
class Policy:
    """How an operation is run. Times are seconds."""

    retries: int = 3
    backoff: float = 1.0
    timeout: float = 30.0
    concurrency: int | None = None
    key: Key | None = None
    singleton: bool = False
    debounce: float | None = None
    rate: Rate | None = None
    priority: int = 0
    keep: float = 30 * 86400.0
    memory: int | None = None
    scope: str = "run"
    offload: Literal["task", "queue"] | None = None

    @property
    def is_limited(self) -> bool:
        """Is there a bound on how many run at once, or how often?"""
        return self.concurrency is not None or self.rate is not None

    def described(self) -> dict[str, Any]:
        """What a caller may know of it."""
        shown = ("retries", "backoff", "timeout", "concurrency", "priority", "keep", "scope")
        return {name: getattr(self, name) for name in shown} | {"offload": self.offload}


class Options(TypedDict, total=False):
    """What `@operation(…)` takes of it. None is the default, as if it were not given."""

    retries: int | None
    backoff: Duration | None
    timeout: Duration | None  # by default 30 s for a call, 15 min for a job
    concurrency: int | None
    key: Key | None
    singleton: bool
    debounce: Duration | None
    rate: str | None
    priority: int | None
    keep: Duration | None
    memory: int | str | None  # bytes, or "500MB"
    scope: Literal["read", "run", "admin"] | None
    offload: Literal["task", "queue"] | None


def read_policy(options: Options, *, long: bool) -> Policy:
    """The policy that a declaration's options ask for; ValueError says which one is wrong."""
    if stray := set(options) - set(Options.__annotations__):
        import difflib  # late: most processes never misspell

        known = ["params", "result", "http", "on", "long", "examples", *Options.__annotations__]
        near = difflib.get_close_matches(min(stray), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ValueError(f"there is no option {min(stray)!r}; {hint}")
    read: dict[str, Any] = {"timeout": "15m" if long else "30s"}
    read.update((name, value) for name, value in options.items() if value is not None)
    for name in read.keys() & _READERS.keys():
        try:
            read[name] = _READERS[name](read[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}={read[name]!r}: {error}") from None
    return Policy(**read)


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"give a whole number from {least} to {most}")
        return value

    return read


def _one_of(*choices: Any) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"choose one of {', '.join(map(str, choices))}")
        return value

    return read


def _some_time(value: Any) -> float:
    if not (time := seconds(value)):
        raise ValueError("that would let nothing run")
    return time


def _key(value: Any) -> Any:
    if not (isinstance(value, str) or callable(value)):
        raise ValueError("name a parameter, or give a function of the parameters")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "retries": _whole(0, 1000),
    "backoff": seconds,
    "timeout": _some_time,
    "concurrency": _whole(1, 100_000),
    "key": _key,
    "singleton": _one_of(True, False),
    "debounce": seconds,
    "rate": Rate.read,
    "priority": _whole(-100, 100),
    "keep": seconds,
    "memory": size,
    "scope": _one_of(*SCOPES),
    "offload": _one_of("task", "queue"),
}
