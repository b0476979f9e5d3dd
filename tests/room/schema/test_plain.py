"""What becomes JSON by itself, and what is named when it does not."""

import dataclasses
import enum
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from app.room.files import File
from app.room.schema.plain import plain, pointer


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Word(str):
    pass


class Pair(NamedTuple):
    a: int
    b: Any


@dataclasses.dataclass
class Cat:
    name: str
    born: date
    friends: list["Cat"] = dataclasses.field(default_factory=list)


NOON = datetime(2026, 5, 4, 12, 0, tzinfo=timezone(timedelta(hours=2)))
NAIVE = datetime(2026, 5, 4, 12)  # noqa: DTZ001  # on purpose
A_UUID = UUID("12345678-1234-5678-1234-567812345678")
FILE = File("file_01J9ZZZZZZZZZZZZZZZZZZZZZZ")


@pytest.mark.parametrize(
    ("value", "out"),
    [
        (None, None),
        (True, True),
        (10**37, 10**37),
        (1.5, 1.5),
        ("ä\n", "ä\n"),
        (Word("w"), "w"),
        (Level.LOW, 1),
        (Colour.RED, "red"),
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        (NOON, "2026-05-04T10:00:00Z"),
        (NAIVE, "2026-05-04T12:00:00"),
        (datetime(2026, 5, 4, 12, 0, 0, 5, UTC), "2026-05-04T12:00:00.000005Z"),
        (date(2026, 5, 4), "2026-05-04"),
        (time(9, 30), "09:30:00"),
        (timedelta(minutes=1), 60),
        (timedelta(milliseconds=1500), 1.5),
        (A_UUID, str(A_UUID)),
        (FILE, {"file": FILE.id}),
        ((1, (2,)), [1, [2]]),
        (Pair(1, FILE), [1, {"file": FILE.id}]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", 1}), ["b", 1]),
        (MappingProxyType({"a": {Colour.RED: ()}}), {"a": {"red": []}}),
        (Cat("Tom", date(2020, 1, 2), [Cat("Kit", date(2021, 1, 2))]), {
            "name": "Tom",
            "born": "2020-01-02",
            "friends": [{"name": "Kit", "born": "2021-01-02", "friends": []}],
        }),
    ],
)  # fmt: skip
def test_common_values_have_one_form(value, out):
    """Each common kind of value has one form in JSON, of JSON's own types."""
    assert plain(value) == out
    assert type(plain(value)) is type(out)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        ({"a": [1, object()]}, TypeError, "/a/1: object does not fit into JSON"),
        (b"x", TypeError, "the value: bytes do not fit into JSON; save them as a file"),
        ((x for x in ()), TypeError, "generator"),
        ({1: 2}, TypeError, "key 1 is not a string"),
        ({"a": {None: 2}}, TypeError, "/a: key None"),
        ([float("nan")], ValueError, "/0: JSON has no nan"),
        ([float("inf")], ValueError, "/0: JSON has no inf"),
        ({"x": Decimal("NaN")}, ValueError, "/x: JSON has no NaN"),
        ({"x": "a\ud800"}, ValueError, "/x: text with a lone surrogate"),
        ({"\ud800": 1}, ValueError, "lone surrogate"),
        ({"x": "a\0"}, ValueError, "/x: text with a NUL"),
        ({"a/b~c": [10**38]}, ValueError, "/a~1b~0c/0: an integer of more than 38 digits"),
        (Cat("Tom", object()), TypeError, "/born: object"),  # type: ignore[arg-type]
        (Cat, TypeError, "type does not fit"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_named(value, error, says):
    """What JSON has no form for raises, and the error says where and why."""
    with pytest.raises(error, match=re.escape(says)):
        plain(value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_nesting_ends_at_64():
    """64 containers inside each other pass, the outermost counted; 65 do not."""
    assert plain(nested(64)) == nested(64)
    with pytest.raises(ValueError, match="nested deeper than 64"):
        plain(nested(65))


def test_a_cycle_is_told_and_a_value_met_twice_is_not_one():
    """What contains itself is an error; what merely stands in two places is not."""
    cycle: dict[str, Any] = {"a": []}
    cycle["a"].append(cycle)
    with pytest.raises(ValueError, match=re.escape("/a/0: it contains itself")):
        plain(cycle)
    twice = [1]
    assert plain([twice, twice]) == [[1], [1]]


def test_pointers_are_escaped():
    """~ and / in a step are written ~0 and ~1; no step at all is the whole document."""
    assert pointer() == ""
    assert pointer("a/b", 0, "~", "") == "/a~1b/0/~0/"
