"""What is written behind a command's name: parameters, times, JSON."""

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.room.duration import seconds
from app.room.errors import Problem
from app.room.strict_json import read_json


class BadArgument(Exception):
    """Something written that cannot be read. Its text says what, and how to write it."""


Attach = Callable[[str, str], tuple[str, bool] | None]
"""A parameter's name and a path: the id of the file, and whether the parameter takes many; None
for one that takes no files."""


def read_params(
    pairs: Sequence[str], attach: Attach = lambda name, path: None
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """`name=text`; `name=@path` for a file where one is taken, else for JSON from a file."""
    params: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise BadArgument(f"{pair!r}: write name=value, or name=@file.json")
        attached = attach(name, text[1:]) if text.startswith("@") else None
        if attached is not None and attached[1]:
            params.setdefault(name, []).append(attached[0])
            continue
        if name in params or (name in texts and text.startswith("@")):
            raise BadArgument(f"{pair!r}: {name} is given twice")
        if attached is not None:
            params[name] = attached[0]
        elif text.startswith("@"):
            params[name] = _read_file(pair, text[1:])
        else:
            texts.setdefault(name, []).append(text)
    return params, texts


def read_value(text: str) -> Any:
    """JSON, or `@file.json` for JSON from a file."""
    if text.startswith("@"):
        return _read_file(text, text[1:])
    try:
        return read_json(text.encode())
    except (Problem, UnicodeEncodeError):
        raise BadArgument(f"{text!r}: write JSON, as in 12, true or '\"yes\"'") from None


def _read_file(written: str, path: str) -> Any:
    try:
        return read_json(Path(path).read_bytes())
    except (Problem, OSError, ValueError) as error:
        raise BadArgument(f"{written!r}: {error}") from None


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number."""

    def number(text: str) -> int:
        digits = text.removeprefix("-") if least < 0 else text
        fits = digits.isascii() and digits.isdigit() and len(digits) < 20
        if not (fits and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"write a whole number from {least} to {most}")
        return int(text)

    return number


def duration(text: str) -> float:
    """`90s`, `15m`, `2h`, `7d`, or a number of seconds."""
    try:
        return seconds(f"{text}s" if text[-1:].isdigit() else text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write 90s, 15m, 2h or 7d") from None


def time(text: str) -> float:
    """A date with a time, of this machine's zone unless it names another."""
    try:
        moment = datetime.fromisoformat(text).timestamp()
        datetime.fromtimestamp(moment, UTC)  # an offset may lead out of the years that there are
        return moment
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write a time, as in 2030-01-31T03:00 or 2030-01-31T03:00:00Z"
        ) from None
