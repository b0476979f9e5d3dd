"""Text from a path, a query, a form or a command line, read as the types that a schema names."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.room.errors import Malformed
from app.room.schema.field import Either, kind_of, kinds
from app.room.strict_json import read_json


def read_text(schema: Schema, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What `Params.load` is to be given for these texts.

    Text that does not read exactly as its field's type stays text, a repeated value of a field
    that is no list stays a list, unknown names are kept: so the schema refuses them, and says
    why. `read` reads the JSON text of objects.
    """
    by_key = {field.data_key or name: field for name, field in schema.load_fields.items()}
    return {
        name: _read(by_key.get(name), list(texts))
        for name, texts in values.items()
        if texts or _is_list(by_key.get(name))
    }


def read_scalar(field: "fields.Field[Any]", text: str) -> Any:
    """One text as one field's value."""
    if isinstance(field, fields.String):
        return text
    if isinstance(field, Either):
        return _either(field, text)
    if text == "":
        return None if field.allow_none else text
    if isinstance(field, fields.Enum):
        return _enum(field, text)
    for kind, reader in _readers:
        if isinstance(field, kind):
            return reader(text)
    if isinstance(field, fields.Mapping | fields.Nested | fields.List | fields.Tuple):
        return _json(text)
    return text


def _read(field: "fields.Field[Any] | None", texts: list[str]) -> Any:
    if field is not None and _is_list(field):
        return _list(field, texts)
    if len(texts) > 1:
        return texts
    return texts[0] if field is None else read_scalar(field, texts[0])


def _is_list(field: "fields.Field[Any] | None") -> bool:
    many = isinstance(field, fields.Nested) and bool(field.many or field.schema.many)
    return many or isinstance(field, fields.List | fields.Tuple)


def _list(field: "fields.Field[Any]", texts: list[str]) -> list[Any]:
    if isinstance(field, fields.Tuple):
        inner = list(field.tuple_fields)
        readers = inner + [fields.String()] * (len(texts) - len(inner))
        return [read_scalar(each, text) for each, text in zip(readers, texts, strict=False)]
    if isinstance(field, fields.List) and not isinstance(field.inner, _OBJECTS):
        return [read_scalar(field.inner, text) for text in texts]
    items = [_json(text) for text in texts]
    if len(items) == 1 and isinstance(items[0], list):  # a form's one field with all objects
        return items[0]
    return items


def _either(field: Either, text: str) -> Any:
    """The first member in the hint's order that takes this text as a value of its own."""
    if text == "" and "string" not in field.by_kind:
        return None if field.allow_none else text
    read_by = [(member, read_scalar(member, text)) for member in field.members]
    fitting = [(member, value) for member, value in read_by if kind_of(value) in kinds(member)]
    valid = [value for member, value in fitting if _loads(member, value)]
    return valid[0] if valid else fitting[0][1] if fitting else text


def _loads(field: "fields.Field[Any]", value: Any) -> bool:
    try:
        field.deserialize(value)
    except ValidationError:
        return False
    return True


def _enum(field: "fields.Enum[Any]", text: str) -> Any:
    if not field.by_value:
        return text
    if not isinstance(field.field, fields.Raw):
        return read_scalar(field.field, text)
    for member in field.enum:
        value = member.value
        if kind_of(value) in ("boolean", "integer", "number") and _number(text) == value:
            return value
    return text


def _integer(text: str) -> Any:
    whole = re.fullmatch(r"-?(0|[1-9][0-9]{0,37})", text)
    return int(text) if whole else text


def _number(text: str) -> Any:
    """A number by JSON's grammar, of at most 38 digits, and finite; else the text."""
    number = re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?", text)
    if not number or sum(map(str.isdigit, text)) > 38:
        return text
    if number[2] is None and number[3] is None:
        return int(text)
    value = float(text)
    return text if value in (float("inf"), float("-inf")) else value


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _json(text: str) -> Any:
    try:
        return read_json(text.encode())
    except (Malformed, UnicodeEncodeError):
        return text


_OBJECTS = (fields.Mapping, fields.Nested)

_readers: list[tuple[Any, Callable[[str], Any]]] = [
    (fields.Boolean, _boolean),
    (fields.Integer, _integer),
    (fields.Decimal, str),  # strings of digits are exact as they are
    ((fields.Number, fields.TimeDelta), _number),
]
