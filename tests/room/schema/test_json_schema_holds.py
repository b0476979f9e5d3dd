"""What a schema is said to accept is what it accepts, tried on values of all kinds."""

import dataclasses
import enum
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from marshmallow import Schema, fields, validate

from app.room.errors import Invalid
from app.room.files import FileField
from app.room.schema.field import Secret
from app.room.schema.hints import fields_of
from app.room.schema.json_schema import describe
from app.room.schema.params import Params


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    ONE = 1
    WORD = "word"


@dataclasses.dataclass
class Leaf:
    """A leaf."""

    size: Annotated[float, validate.Range(0, 10, max_inclusive=False)]
    colour: Colour = Colour.RED
    spots: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Tree:
    leaves: list[Leaf]
    trees: "list[Tree]" = dataclasses.field(default_factory=list)


class Reading(TypedDict):
    value: float
    note: NotRequired[str | None]


class Inner(Schema):
    """What is inside."""

    number = fields.Integer(required=True, metadata={"title": "Number", "examples": [1]})
    text = fields.String(allow_none=True, metadata={"deprecated": True, "other": 1})


def one(field: Any) -> type[Schema]:
    return Schema.from_dict({"x": field})


def hints(fn: Callable[..., Any]) -> type[Schema]:
    return fields_of(fn)


def scalars(
    a: int,
    b: float,
    c: bool,
    d: str | None,
    e: Literal["a", 1, True] | None = None,
    f: int | str = 1,
    g: Mixed = Mixed.ONE,
    h: Level | None = None,
    i: Decimal = Decimal(1),
    j: timedelta = timedelta(1),
) -> None: ...


def containers(
    a: list[int],
    b: dict[str, int | None],
    c: tuple[int, str],
    d: dict[int, bool],
    e: set[str],
    f: dict[Colour, int],
    g: Reading,
    h: Tree,
    i: list[Inner] | int = 1,
) -> None: ...


def validated(
    a: Annotated[int, validate.Range(1, 3), validate.NoneOf([2])],
    b: Annotated[str, validate.Length(2, 4), validate.Regexp("[a-c]+|x")],
    c: Annotated[list[str], validate.Length(max=2), validate.ContainsOnly(["a", "b"])],
    d: Annotated[str, validate.And(validate.Length(min=1), validate.Regexp("^b"))],
    e: Annotated[int | float, validate.Range(0, min_inclusive=False)],
    f: Annotated[str | None, validate.OneOf(["a", "b"])] = None,
    g: Annotated[int, validate.Equal(5)] = 5,
    h: Annotated[int, validate.Range(1), validate.Range(0, 9)] = 1,
    i: Annotated[list[int], validate.ContainsNoneOf([1])] = [],  # noqa: B006
    j: Annotated[dict[str, int], validate.Length(equal=1)] = {"a": 1},  # noqa: B006
    k: Annotated[str, Secret, validate.Length(min=2)] = "ab",
    m: Annotated[float | None, validate.Equal(1.5)] = None,
) -> None: ...


class Own(Schema):
    raw = fields.Raw(required=True)
    nested = fields.Nested(Inner, required=True)
    many = fields.Nested(Inner, many=True, validate=validate.Length(max=2))
    maybe = fields.Nested(Inner, allow_none=True, data_key="may be")
    part = fields.Nested(Inner, only=("number",))
    plucked = fields.Pluck(Inner, "number")
    plucks = fields.Pluck(Inner, "number", many=True)
    by_name = fields.Enum(Colour)
    pair = fields.Tuple((fields.Integer(), fields.Boolean()), allow_none=True)
    nothing = fields.Tuple(())
    file = FileField()
    server = fields.String(dump_only=True)
    when = fields.DateTime("timestamp")
    span = fields.TimeDelta()
    clock = fields.Time()
    local = fields.NaiveDateTime()
    strict = fields.Integer(strict=True, as_string=True)


class Formats(Schema):
    day = fields.Date(required=True)
    moment = fields.DateTime()
    aware = fields.AwareDateTime(allow_none=True)
    uuid = fields.UUID()
    four = fields.IPv4()
    six = fields.IPv6()
    either = fields.IP()


SCHEMAS = [hints(scalars), hints(containers), hints(validated), Own, Formats]


def whole(schema: Any, direction: Any = "load") -> dict[str, Any]:
    described, definitions = describe(schema, direction=direction)
    return {**described, "$defs": definitions}


def accepts(params: Params, value: Any) -> bool:
    try:
        params.load(value)
    except Invalid:
        return False
    return True


def sayable(value: Any) -> bool:
    """Apart from what no JSON Schema can say: how large a number Python's types hold, which days a
    pattern's month has, and that $ is the end, where Python's own is before a last newline too."""
    if isinstance(value, dict):
        return all(sayable(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return all(sayable(each) for each in value)
    if isinstance(value, str):
        return not value.endswith("\n") and is_on_the_calendar(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return abs(value) < 1e8
    return True


def is_on_the_calendar(text: str) -> bool:
    if not re.match(r"\d{4}-\d\d-\d\dT", text.upper()):
        return True
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def values(schema: dict[str, Any], root: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that this schema describes, for the words that descriptions use. Not all keywords are
    minded everywhere, so what comes out is to be judged first."""
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, depth + 1)
    rest = {key: each for key, each in schema.items() if key not in ("anyOf", "allOf")}
    if "anyOf" in schema:
        return st.one_of([values({**rest, **each}, root, depth) for each in schema["anyOf"]])
    if "allOf" in schema:
        for each in schema["allOf"]:
            items = {**rest.get("items", {}), **each.get("items", {})}
            rest = {**rest, **each, **({"items": items} if items else {})}
        return values(rest, root, depth)
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    kinds = schema.get("type", ["null", "boolean", "integer", "string"])
    if isinstance(kinds, list):
        return st.one_of([values({**schema, "type": kind}, root, depth) for kind in kinds])
    return KINDS[kinds](schema, root, depth)


def numbers(schema: dict[str, Any], root: Any, depth: int) -> st.SearchStrategy[Any]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -(10**6)))
    high = schema.get("maximum", schema.get("exclusiveMaximum", 10**6))
    whole = st.integers(-(-low // 1), high // 1)
    if schema["type"] == "integer":
        return whole | whole.map(float)
    return whole | st.floats(low, high)


def strings(schema: dict[str, Any], root: Any, depth: int) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"])
    times = st.datetimes(timezones=st.timezones() | st.just(UTC))
    zones = times.filter(lambda at: not at.utcoffset().total_seconds() % 60)
    forms = {
        "date": st.dates().map(str),
        "date-time": zones.map(datetime.isoformat)
        | st.datetimes().map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z"),
        "uuid": st.uuids().map(str),
        "ipv4": st.ip_addresses(v=4).map(str),
        "ipv6": st.ip_addresses(v=6).map(str),
    }
    text = st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 9))
    return forms.get(schema.get("format", ""), text)


def arrays(schema: dict[str, Any], root: Any, depth: int) -> st.SearchStrategy[Any]:
    low, high = schema.get("minItems", 0), schema.get("maxItems", 0 if depth > 3 else 3)
    if "prefixItems" in schema:
        return st.tuples(*(values(each, root, depth) for each in schema["prefixItems"])).map(list)
    items = st.deferred(lambda: values(schema.get("items", {}), root, depth + 1))
    return st.lists(items, min_size=low, max_size=high) if high else st.just([])


def objects(schema: dict[str, Any], root: Any, depth: int) -> st.SearchStrategy[Any]:
    named = {name: values(each, root, depth) for name, each in schema.get("properties", {}).items()}
    required = {name: named.pop(name) for name in schema.get("required", [])}
    free = schema.get("additionalProperties", {})
    if free is False:
        return st.fixed_dictionaries(required, optional=named)
    keys = values({"type": "string", **schema.get("propertyNames", {})}, root, depth)
    low, high = schema.get("minProperties", 0), schema.get("maxProperties", 3)
    return st.dictionaries(keys, values(free, root, depth), min_size=low, max_size=high)


KINDS: dict[str, Callable[..., st.SearchStrategy[Any]]] = {
    "null": lambda *_: st.none(),
    "boolean": lambda *_: st.booleans(),
    "integer": numbers,
    "number": numbers,
    "string": strings,
    "array": arrays,
    "object": objects,
}


def nothing_like_it(data: st.DataObject, value: Any) -> Any:
    """A value with one part of it replaced, removed or added."""
    strange = st.sampled_from(
        [None, True, False, 0, 1, 2, 1.5, -1, 9, 15.0, "", "1", "a", "xä", "red", "LOW", [],
         [1], ["a", "a", "a"], {}, {"a": 1}, "2026-01-02",
         "2026-01-02T03:04:05", "03:04", "90s", [None]]
    )  # fmt: skip
    if isinstance(value, dict) and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from([*sorted(value), "zz", "1"]))
        how = data.draw(st.sampled_from(["deeper", "deeper", "remove", "replace"]))
        if how == "remove":
            return {name: each for name, each in value.items() if name != key}
        if how == "deeper" and key in value:
            return {**value, key: nothing_like_it(data, value[key])}
        return {**value, key: data.draw(strange)}
    if isinstance(value, list) and value and data.draw(st.booleans()):
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], nothing_like_it(data, value[index]), *value[index + 1 :]]
    return data.draw(strange)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_accepts_exactly_what_its_description_does(schema):
    """What is generated from the description loads; what the description refuses does not."""
    params = Params.of(schema)
    described = whole(params.schema)
    Draft202012Validator.check_schema(described)
    judge = Draft202012Validator(described, format_checker=FormatChecker())

    @settings(
        max_examples=80,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data(), values(described, described))
    def check(data: st.DataObject, value: Any) -> None:
        assume(sayable(value) and judge.is_valid(value))
        assert accepts(params, value), value
        other = nothing_like_it(data, value)
        assume(sayable(other))
        assert accepts(params, other) == judge.is_valid(other), other

    check()
