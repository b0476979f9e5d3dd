"""What an operation asks for beside its code: time, retries, how much at once. Frozen data."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from app.room.call import SCOPES

Duration = str | int | float
Key = str | Callable[..., str]

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_RATE = re.compile(r"(\d+)/(ms|s|m|h|d)")


def seconds(duration: Duration) -> float:
    """`"90s"`, `"15m"`, `"2h"`, `"7d"` or a number of seconds, as seconds."""
    if isinstance(duration, str):
        if not (match := _DURATION.fullmatch(duration.strip())):
            raise ValueError(f"{duration!r} is not a duration: write 90s, 15m, 2h, 7d or a number")
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(duration, bool) or not 0 <= duration < float("inf"):
        raise ValueError(f"{duration!r} is not a duration: it must be 0 or more seconds")
    return float(duration)


@dataclass(frozen=True)
class Rate:
    """At most `calls` in any `per` seconds; written `"100/s"`, `"5/m"`."""

    calls: int
    per: float

    @classmethod
    def read(cls, text: str) -> "Rate":
        if not isinstance(text, str) or not (match := _RATE.fullmatch(text)) or match[1] == "0":
            raise ValueError(f"{text!r} is not a rate: write 100/s, 5/m or 1000/h")
        return cls(int(match[1]), _UNITS[match[2]])


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

    def described(self) -> dict[str, Any]:
        """What a caller may know of it."""
        shown = ("retries", "backoff", "timeout", "concurrency", "priority", "keep", "scope")
        return {name: getattr(self, name) for name in shown} | {"offload": self.offload}


def read_policy(options: dict[str, Any], *, long: bool) -> Policy:
    """The policy that a declaration's options ask for; ValueError says which one is wrong."""
    for name, limits in _NUMBERS.items():
        _check_number(name, options.get(name), *limits)
    for name, choices in _CHOICES.items():
        if options.get(name) is not None and options[name] not in choices:
            raise ValueError(f"{name}={options[name]!r}: choose one of {', '.join(choices)}")
    key = options.get("key")
    if key is not None and not (isinstance(key, str) or callable(key)):
        raise ValueError(f"key={key!r}: name a parameter, or give a function of the parameters")
    if not isinstance(options.get("singleton", False), bool):
        raise ValueError("singleton is True or False")
    read: dict[str, Any] = {"timeout": "15m" if long else "30s"}
    read.update((name, value) for name, value in options.items() if value is not None)
    for name in _DURATIONS & read.keys():
        try:
            read[name] = seconds(read[name])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from None
    if "rate" in read:
        read["rate"] = Rate.read(read["rate"])
    if read["timeout"] == 0:
        raise ValueError("timeout=0 would let nothing run")
    return Policy(**read)


_DURATIONS = {"backoff", "timeout", "debounce", "keep"}
_NUMBERS = {
    "retries": (0, 1000),
    "concurrency": (1, 100_000),
    "priority": (-100, 100),
    "memory": (1, 1 << 40),
}
_CHOICES = {"scope": SCOPES, "offload": ("task", "queue")}


def _check_number(name: str, value: Any, least: int, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name}={value!r}: give a whole number from {least} to {most}")
