"""Each schema in JSON Schema's words."""

import dataclasses
import enum
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NotRequired, TypedDict
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from marshmallow import Schema, fields, validate

from app.room.files import File, FileField
from app.room.schema.field import Secret
from app.room.schema.hints import fields_of
from app.room.schema.json_schema import Book, describe
from app.room.schema.result import Result


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Mixed(enum.Enum):
    ONE = 1
    WORD = "word"


@dataclasses.dataclass
class Leaf:
    """A leaf."""

    size: Annotated[float, validate.Range(0, 10)]
    colour: Colour = Colour.RED
    spots: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Tree:
    leaves: list[Leaf]
    trees: "list[Tree]" = dataclasses.field(default_factory=list)
    key: Annotated[str | None, Secret] = None


class Reading(TypedDict):
    value: float
    note: NotRequired[str | None]


class Inner(Schema):
    """What is inside."""

    number = fields.Integer(required=True, metadata={"title": "Number", "examples": [1]})
    text = fields.String(allow_none=True, metadata={"deprecated": True, "other": 1})


class Own(Schema):
    raw = fields.Raw(required=True)
    nested = fields.Nested(Inner, required=True)
    maybe = fields.Nested(Inner, allow_none=True, data_key="may be")
    file = FileField()
    server = fields.String(dump_only=True)


def grow(
    tree: Tree,
    inner: list[Inner] | None = None,
    mood: Mixed = Mixed.ONE,
    price: Annotated[Decimal, "In euros."] = Decimal(1),
    wait: timedelta = timedelta(1),
) -> None: ...


def one(field: Any) -> type[Schema]:
    return Schema.from_dict({"x": field})


@pytest.mark.parametrize(
    ("field", "described"),
    [
        (fields.Integer(), {"type": "integer"}),
        (fields.Float(allow_none=True), {"type": ["number", "null"]}),
        (fields.Boolean(load_default=True), {"type": "boolean", "default": True}),
        (fields.Integer(validate=validate.Range(1, 9, min_inclusive=False, max_inclusive=False)),
         {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 9}),
        (fields.Decimal(validate=validate.Range(Decimal("0.5"), Decimal(9))),
         {"type": ["number", "string"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
          "minimum": 0.5, "maximum": 9}),
        (fields.Date(validate=validate.Range(date(2026, 1, 1))),
         {"type": "string", "format": "date"}),
        (fields.String(validate=validate.Length(equal=3)),
         {"type": "string", "minLength": 3, "maxLength": 3}),
        (fields.String(validate=validate.Regexp("a|b")),
         {"type": "string", "pattern": "^(?:a|b)"}),
        (fields.String(validate=validate.Regexp(r"\Aab\Z")),
         {"type": "string", "pattern": "^(?:ab$)"}),
        (fields.String(validate=validate.Regexp("^(?P<n>a)$")),
         {"type": "string", "pattern": "^(?<n>a)$"}),
        (fields.String(validate=validate.Regexp("a", re.IGNORECASE)), {"type": "string"}),
        (fields.String(validate=validate.Regexp("a{,3}")), {"type": "string"}),
        (fields.String(validate=validate.Regexp("(?i:a)")), {"type": "string"}),
        (fields.String(validate=validate.OneOf("abc")), {"type": "string"}),
        (fields.String(validate=validate.OneOf(["a"]), allow_none=True),
         {"type": ["string", "null"], "enum": ["a", None]}),
        (fields.String(validate=validate.NoneOf(["a"])),
         {"type": "string", "not": {"enum": ["a"]}}),
        (fields.UUID(validate=validate.Equal(UUID(int=0))),
         {"type": "string", "format": "uuid", "const": str(UUID(int=0))}),
        (fields.String(validate=validate.Email()), {"type": "string", "format": "email"}),
        (fields.String(validate=lambda value: None), {"type": "string"}),
        (fields.Email(), {"type": "string", "format": "email"}),
        (fields.Url(), {"type": "string", "format": "uri"}),
        (fields.Url(relative=True), {"type": "string", "format": "uri-reference"}),
        (fields.Date("%Y"), {"type": "string"}),
        (fields.Raw(allow_none=True), {}),
        (fields.Raw(), {"not": {"type": "null"}}),
        (Secret(load_default="hidden", metadata={"description": "A key."}),
         {"type": "string", "format": "password", "writeOnly": True, "description": "A key."}),
        (fields.Enum(Colour), {"type": "string", "enum": ["RED", "BLUE"]}),
        (fields.Integer(load_default=lambda: 1), {"type": "integer"}),
        (fields.List(fields.Integer(), load_default=list),
         {"type": "array", "items": {"type": "integer"}, "default": []}),
        (FileField(), {"type": "string", "pattern": "^file_[0-7][0-9A-HJKMNP-TV-Z]{25}$"}),
    ],
)  # fmt: skip
def test_each_field_is_described_in_the_plainest_words(field, described):
    """A field's description is no longer than it must be, and true."""
    assert describe(one(field)())[0]["properties"]["x"] == described


def test_objects_are_closed_and_name_what_they_need():
    """An object lists its properties, those required, and allows no others."""
    described, definitions = describe(Own)
    assert described["required"] == ["raw", "nested"]
    assert described["additionalProperties"] is False
    assert "server" not in described["properties"]
    assert described["properties"]["may be"] == {
        "anyOf": [{"$ref": "#/$defs/Inner"}, {"type": "null"}]
    }
    assert definitions["Inner"] == {
        "type": "object",
        "description": "What is inside.",
        "properties": {
            "number": {"type": "integer", "title": "Number", "examples": [1]},
            "text": {"type": ["string", "null"], "deprecated": True},
        },
        "required": ["number"],
        "additionalProperties": False,
    }


def test_two_schemas_of_one_name_get_two_names():
    """Definitions are named by class; another schema of that name, or a cut, is numbered."""
    other = type("Inner", (Schema,), {"y": fields.Integer()})
    both = Schema.from_dict(
        {
            "a": fields.Nested(Inner),
            "b": fields.Nested(other),
            "c": fields.Nested(Inner, only=("text",)),
            "d": fields.Nested(Inner()),
        }
    )
    described, definitions = describe(both, base="#/components/schemas/")
    refs = [
        each["$ref"].removeprefix("#/components/schemas/")
        for each in described["properties"].values()
    ]
    assert refs == ["Inner", "Inner2", "Inner3", "Inner"]
    assert set(definitions) == {"Inner", "Inner2", "Inner3"}
    assert list(definitions["Inner3"]["properties"]) == ["text"]


def test_one_book_holds_the_definitions_of_many():
    """With a book, later descriptions refer to earlier definitions, and never overwrite them."""
    book = Book()
    describe(Own, book=book)
    before = dict(book.definitions)
    describe(one(fields.Nested(Inner)), book=book)
    assert book.definitions == before
    dumped, _ = describe(one(fields.Nested(Inner)), direction="dump", book=book)
    assert dumped["properties"]["x"] == {"$ref": "#/$defs/Inner2"}
    assert book.definitions["Inner"] == before["Inner"]


def test_recursion_ends_in_a_reference():
    """A schema that holds itself refers to itself."""
    described, definitions = describe(fields_of(grow))
    assert described["properties"]["tree"] == {"$ref": "#/$defs/Tree"}
    assert definitions["Tree"]["properties"]["trees"]["items"] == {"$ref": "#/$defs/Tree"}
    assert set(definitions) == {"Leaf", "Tree", "Inner"}


def test_defaults_are_in_the_form_that_a_caller_would_send():
    """A default is shown in JSON's form."""
    properties = describe(fields_of(grow))[0]["properties"]
    defaults = {name: each["default"] for name, each in properties.items() if "default" in each}
    assert defaults == {"inner": None, "mood": 1, "price": "1", "wait": 86400}
    assert properties["price"]["description"] == "In euros."
    json.dumps(describe(fields_of(grow)))


def whole(shape: Any) -> dict[str, Any]:
    described, definitions = describe(shape, direction="dump")
    return {**described, "$defs": definitions}


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Tree, Tree([Leaf(1.5)], [Tree([])])),
        (Tree | None, None),
        (Reading, {"value": 1.0}),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC)),
        (Decimal, Decimal("1.5")),
        (timedelta, timedelta(hours=1)),
        (dict[int, Mixed], {1: Mixed.WORD}),
        (dict[Level, Colour], {Level.LOW: Colour.RED}),
        (tuple[int, ...], (1, 2)),
        (int | str | None, "a"),
        (File, File("file_01J9ZZZZZZZZZZZZZZZZZZZZZZ", "a", "b/c", 1, "0" * 64, "/v1/x")),
        (list[File], [File("file_01J9ZZZZZZZZZZZZZZZZZZZZZZ")]),
        (Any, {"a": 1}),
    ],
)
def test_a_dump_is_what_the_description_of_dumps_says(hint, value):
    """What a result dumps is valid by the description of its dumps."""
    result = Result.of(hint)
    described = whole(result.shape)
    Draft202012Validator.check_schema(described)
    Draft202012Validator(described, format_checker=FormatChecker()).validate(result.dump(value))


def test_a_dump_has_no_secrets_and_a_dataclass_always_all_the_rest():
    """Dumps describe what is given: no secret, no default; a dataclass leaves nothing out."""
    _, definitions = describe(Result.of(Tree).shape, direction="dump")
    assert definitions["Leaf"]["required"] == ["size", "colour", "spots"]
    assert list(definitions["Tree"]["properties"]) == ["leaves", "trees"]
    assert describe(Own, direction="dump")[0]["properties"]["server"] == {"type": "string"}
    assert describe(Own, direction="dump")[0]["properties"]["file"]["required"] == ["file"]
    assert describe(Inner(many=True))[0]["type"] == "array"
