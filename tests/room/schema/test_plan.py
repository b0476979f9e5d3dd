"""A plan says what marshmallow would, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import Schema, ValidationError, fields, post_load, pre_load, validate, validates

from app import Secret
from app.room.schema.hints import fields_of, result_of
from app.room.schema.params import Params
from app.room.schema.plan import fitting, loading
from app.room.schema.result import Result
from app.room.strict_json import write_json

Times = Annotated[int, validate.Range(1, 9)]


def plain(
    a: str,
    b: Times = 1,
    c: float = 0.5,
    d: bool = False,
    e: str | None = None,
    f: Annotated[str, Secret] = "",
    g: Literal["x", "y"] = "x",
    h: Annotated[list[int], validate.Length(max=2)] = [],  # noqa: B006 - each call gets its own
) -> None: ...


class Named(Schema):
    a = fields.String(data_key="A", attribute="b", required=True)
    b = fields.Integer(attribute="a", load_default=lambda: 3)
    c = fields.List(fields.Float())


PLANNED = [Params.of(fields_of(plain)), Params.of(Named)]

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just("x")
)
members = st.recursive(values, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
objects = st.dictionaries(st.sampled_from([*"abcdefghA", "extra"]), members, max_size=5)


@pytest.mark.parametrize("params", PLANNED, ids=["hints", "schema"])
@given(raw=objects)
@example(raw={"a": "t"})
@example(raw={"A": "t", "b": 4, "c": [0.5]})
@example(raw={"a": "t", "b": 10})
@example(raw={"a": "t", "b": 2.0})
def test_what_a_plan_loads_marshmallow_loads(params: Params, raw: dict[str, Any]) -> None:
    """Value by value, type by type, in the same order."""
    found = params.at_a_glance(raw)
    if found is not None:
        assert repr(found) == repr(params.schema.load(raw))


@pytest.mark.parametrize(
    ("params", "raw"),
    [
        (PLANNED[0], {"a": "t"}),
        (PLANNED[0], {"a": "ä\0", "b": 9, "c": -0.0, "d": True, "f": "s", "g": "y", "h": [1, 2]}),
        (PLANNED[1], {"A": ""}),
        (PLANNED[1], {"A": "", "b": 2, "c": [1.5]}),
    ],
)
def test_plain_calls_need_no_marshmallow(params: Params, raw: dict[str, Any]) -> None:
    assert repr(params.at_a_glance(raw)) == repr(params.schema.load(raw))


@pytest.mark.parametrize("raw", ["a", [], None, 1], ids=repr)
def test_what_is_no_object_is_refused_by_marshmallow(raw: Any) -> None:
    assert PLANNED[0].at_a_glance(raw) is None


def test_each_call_gets_defaults_and_lists_of_its_own() -> None:
    raw: dict[str, Any] = {"a": "t", "h": [1]}
    (first, second) = (PLANNED[0].load({"a": "t"}), PLANNED[0].load({"a": "t"}))
    assert first["h"] == second["h"] == []
    assert first["h"] is not second["h"]
    assert PLANNED[0].load(raw)["h"] is not raw["h"]


def test_what_a_schema_adds_of_its_own_is_done() -> None:
    """A hook, a step, a method, a field of a kind of its own: then there is no plan."""

    class Before(Schema):
        a = fields.String()

        @pre_load
        def change(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
            return {"a": "before"}

    class After(Schema):
        a = fields.String()

        @post_load
        def change(self, data: Mapping[str, Any], **_: Any) -> Mapping[str, Any]:
            return {"a": "after"}

    class Checked(Schema):
        a = fields.String()

        @validates("a")
        def check(self, value: str, data_key: str) -> None:
            raise ValidationError("never")

    class Overridden(Schema):
        a = fields.String()

        def load(self, data: Any, **_: Any) -> Any:
            return {"a": "own"}

    class Shout(fields.String):
        def _deserialize(self, *args: Any, **kwargs: Any) -> Any:
            return super()._deserialize(*args, **kwargs).upper()

    odd: list[Any] = [
        fields.String(pre_load=str.upper),
        fields.String(post_load=str.upper),
        fields.List(fields.String(), post_load=tuple),
        fields.List(fields.String(validate=validate.Length(2))),
        fields.String(attribute="a.b"),
        Shout(),
    ]
    schemas = [Before, After, Checked, Overridden, *(Schema.from_dict({"a": f}) for f in odd)]
    assert [loading(Params.of(schema).schema) for schema in schemas] == [None] * len(schemas)


@dataclass
class Point:
    x: int


HINTS: list[Any] = [
    str, int, float, bool, list[str], dict[str, int], dict[str, list[float]], dict[str, Any],
    dict, list, set[str], Any, None,
]  # fmt: skip

results = st.recursive(
    values, lambda i: st.lists(i, max_size=3) | st.dictionaries(st.text(max_size=2), i, max_size=3)
)


def shaped(hint: Any) -> Result:
    def function() -> Any: ...

    function.__annotations__ = {"return": hint}
    return Result.of(result_of(function))


@pytest.mark.parametrize("hint", HINTS, ids=str)
@given(value=results)
@example(value={"a": "b"})
@example(value=10**38)
@example(value={"a": float("nan")})
@example(value={"a": ["\0"]})
@example(value={"a": "\ud800"})
@example(value={"ä": 1})
@example(value={1: "a"})
def test_what_fits_is_what_would_be_dumped(hint: Any, value: Any) -> None:
    result = shaped(hint)
    fits = fitting(result.shape)  # type: ignore[arg-type] - none of them is a schema
    assert fits is not None
    if fits(value):
        assert repr(result.dump(value)) == repr(value)
        assert result.written(value) == write_json(result.dump(value))


def test_plain_results_are_written_as_they_are() -> None:
    for hint, value in ((dict[str, str], {"a": "b"}), (list[int], [1]), (None, {"a": [1, None]})):
        fits = fitting(shaped(hint).shape)  # type: ignore[arg-type]
        assert fits is not None
        assert fits(value)


@pytest.mark.parametrize("hint", [tuple[int, int], dict[int, str], Point, str | int], ids=str)
def test_what_needs_more_than_a_look_has_no_plan(hint: Any) -> None:
    assert fitting(shaped(hint).shape) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("hint", [None, dict[str, Any], list[Any]], ids=str)
def test_a_result_is_nested_no_deeper_than_may_be_read(hint: Any) -> None:
    """64 containers, the outermost counted; a value that holds itself has no end."""
    deep: Any = 1
    for _ in range(63):
        deep = [deep]
    whole: Any = {"a": deep} if hint == dict[str, Any] else [deep]
    fits = fitting(shaped(hint).shape)  # type: ignore[arg-type]
    assert fits is not None
    assert fits(whole)
    assert not fits({"a": [deep]} if hint == dict[str, Any] else [[deep]])
    shaped(hint).written(whole)
    itself: list[Any] = []
    itself.append(itself)
    assert not fits(itself)
