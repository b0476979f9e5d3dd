"""Text from a command line, read as the types that a JSON Schema names.

For a service elsewhere, whose schemas are only known as JSON; here, `app.room.schema.text` reads.
Text that does not fit stays text, so that the service refuses it and says why.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.room.errors import Malformed
from app.room.strict_json import read_json

Schema = Mapping[str, Any]

_NUMBERS: Mapping[str, type | tuple[type, ...]] = {"integer": int, "number": (int, float)}
_NONE = object()  # where null may be a value


def read_texts(schema: Schema, texts: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Values for an operation's parameters, by the schema that it shows."""
    known = schema.get("properties", {})
    book = schema.get("$defs", {})
    return {name: _Reader(book).field(known.get(name, {}), each) for name, each in texts.items()}


class _Reader:
    def __init__(self, book: Schema) -> None:
        self._book = book

    def field(self, schema: Schema, texts: Sequence[str]) -> Any:
        schema = self._resolved(schema)
        if "array" in _types(schema):
            return self._list(schema, texts)
        return self._one(schema, texts[0]) if len(texts) == 1 else list(texts)

    def _list(self, schema: Schema, texts: Sequence[str]) -> Any:
        inner = self._resolved(schema.get("items", {}))
        if "object" in _types(inner) and len(texts) == 1:
            whole = _spelt(texts[0], "array")
            if isinstance(whole, list):
                return whole
        places = [*schema.get("prefixItems", [])]
        places += [inner] * (len(texts) - len(places))
        return [self._one(place, text) for place, text in zip(places, texts, strict=False)]

    def _one(self, schema: Schema, text: str) -> Any:
        schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._either(schema["anyOf"], text)
        if "enum" in schema:
            return next((each for each in schema["enum"] if _spells(text, each)), text)
        types = _types(schema)
        if text == "" and ("null" in types or not schema) and "string" not in types:
            return None
        if "string" in types and re.search(schema.get("pattern", ""), text):
            return text
        values = (_spelt(text, kind) for kind in types)
        return next((value for value in values if value is not _NONE), text)

    def _either(self, members: Sequence[Schema], text: str) -> Any:
        """By the first that this text is a value of."""
        members = [self._resolved(member) for member in members]
        for member in members:
            value = self._one(member, text)
            if text != "" and self._fits(member, value):
                return value
        kinds = {kind for member in members for kind in self._kinds(member)}
        return None if text == "" and "null" in kinds and "string" not in kinds else text

    def _kinds(self, schema: Schema) -> Iterator[str]:
        schema = self._resolved(schema)
        yield from _types(schema)
        for member in schema.get("anyOf", ()):
            yield from self._kinds(member)

    def _fits(self, schema: Schema, value: Any) -> bool:
        if "anyOf" in schema:
            return any(self._fits(self._resolved(each), value) for each in schema["anyOf"])
        if "enum" in schema:
            return value in schema["enum"]
        return not isinstance(value, str) or not schema or "string" in _types(schema)

    def _resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._book.get(schema["$ref"].rpartition("/")[2], {})
        return schema


def _types(schema: Schema) -> Sequence[str]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else types


def _spells(text: str, value: Any) -> bool:
    if isinstance(value, str):
        return text == value
    spelt = _spelt(text, "boolean" if isinstance(value, bool) else "number")
    return bool(spelt == value)


def _spelt(text: str, kind: str) -> Any:
    """The value of that kind that the text spells; of an object or a list any JSON, for what is
    wrong with it the service says best."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, _NONE)
    try:
        value = read_json(text.encode())
    except (Malformed, UnicodeEncodeError):
        return _NONE
    if kind in ("object", "array"):
        return value
    is_number = isinstance(value, _NUMBERS.get(kind, ())) and not isinstance(value, bool)
    return value if is_number and text == text.strip() else _NONE
