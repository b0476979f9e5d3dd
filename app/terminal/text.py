"""Text that is safe and fits: no control characters, so many columns wide."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO
from unicodedata import combining, east_asian_width

from app.room.strict_json import write_json

Paint = Callable[[str, str], str]
"""Text in the colour of a status: given the status and the text."""

_COLOURS = {"running": 36, "waiting": 33, "succeeded": 32, "failed": 31, "cancelled": 90}


def unpainted(status: str, text: str) -> str:
    return text


def painted(status: str, text: str) -> str:
    """For a terminal that has colours."""
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if status in _COLOURS else text


def paint_for(stream: TextIO, environ: Mapping[str, str]) -> Paint:
    """Colours, unless it is no terminal, or NO_COLOR asks for none (https://no-color.org)."""
    is_dumb = environ.get("TERM") == "dumb" or bool(environ.get("NO_COLOR"))
    return painted if stream.isatty() and not is_dumb else unpainted


def width_of(text: str) -> int:
    """Columns that a terminal needs for it."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, width: int) -> str:
    """Its beginning, in no more than so many columns; what is cut off leaves an ellipsis."""
    if width_of(text) <= width:
        return text
    cut = text[: max(0, width)]
    while cut and width_of(cut) >= width:
        cut = cut[:-1]
    return f"{cut}…" if width > 0 else ""


def as_json(value: Any) -> str:
    """One line of JSON, in which nothing moves a terminal's cursor."""
    return harmless(write_json(value).decode())


def harmless(document: str) -> str:
    """The same JSON: what stands inside its strings and cannot be printed is escaped."""
    if document.isprintable():
        return document
    return "".join(c if c.isprintable() else _escape(c) for c in document)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else json.dumps(character)[1:-1]


def span(seconds: float) -> str:
    """A duration for people: its two largest units."""
    if seconds < 0:
        return "0 s"
    if seconds < 10:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    for large, small, each, units in (
        ("min", "s", 60, 1),
        ("h", "min", 3600, 60),
        ("d", "h", 86400, 3600),
    ):
        if whole < each * (24 if large == "h" else 60) or large == "d":
            rest = whole % each // units
            return f"{whole // each} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError("days have no end")


def clock_time(seconds: float) -> str:
    """A duration as a clock shows it: 0:07, 12:30, 1:02:03."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(text: str | None) -> float | None:
    """RFC 3339 as seconds since the epoch."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


def dated(text: str) -> str:
    """RFC 3339 as people read it, in UTC, to the second."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def counted(number: float) -> str:
    """12, 1234567 or 0.5, never 1e+06."""
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.1f}"
