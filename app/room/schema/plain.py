"""Python values as JSON-ready data: only None, bool, int, float, str, list and dict are left."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from app.room.errors import Problem
from app.room.files import File

NESTING = 64  # containers inside each other, the outermost counted
LARGEST = 10**38  # integers have at most 38 digits: what our own JSON reader takes back


def plain(value: Any) -> Any:
    """`value` as data that any JSON writer takes and our own reader reads back.

    Dataclasses become objects; sets and tuples arrays; a Decimal the string of its digits; an
    Enum its value; an aware datetime UTC with Z, a naive one stays without an offset; a
    timedelta its seconds. Raises TypeError or ValueError, which name where, as a JSON pointer,
    for everything else.
    """
    return _plain(value, [], [])


def pointer(*steps: str | int) -> str:
    """The JSON pointer (RFC 6901) of these steps; of none it is the whole document's, ""."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _plain(value: Any, path: list[str | int], inside: list[int]) -> Any:
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return _text(value, path)
    if kind is int:
        return _integer(value, path)
    if kind is float:
        if not math.isfinite(value):
            raise ValueError(_say(path, f"JSON has no {value}; use None or a string"))
        return value
    if kind is list or kind is dict or isinstance(value, list | tuple | set | frozenset | Mapping):
        return _container(value, path, inside)
    if is_dataclass(value) and not isinstance(value, File | type):
        return _container(value, path, inside)
    return _scalar(value, path, inside)


def _container(value: Any, path: list[str | int], inside: list[int]) -> Any:
    if id(value) in inside:
        raise ValueError(_say(path, "it contains itself"))
    if len(inside) >= NESTING:
        raise ValueError(_say(path, f"nested deeper than {NESTING}"))
    inside.append(id(value))
    out: Any
    if isinstance(value, Mapping):
        out = {}
        for key, each in value.items():
            out[_key(key, path)] = _step(each, key, path, inside)
    elif is_dataclass(value):
        names = [field.name for field in fields(value)]
        out = {name: _step(getattr(value, name), name, path, inside) for name in names}
    else:
        items = _in_order(value) if isinstance(value, set | frozenset) else value
        out = [_step(each, index, path, inside) for index, each in enumerate(items)]
    inside.pop()
    return out


def _step(value: Any, step: Any, path: list[str | int], inside: list[int]) -> Any:
    path.append(step)
    out = _plain(value, path, inside)
    path.pop()
    return out


def _scalar(value: Any, path: list[str | int], inside: list[int]) -> Any:
    """The kinds that are met less often, subclasses of the frequent ones among them."""
    match value:
        case Enum():
            return _plain(value.value, path, inside)
        case File():
            return value.as_json()
        case datetime():
            return moment(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return span(value)
        case Decimal():
            if not value.is_finite():
                raise ValueError(_say(path, f"JSON has no {value}; use None or a string"))
            return digits(value)
        case UUID():
            return str(value)
        case str():
            return _text(str.__str__(value), path)
        case int():
            return _integer(int(value), path)
        case float():
            return _plain(float(value), path, inside)
        case Problem():
            return {"error": {"kind": getattr(value, "kind", "internal"), "detail": value.detail}}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return _container(list(value), path, inside)
        case bytes() | bytearray() | memoryview():
            raise TypeError(_say(path, "bytes do not fit into JSON; save them as a file"))
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    raise TypeError(_say(path, f"{kind} does not fit into JSON; make it a dict, list or text"))


def moment(value: datetime) -> str:
    """An aware datetime in UTC with Z; a naive one without an offset, since nobody knows it."""
    if value.utcoffset() is None:
        return value.isoformat()
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def span(value: timedelta) -> int | float:
    """A whole number where it is one."""
    total = value.total_seconds()
    return int(total) if total.is_integer() else total


def digits(value: Decimal) -> str:
    """All digits and no exponent, except where that would run to hundreds of zeros."""
    return format(value, "f") if -400 < value.adjusted() < 400 else str(value)


def _text(value: str, path: list[str | int]) -> str:
    if "\0" in value:
        raise ValueError(_say(path, "text with a NUL character"))
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(_say(path, "text with a lone surrogate, half a character")) from None
    return value


def _integer(value: int, path: list[str | int]) -> int:
    if not -LARGEST < value < LARGEST:
        raise ValueError(_say(path, "an integer of more than 38 digits; make it a string"))
    return value


def _key(key: Any, path: list[str | int]) -> str:
    if isinstance(key, Enum):
        key = key.value
    if not isinstance(key, str):
        raise TypeError(_say(path, f"key {key!r} is not a string, as JSON's keys must be"))
    return _text(str.__str__(key), path)


def _in_order(value: set[Any] | frozenset[Any]) -> list[Any]:
    """A set has no order of its own; the same set should read the same each time."""
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=repr)


def _say(path: list[str | int], what: str) -> str:
    return f"{pointer(*path) or 'the value'}: {what}"
