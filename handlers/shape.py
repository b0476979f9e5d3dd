"""Has an event the members that its door is going to read? Asked once, before anything is read."""

import json
from collections.abc import Callable, Iterable
from itertools import chain
from types import UnionType
from typing import Any

from app.room.errors import Malformed, sayable
from app.room.strict_json import read_json, write_json

LONGEST_NAME = 2048

Test = Callable[[Any], bool]
Shape = type | UnionType | Test | dict[str, Any] | list[Any]


def shaped(shape: Shape) -> Test:
    """The test for a type; a test; `{name: shape}`, where what is missing is None; `[shape]` for a
    list that is not empty and each of whose items fits.

    Made once, for each event is asked about by every door: a shape that is read anew each time
    takes eight times as long, and took half the time of a call.
    """
    if isinstance(shape, dict):
        return _members(shape)
    if isinstance(shape, list):
        some = listing(shape[0])
        return lambda value: bool(value) and some(value)
    if isinstance(shape, type | UnionType):
        kinds = _kinds(shape)
        return lambda value: isinstance(value, kinds)
    return shape


def _members(shape: dict[str, Any]) -> Test:
    typed = [(n, _kinds(s)) for n, s in shape.items() if isinstance(s, type | UnionType)]
    tested = [(n, shaped(s)) for n, s in shape.items() if not isinstance(s, type | UnionType)]

    def is_so(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        get = value.get
        for name, kinds in typed:
            if not isinstance(get(name), kinds):
                return False
        for name, test in tested:  # noqa: SIM110 - all() would take half as long again
            if not test(get(name)):
                return False
        return True

    return is_so


def _kinds(shape: type | UnionType) -> tuple[type, ...]:
    """As `isinstance` is quickest with them."""
    return shape.__args__ if isinstance(shape, UnionType) else (shape,)


def exactly(expected: Any) -> Test:
    kind = type(expected)
    return lambda value: type(value) is kind and value == expected


def optional(shape: Shape) -> Test:
    test = shaped(shape)
    return lambda value: value is None or test(value)


def mapping(shape: Shape) -> Test:
    """From text to what has that shape."""
    are_texts, fit = _each(str), _each(shape)
    return lambda value: isinstance(value, dict) and are_texts(value) and fit(value.values())


def listings(shape: type) -> Test:
    """From text to lists of what has that type: as `mapping` of `listing`, without a turn of
    Python's for each of them."""
    are_texts, are_lists, fit = _each(str), _each(list), _each(shape)

    def is_so(value: Any) -> bool:
        if not (isinstance(value, dict) and are_texts(value) and are_lists(value.values())):
            return False
        return fit(chain.from_iterable(value.values()))

    return is_so


def listing(shape: Shape) -> Test:
    """A list that may be empty."""
    each = _each(shape)
    return lambda value: isinstance(value, list) and each(value)


def _each(shape: Shape) -> Callable[[Iterable[Any]], bool]:
    if not isinstance(shape, type | UnionType):
        test = shaped(shape)
        return lambda values: all(map(test, values))
    kinds = frozenset(_kinds(shape))  # exactly, as events are read of JSON
    return lambda values: kinds.issuperset(map(type, values))


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
    except (TypeError, ValueError):
        return repr(value).encode(errors="replace")
    except RecursionError:  # which would be the end of repr, too
        return b"(It is nested too deep to be written.)"


def records(source: str, **members: Any) -> Test:
    """`{"Records": […]}`, all of one source."""
    return shaped({"Records": [{"eventSource": exactly(source), **members}]})


def last_name(arn: str) -> str:
    """What a queue or topic is called: `arn:aws:sqs:eu-central-1:1234:orders` is orders."""
    return arn.rpartition(":")[2]
