"""Controls: whatever an operation takes, what its form shows is read back as the same."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from marshmallow import validate

from app import File
from app.doors.console import form as forms
from app.doors.console.control import controls
from app.room.call import LOCAL
from app.room.operation import Operation, Registry


class Number(IntEnum):
    ONE = 1
    TWO = 2


class Word(Enum):
    PLAIN = "a"
    ODD = 'b"<&'


@dataclass
class Tree:
    value: int
    children: "list[Tree]"


FILE = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
TREE = {"value": 1, "children": [{"value": 2, "children": []}]}


def declared(hint: Any, **options: Any) -> Operation:
    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": hint}
    registry = Registry()
    registry.operation("one", **options)(function)
    return registry.get("one")


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (int, 5), (int | None, 5), (float, 1.5), (bool, False), (bool | None, True),
        (str, "a\nb"), (str, " x "), (Literal[1, 2], 2), (Literal["a", 1, True], 1),
        (Number, 1), (Word, 'b"<&'), (date, "2026-01-02"), (time, "03:04:05"),
        (datetime, "2026-01-02T03:04:05Z"), (datetime, "2026-01-02T03:04:05+02:00"),
        (datetime, "2026-01-02T03:04:05.123456Z"), (timedelta, 5), (timedelta, "1h"),
        (Decimal, "1.50"), (Decimal, 2), (UUID, "00000000-0000-4000-8000-000000000000"),
        (list[int], [1, 2]), (list[bool], [True]),
        (list[str], ["a", "b c"]), (list[Word], ["a"]), (list[Decimal], ["1.5"]), (set[int], [1]),
        (list[list[int]], [[1], [2, 3]]), (list[int | None], [1, None]), (list[int], []),
        (tuple[int, str], [1, "x"]), (tuple[int, list[int]], [1, [2]]), (dict[str, int], {"a": 1}),
        (dict, {"a": [1]}), (list, [1, "a", None]), (Any, {"x": 1}), (Any, "text"), (Any, 5),
        (Tree, TREE), (list[Tree], [TREE]), (dict[str, Tree] | None, {"a": TREE}),
        (int | str, 5), (int | str, "x"), (int | list[int], [1]), (int | dict[str, int], {"a": 1}),
        (Annotated[float, validate.Range(0, 1, min_inclusive=False)], 0.5),
        (Annotated[str, validate.Length(max=500)], "x"),
        (Annotated[str, validate.OneOf(["p", "q"])], "q"),
    ],
)  # fmt: skip
def test_what_a_form_shows_is_read_back(hint: Any, value: Any) -> None:
    """An example of any type goes through its form unchanged."""
    operation = declared(hint, examples=[{"x": value}])
    (field,) = forms.fresh(operation).fields
    call, reading = forms.call_of(operation, {"x": [field.value]}, LOCAL, "")
    assert not reading.remarks
    texts = forms.read_text(operation.params.schema, call.texts)
    wanted = operation.params.load({"x": value})
    assert operation.params.load({**dict(call.params), **texts}) == wanted


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (int, "whole number"),
        (Annotated[int, validate.Range(min=3)], "whole number, at least 3"),
        (Annotated[float, validate.Range(0, min_inclusive=False)], "number, above 0"),
        (Annotated[str, validate.Length(2)], "at least 2 characters"),
        (datetime, "UTC"),
        (list[Literal["a", "b"]], "one a line: a, b"),
        (Tree, "JSON: an object of value, children"),
        (UUID, "uuid"),
    ],
)
def test_a_hint_says_what_fits(hint: Any, said: str) -> None:
    """In few words, beside the label."""
    (control,) = controls(declared(hint))
    assert control.hint == said


@pytest.mark.parametrize(
    ("hint", "value"), [(File, FILE), (File | None, FILE), (list[File], [FILE])]
)
def test_a_file_is_chosen_and_not_shown(hint: Any, value: Any) -> None:
    """Its control can send one; the example's own is nobody's, so the form begins without."""
    (field,) = forms.fresh(declared(hint, examples=[{"x": value}])).fields
    assert field.control.upload
    assert field.value == ""


def test_a_text_of_another_pattern_is_no_file() -> None:
    hint = Annotated[str, validate.Regexp("^file_[a-z]$")]
    (field,) = forms.fresh(declared(hint)).fields
    assert not field.control.upload
