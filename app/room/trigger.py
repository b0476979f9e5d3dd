"""What makes a job without anybody calling: the values of `on=[…]`."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.room.duration import seconds
from app.room.errors import BadOperation
from app.room.policy import Duration
from app.room.timing import BadTimes, cron_times


@dataclass(frozen=True)
class Cron:
    """At the times of a five-field cron line, in an IANA zone."""

    line: str
    tz: str = "UTC"

    def __post_init__(self) -> None:
        try:
            cron_times(self.line, self.tz)
        except BadTimes as error:
            told = f"tz={self.tz!r}" if error.at == "tz" else repr(self.line)
            raise _bad(f"Cron({told}): {error}") from None


@dataclass(frozen=True)
class Every:
    """Again and again, an interval apart."""

    interval: Duration

    def __post_init__(self) -> None:
        try:
            interval = seconds(self.interval)
        except ValueError as error:
            raise _bad(f"Every({self.interval!r}): {error}") from None
        if interval < 1:
            raise _bad(f"Every({self.interval!r}): at least one second")


@dataclass(frozen=True)
class Named:
    """What comes from a named place."""

    name: str

    def __post_init__(self) -> None:
        if not 1 <= len(_text(self.name)) <= 128:
            raise _bad(f"{type(self).__name__}({self.name!r}): a name of 1 to 128 characters")


@dataclass(frozen=True)
class Upload(Named):
    """A file whose name fits a glob: `Upload("pics/*.jpg")`; `**` goes into folders too."""

    def fits(self, name: str) -> bool:
        parts = _parts(self.name)
        head, tail = parts[0], parts[-1]  # by which most names fail at once
        ends = name.startswith(head) and name.endswith(tail)
        return ends and _fits(_signs(parts), name)


@dataclass(frozen=True)
class Topic(Named):
    """A message published to a topic."""


@dataclass(frozen=True)
class Queue(Named):
    """A message of a queue."""


@dataclass(frozen=True)
class Stream(Named):
    """A changed row of a table."""


FOLDERS = "**/"  # here one goes into `**` and a slash, or past both

Trigger = Cron | Every | Upload | Topic | Queue | Stream


def described(trigger: Trigger) -> dict[str, Any]:
    """The trigger as JSON can say it: `{"type": "cron", "line": …, "tz": …}`."""
    return {"type": type(trigger).__name__.lower(), **vars(trigger)}


@cache
def _parts(glob: str) -> tuple[str, ...]:
    """What stands for itself, and what does not, in turn; never empty."""
    return tuple(re.split(r"(\*\*/|\*\*|\*|\?)", glob))


@cache
def _signs(parts: tuple[str, ...]) -> tuple[str, ...]:
    """`*` and `?` stand for no slash, `**/` for any folders or none; all else for itself."""
    spelled = {"**/": (FOLDERS, "**", "/"), "**": ("**",), "*": ("*",), "?": ("?",)}
    return tuple(sign for part in parts for sign in spelled.get(part, tuple(part)))


def _fits(signs: tuple[str, ...], name: str) -> bool:
    """By all the places in the glob where one may be after each character: a regular expression
    would try them one after another, and a name that nearly fits would take it hours."""
    here = _reached({0}, signs)
    for character in name:
        here = _reached(set(_after(here, signs, character)), signs)
    return len(signs) in here


def _after(here: set[int], signs: tuple[str, ...], character: str) -> Iterator[int]:
    for place in here:
        sign = signs[place] if place < len(signs) else ""
        if sign == "**" or (sign == "*" and character != "/"):
            yield place
        elif sign == character or (sign == "?" and character != "/"):
            yield place + 1


def _reached(here: set[int], signs: tuple[str, ...]) -> set[int]:
    """With the places behind what may stand for nothing."""
    left = list(here)
    while left:
        place = left.pop()
        sign = signs[place] if place < len(signs) else ""
        beyond = {FOLDERS: (place + 1, place + 3), "*": (place + 1,), "**": (place + 1,)}
        fresh = [each for each in beyond.get(sign, ()) if each not in here]
        here.update(fresh)
        left += fresh
    return here


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad(why: str) -> BadOperation:
    """Triggers are made in the arguments of a declaration: who made this one must mend it."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return BadOperation(f"{frame.f_code.co_filename}:{frame.f_lineno}: {why}")
