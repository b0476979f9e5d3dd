"""Text read as the types that a schema names, strictly, before the schema judges it."""

import enum
import json
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields

from app.room.errors import Invalid
from app.room.schema.field import Secret
from app.room.schema.hints import fields_of
from app.room.schema.params import Params
from app.room.schema.text import read_text


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Mood(enum.Enum):
    GOOD = "good"
    ODD = 3
    YES = True


class Spot(Schema):
    x = fields.Integer(required=True)


def read(hint: Any, *texts: str) -> Any:
    def fn(x: Any) -> None: ...

    fn.__annotations__["x"] = hint
    return read_text(fields_of(fn)(), {"x": texts}).get("x")


DIGITS = "1" * 38


@pytest.mark.parametrize(
    ("hint", "good", "stays"),
    [
        (int, {"3": 3, "-3": -3, "0": 0, DIGITS: int(DIGITS)},
         ["3.0", "3x", " 3", "3 ", "٣", "", "+3", "03", "0x1", "1_0", "1e2", "3\n", DIGITS + "1"]),
        (float, {"3": 3, "3.5": 3.5, "1e2": 100.0, "-0.5": -0.5},
         ["nan", "inf", "NaN", "1e400", "1e99999999", ".5", "5.", " 1", "1,5", "0." + DIGITS]),
        (bool, {"true": True, "false": False}, ["True", "1", "0", "yes", "on", "", " true"]),
        (str, {"": "", "3": "3", "true": "true", "null": "null"}, []),
        (Annotated[str, Secret], {"3": "3"}, []),
        (Decimal, {"1.10": "1.10"}, ["1e3", "x"]),
        (UUID, {}, ["x", "", "3"]),
        (timedelta, {"90": 90, "1.5": 1.5, "90s": "90s"}, ["s"]),
        (Level, {"1": 1, "2": 2}, ["1.0", "LOW", ""]),
        (Mood, {"good": "good", "3": 3}, ["4"]),
        (Literal["a", 1], {"a": "a", "1": 1}, []),
        (int | str, {"1": 1, "x": "x", "": ""}, []),
        (str | int, {"1": "1"}, []),
        (bool | int, {"true": True, "1": 1}, ["x"]),
        (int | None, {"": None, "1": 1}, ["null", "x"]),
        (str | None, {"": ""}, []),
        (int | bool | None, {"": None}, ["null"]),
        (dict[str, int], {'{"a": 1}': {"a": 1}},
         ["{", "", '{"a": NaN}', '{"a": "\\ud800"}', "\ud800", '{"a":1,"a":2}']),
        (dict, {"{}": {}}, ['{"a": 1e400}', "{'a': 1}"]),
        (Spot, {'{"x": 1}': {"x": 1}}, ["x"]),
        (Any, {"3": "3", "{}": "{}"}, []),
    ],
)  # fmt: skip
def test_text_reads_as_its_fields_type_or_stays_text(hint, good, stays):
    """Text that is exactly a value of the type is read as one; all other text stays text."""
    for text, value in good.items():
        assert read(hint, text) == value
        assert type(read(hint, text)) is type(value)
    for text in stays:
        assert read(hint, text) == text


@pytest.mark.parametrize(
    ("hint", "texts", "value"),
    [
        (list[int], ["1", "2"], [1, 2]),
        (list[int], ["1"], [1]),
        (list[int], ["x", "1"], ["x", 1]),
        (list[int], ["[1,2]"], ["[1,2]"]),
        (list, ["1", "a"], ["1", "a"]),
        (list[str], [""], [""]),
        (list[str], [], []),
        (tuple[int, str], ["1", "1"], [1, "1"]),
        (tuple[int, str], ["1", "1", "1"], [1, "1", "1"]),
        (tuple[int, str], ["1"], [1]),
        (tuple[int, ...], ["1", "2"], [1, 2]),
        (list[Spot], ['{"x": 1}', '{"x": 2}'], [{"x": 1}, {"x": 2}]),
        (list[Spot], ['[{"x": 1}, {"x": 2}]'], [{"x": 1}, {"x": 2}]),
        (list[dict[str, int]], ["{}", "{"], [{}, "{"]),
        (list[list[int]], ["[1]", "[2]"], [[1], [2]]),
        (int, ["1", "2"], ["1", "2"]),
        (int, [], None),
    ],
)
def test_repeated_texts_make_a_list(hint, texts, value):
    """A list takes each text as an item; a field that is no list is left with all of them."""
    assert read(hint, *texts) == value


def test_unknown_names_are_kept_for_the_schema_to_refuse():
    """A name that no field has is passed on, once or repeated."""
    params = Params.of(Schema.from_dict({"x": fields.Integer(data_key="ex")}))
    raw = read_text(params.schema, {"ex": ["1"], "x": ["2"], "y": ["1", "2"]})
    assert raw == {"ex": 1, "x": "2", "y": ["1", "2"]}
    with pytest.raises(Invalid) as caught:
        params.load(raw)
    assert [wrong.pointer for wrong in caught.value.errors] == ["/x", "/y"]


@given(st.text() | st.from_regex(r"[-+0-9.eE ٣]*"))
def test_no_text_breaks_the_reader_and_only_json_numbers_are_numbers(text):
    """Whatever the text, reading never raises, and what it takes for a number, JSON does too."""
    for hint in (int, float, bool, dict, Level, timedelta, int | bool):
        value = read(hint, text)
        if type(value) in (int, float):
            assert json.loads(text) == value
