"""What makes a job without anybody calling: the values of `on=[…]`."""

import re
import sys
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
        return re.fullmatch(_pattern(self.name), name, re.DOTALL) is not None


@dataclass(frozen=True)
class Topic(Named):
    """A message published to a topic."""


@dataclass(frozen=True)
class Queue(Named):
    """A message of a queue."""


@dataclass(frozen=True)
class Stream(Named):
    """A changed row of a table."""


Trigger = Cron | Every | Upload | Topic | Queue | Stream


def described(trigger: Trigger) -> dict[str, Any]:
    """The trigger as JSON can say it: `{"type": "cron", "line": …, "tz": …}`."""
    return {"type": type(trigger).__name__.lower(), **vars(trigger)}


@cache
def _pattern(glob: str) -> str:
    """`*` and `?` stand for no slash, `**/` for any folders or none."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return "".join(wild.get(part) or re.escape(part) for part in parts)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _bad(why: str) -> BadOperation:
    """Triggers are made in the arguments of a declaration: who made this one must mend it."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return BadOperation(f"{frame.f_code.co_filename}:{frame.f_lineno}: {why}")
