"""Has an event the members that its door is going to read? Asked once, before anything is read."""

import json
from collections.abc import Callable
from types import UnionType
from typing import Any

from app.room.errors import Malformed, sayable
from app.room.strict_json import read_json, write_json

LONGEST_NAME = 2048

Shape = type | UnionType | Callable[[Any], bool] | dict[str, Any] | list[Any]


def fits(value: Any, shape: Shape) -> bool:
    """A type; a test; `{name: shape}`, where what is missing is None; `[shape]` for a list that
    is not empty and each of whose items fits."""
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(fits(value.get(n), s) for n, s in shape.items())
    if isinstance(shape, list):
        return isinstance(value, list) and bool(value) and all(fits(v, shape[0]) for v in value)
    if isinstance(shape, type | UnionType):
        return isinstance(value, shape)
    return shape(value)


def exactly(expected: Any) -> Callable[[Any], bool]:
    return lambda value: type(value) is type(expected) and value == expected


def optional(shape: Shape) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value, shape)


def mapping(shape: Shape) -> Callable[[Any], bool]:
    """From text to what has that shape."""
    return lambda value: (
        isinstance(value, dict)
        and all(isinstance(name, str) and fits(each, shape) for name, each in value.items())
    )


def listing(shape: Shape) -> Callable[[Any], bool]:
    """A list that may be empty."""
    return lambda value: isinstance(value, list) and all(fits(each, shape) for each in value)


def name(value: Any) -> bool:
    """Text that a record may be found by: an id, an ARN."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and sayable(value) == value


def checked(value: Any) -> Any:
    """As the strict reader would have read it, or `Malformed`: the platform's own is not strict."""
    try:
        return read_json(write_json(value))
    except (TypeError, ValueError, RecursionError):
        raise Malformed("It holds what JSON cannot say.") from None


def raw_of(value: Any) -> bytes:
    """What the platform has read already, as it may have been written."""
    try:
        return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")
    except (TypeError, ValueError, RecursionError):
        return repr(value).encode(errors="replace")


def records(source: str, **members: Any) -> Shape:
    """`{"Records": […]}`, all of one source."""
    return {"Records": [{"eventSource": exactly(source), **members}]}


def last_name(arn: str) -> str:
    """What a queue or topic is called: `arn:aws:sqs:eu-central-1:1234:orders` is orders."""
    return arn.rpartition(":")[2]
