"""Type hints as schemas: which values each hint takes, and which hints have no form."""

import dataclasses
import enum
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    NotRequired,
    Optional,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import pytest
from marshmallow import Schema, fields, validate

from app import Run
from app.room.errors import BadOperation, Invalid
from app.room.files import File
from app.room.schema.field import Secret
from app.room.schema.hints import field_of, fields_of, result_of
from app.room.schema.params import Params
from app.room.schema.result import Result


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Objects(enum.Enum):
    A = object()


class Empty(enum.Enum):
    pass


@dataclasses.dataclass
class Cat:
    """A cat."""

    name: str
    lives: Annotated[int, validate.Range(1, 9)] = 9
    friends: list["Cat"] = dataclasses.field(default_factory=list)
    seen: int = dataclasses.field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.name == "Dog":
            raise ValueError("a dog is no cat")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Initial:
    x: dataclasses.InitVar[int]


class Reading(TypedDict):
    at: datetime
    value: float
    note: NotRequired[str]


class Loose(TypedDict, total=False):
    a: int


Dotted = TypedDict("Dotted", {"a.b": int})


class Spot(Schema):
    x = fields.Integer(required=True)


Name = NewType("Name", str)
T = TypeVar("T")
FILE = "file_01J9ZZZZZZZZZZZZZZZZZZZZZZ"
ID = "12345678-1234-5678-1234-567812345678"


def function(hint: Any, **default: Any) -> Any:
    def fn(x: Any) -> None: ...

    fn.__annotations__["x"] = hint
    if default:
        fn.__defaults__ = (default["default"],)
    return fn


def load(hint: Any, value: Any, **default: Any) -> Any:
    return Params.of(fields_of(function(hint, **default))).load({"x": value})["x"]


TABLE: list[tuple[Any, list[tuple[Any, Any]], list[Any]]] = [
    (str, [("a", "a"), ("", "")], [1, None, True]),
    (int, [(1, 1), (2.0, 2)], ["1", 1.5, True, None]),
    (float, [(1, 1.0), (1.5, 1.5)], ["1.5", True]),
    (bool, [(True, True)], [1, "true"]),
    (list[int], [([1, 2.0], [1, 2])], [["1"], 1, [None]]),
    (list, [([1, "a", None], [1, "a", None])], ["a", {}]),
    (Sequence[str], [(["a"], ["a"])], ["a"]),
    (set[int], [([1, 1], {1})], [1]),
    (frozenset[str], [(["a"], frozenset("a"))], [[1]]),
    (tuple[int, str], [([1, "a"], (1, "a"))], [[1], [1, "a", 2], ["a", 1]]),
    (tuple[int, ...], [([1, 2], (1, 2)), ([], ())], [["a"]]),
    (tuple, [([1, "a"], (1, "a"))], [1]),
    (dict[str, int], [({"a": 1}, {"a": 1})], [{"a": "1"}, []]),
    (dict, [({"a": [1]}, {"a": [1]})], [[], "{}"]),
    (Mapping[str, Any], [({"a": None}, {"a": None})], [[]]),
    (dict[int, str], [({"1": "a"}, {1: "a"})], [{"x": "a"}]),
    (dict[Colour, int], [({"red": 1}, {Colour.RED: 1})], [{"green": 1}]),
    (dict[Level, int], [({"1": 1}, {Level.LOW: 1})], [{"LOW": 1}]),
    (Literal["a", "b"], [("a", "a")], ["c", 1, None]),
    (Literal[1, 2], [(1, 1), (2.0, 2)], [True, "1", 3]),
    (Literal["a", 1, None],
     [("a", "a"), (1, 1), (None, None)], [True, "1"]),
    (Literal[True], [(True, True)], [False, 1]),
    (Colour, [("red", Colour.RED)], ["RED", "green", 1]),
    (Level, [(1, Level.LOW)], [True, "1", 2]),
    (Optional[int], [(None, None), (1, 1)], ["1", ""]),  # noqa: UP045
    (int | None, [(None, None), (1, 1)], ["1"]),
    (Annotated[int, validate.Range(1)] | None, [(None, None), (1, 1)], [0]),
    (int | str, [(1, 1), ("1", "1")], [1.5, True, None, []]),
    (Union[int, float], [(1, 1), (1.5, 1.5)], ["1", True]),  # noqa: UP007
    (bool | str | None, [(True, True), ("a", "a"), (None, None)], [1]),
    (list[int] | int, [([1], [1]), (1, 1)], ["1", {}]),
    (date, [("2026-01-02", date(2026, 1, 2))], ["2026-1-2", "2026-01-02T00:00:00Z", 1]),
    (datetime, [("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))],
     ["2026-01-02T03:04:05", "2026-01-02", 0]),
    (time, [("03:04", time(3, 4))], ["3:04", 3]),
    (timedelta, [(90, timedelta(seconds=90)), ("90s", timedelta(seconds=90)),
                 ("15m", timedelta(minutes=15)), ("1.5h", timedelta(hours=1.5)),
                 ("500ms", timedelta(seconds=0.5)), ("7d", timedelta(days=7))],
     ["90", "1w", "PT5M", True, "-5s", "999999999999d"]),
    (Decimal, [("1.10", Decimal("1.10")), (1, Decimal(1)), (0.1, Decimal("0.1"))], ["x", True]),
    (UUID, [(ID, UUID(ID))], ["x", 1]),
    (Cat, [({"name": "Tom"}, Cat("Tom")),
           ({"name": "Tom", "friends": [{"name": "Kit", "lives": 1}]},
            Cat("Tom", 9, [Cat("Kit", 1)]))],
     [{}, {"name": "Tom", "lives": 10}, {"name": "T", "seen": 1}, {"name": "Dog"}, "Tom", []]),
    (Point, [({"x": 1}, Point(x=1.0))], [{"y": 1}, {"x": "1"}]),
    (dict[str, Point], [({"a": {"x": 1}}, {"a": Point(x=1.0)})], [{"a": {}}]),
    (Reading, [({"at": "2026-01-02T00:00:00Z", "value": 1},
                {"at": datetime(2026, 1, 2, tzinfo=UTC), "value": 1.0})],
     [{"value": 1}, {"at": "2026-01-02T00:00:00Z", "value": 1, "note": None}, {"x": 1}]),
    (Loose, [({}, {}), ({"a": 1}, {"a": 1})], [{"a": None}]),
    (Annotated[str, validate.Length(max=2), "a short word"], [("ab", "ab")], ["abc"]),
    (Annotated[int, lambda value: None], [(1, 1)], ["1"]),
    (Annotated[str, fields.Email()], [("a@example.org", "a@example.org")], ["a"]),
    (Annotated[str, Secret], [("a", "a")], [1]),
    (Annotated[str | None, Secret], [("a", "a"), (None, None)], [1]),
    (list[Annotated[int, validate.OneOf([1, 2])]], [([1], [1])], [[3]]),
    (File, [(FILE, File(FILE))], ["x", None, {"file": FILE}]),
    (Any, [(None, None), ([1, {"a": None}], [1, {"a": None}])], []),
    (object, [(1, 1)], []),
    (Spot, [({"x": 1}, {"x": 1})], [{}, {"x": "1"}]),
    (Name, [("a", "a")], [1]),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "good", "bad"), TABLE)
def test_each_hint_takes_its_own_values_alone(hint, good, bad):
    """A hint's field loads JSON's form of its type to the type, and refuses all else."""
    for value, loaded in good:
        assert load(hint, value) == loaded
        assert type(load(hint, value)) is type(loaded)
    for value in bad:
        with pytest.raises(Invalid):
            load(hint, value)


@pytest.mark.parametrize(
    ("hint", "says"),
    [
        (bytes, "is bytes, which JSON has no form for; take a File, or text"),
        (complex, "take two floats"),
        (Iterator[int], "make it a list"),
        (T, "use a built-in type"),
        (int | float | Decimal, "two of them read a JSON"),
        (str | date, "two of them read a JSON string; use one type"),
        (Cat | Point, "two of them read a JSON object"),
        (int | Any, "two of them read"),
        (dict[tuple[int, int], str], "JSON's are text, so use dict[str, …]"),
        (dict[float, str], "has keys of float"),
        (Literal[b"x"], "use strings, integers, booleans and None"),
        (Objects, "whose values must be strings or numbers"),
        (Empty, "whose values must be strings or numbers"),
        (Annotated[int, Secret], "is marked Secret but is no str"),
        (Annotated[int, 5], "is annotated with 5, which is no validator"),
        (Annotated[str, validate.Email], "which is no validator"),
        (Initial, "is Initial, whose 'x' is no field"),
        (list[bytes], "is bytes"),
        (Dotted, "has a dot"),
        ([int], "which JSON has no form for"),
        (Run, "is Run, which goes to a first parameter called run"),
    ],
)
def test_a_hint_without_a_form_is_refused_with_what_to_do(hint, says):
    """What JSON has no form for is refused at the start, by file, line, name and parameter."""
    fn = function(hint)
    with pytest.raises(BadOperation) as caught:
        fields_of(fn, name="cats.speak")
    place = f"{__file__}:{fn.__code__.co_firstlineno}: cats.speak: parameter 'x' "
    assert str(caught.value).startswith(place)
    assert says in str(caught.value)


@pytest.mark.parametrize("value", ["b", 2, False])
def test_of_a_literal_of_several_types_every_choice_is_told(value):
    """Whatever type the wrong value has; a brace in a choice is text like any other."""
    with pytest.raises(Invalid) as caught:
        load(Literal["{a}", 1, True], value)
    assert [each.detail for each in caught.value.errors] == ["Must be one of: {a}, 1, true."]


def test_a_parameter_must_be_typed_and_passed_by_name():
    """No hint, *args, **kwargs and positional-only parameters are refused."""

    def untyped(x): ...
    def many(*x: int) -> None: ...
    def named(**x: int) -> None: ...
    def positional(x: int, /) -> None: ...
    def unknown(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    says = {
        untyped: "has no type hint; write it as x: str",
        many: "takes any number of arguments",
        named: "takes any number of arguments",
        positional: "remove the /",
        unknown: "its type hints cannot be read (name 'Nowhere' is not defined)",
    }
    for fn, text in says.items():
        with pytest.raises(BadOperation) as caught:
            fields_of(fn)
        assert text in str(caught.value)


def test_a_first_parameter_named_run_has_no_field():
    """`run` in the first place is the Run; elsewhere it is a parameter."""

    def first(run, x: int) -> None: ...
    def second(x: int, run: int) -> None: ...

    assert Params.of(fields_of(first)).names == ("x",)
    assert Params.of(fields_of(second)).names == ("x", "run")


def test_a_default_makes_a_parameter_optional_and_is_never_shared():
    """A parameter without a default is required; each load gets a default of its own."""

    def fn(a: int, b: list[int] = [], c: int = None, d: Colour = Colour.RED, e: int | None = 1):  # type: ignore[assignment]  # noqa: B006, RUF013
        ...

    params = Params.of(fields_of(fn))
    with pytest.raises(Invalid) as caught:
        params.load({})
    assert [wrong.pointer for wrong in caught.value.errors] == ["/a"]
    first = params.load({"a": 1})
    assert first == {"a": 1, "b": [], "c": None, "d": Colour.RED, "e": 1}
    first["b"].append(1)
    assert params.load({"a": 1, "c": None})["b"] == []
    with pytest.raises(Invalid):
        Params.of(fields_of(function(int | None))).load({})


def test_names_that_schemas_use_themselves_are_free():
    """A parameter may be called what a Schema's own attributes are called."""

    def fn(fields: int, load: int, Meta: int, made: int, opts: int) -> None: ...  # noqa: N803

    raw = dict.fromkeys(["fields", "load", "Meta", "made", "opts"], 1)
    assert Params.of(fields_of(fn)).load(raw) == raw


def test_a_field_given_to_two_parameters_stays_two():
    """What is said of one parameter does not reach another that uses the same field."""
    shared = fields.Integer()
    hint = Annotated[int, shared]

    def fn(a: hint, b: hint = 1, c: Annotated[hint, validate.Range(max=1)] = 0) -> None: ...  # type: ignore[valid-type]

    assert Params.of(fields_of(fn)).load({"a": 5}) == {"a": 5, "b": 1, "c": 0}
    assert not shared.required
    assert shared.validators == []


def test_the_result_of_a_function_is_a_field_or_nothing():
    """The return hint becomes a field; no hint, or None, becomes None."""

    def untyped(): ...
    def nothing() -> None: ...
    def cats() -> list[Cat]: ...  # type: ignore[empty-body]
    def wrong() -> bytes: ...  # type: ignore[empty-body]

    assert result_of(untyped) is None
    assert result_of(nothing) is None
    assert isinstance(result_of(cats), fields.List)
    with pytest.raises(BadOperation, match="the result is bytes"):
        result_of(wrong)


@pytest.mark.parametrize(
    ("hint", "value", "out"),
    [
        (datetime, datetime.fromisoformat("2026-05-04T12:00:00+02:00"), "2026-05-04T10:00:00Z"),
        (timedelta, timedelta(minutes=1.5), 90),
        (Decimal, Decimal("1E+2"), "100"),
        (Colour, Colour.RED, "red"),
        (tuple[int, str], (1, "a"), [1, "a"]),
        (set[int], {2, 1}, [1, 2]),
        (dict[Colour, date], {Colour.RED: date(2026, 1, 2)}, {"red": "2026-01-02"}),
        (Cat, Cat("Tom"), {"name": "Tom", "lives": 9, "friends": [], "seen": 0}),
        (Cat | None, None, None),
        (int | Cat, Cat("Tom"), {"name": "Tom", "lives": 9, "friends": [], "seen": 0}),
        (Reading, {"at": datetime(2026, 1, 2, tzinfo=UTC), "value": 1.5},
         {"at": "2026-01-02T00:00:00Z", "value": 1.5}),
        (list[File], [File(FILE, size=1)], [{"file": FILE, "size": 1}]),
        (Any, {"a": (1,)}, {"a": [1]}),
    ],
)  # fmt: skip
def test_what_a_hint_dumps_is_plain(hint, value, out):
    """A value of a hint's type is dumped in the one form of that type."""
    assert Result.of(hint).dump(value) == out
    assert Result.of(field_of(hint)).dump(value) == out
