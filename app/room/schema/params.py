"""What an operation takes: a JSON object in, its function's keyword arguments out."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.room.errors import Invalid, Wrong
from app.room.schema.plain import pointer
from app.room.schema.plan import loading
from app.room.schema.secret import secrets
from app.room.schema.strict import tighten
from app.room.schema.tree import Node, inside, schema_of


class Params:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = tuple(field.data_key or name for name, field in schema.load_fields.items())
        self.secrets = secrets(schema)
        self._plan = loading(schema)

    @classmethod
    def of(cls, schema: Schema | type[Schema]) -> "Params":
        """Raises ValueError, with a sentence that says what to do, where it cannot be strict."""
        ready: Any = schema() if isinstance(schema, type) else schema
        if not isinstance(ready, Schema):
            raise ValueError(
                f"params={schema!r} is no marshmallow schema; write the types as the function's "
                "hints, or give a Schema with a field for each parameter"
            )
        if ready.many:
            raise ValueError(
                f"{type(ready).__name__} sets many=True, but parameters are one object; "
                "declare a List field for the items"
            )
        return cls(tighten(ready))

    def at_a_glance(self, raw: Mapping[str, Any]) -> dict[str, Any] | None:
        """What `load` gives, where that needs no marshmallow; else None, right or wrong."""
        return None if self._plan is None else self._plan(raw)

    def load(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Invalid, which names every field that is wrong."""
        if (found := self.at_a_glance(raw)) is not None:
            return found
        try:
            loaded: dict[str, Any] = self.schema.load(raw)
        except ValidationError as error:
            raise Invalid(errors=_wrongs(self.schema, error.messages, ())) from None
        if type(loaded) is not dict:
            raise TypeError(
                f"{type(self.schema).__name__} loads to {type(loaded).__name__}; its post_load "
                "must leave a dict, for its items become the function's arguments"
            )
        return loaded


def _wrongs(node: Node, messages: Any, path: tuple[str | int, ...]) -> Iterator[Wrong]:
    """marshmallow's tree of messages, read beside the schema that it came from."""
    if isinstance(messages, str):
        yield Wrong(pointer(*path), messages)
    elif isinstance(messages, list):
        for each in messages:
            yield from _wrongs(node, each, path)
    elif isinstance(messages, dict):
        for step, inner in _in_order(node, messages):
            if isinstance(node, fields.Mapping) and _is_entry(inner):
                yield from _wrongs(node.key_field, inner.get("key", []), (*path, step))
                yield from _wrongs(node.value_field, inner.get("value", []), (*path, step))
            elif step == "_schema" or _is_plucked(node, step):
                yield from _wrongs(node, inner, path)
            else:
                below = node if _is_item(node, step) else inside(node, step)
                yield from _wrongs(below, inner, (*path, step))


def _in_order(node: Node, messages: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Declared fields in their order, then the unknown ones by name: they come from a set."""
    schema = schema_of(node)
    if schema is None or not all(isinstance(step, str) for step in messages):
        return list(messages.items())
    known = [field.data_key or name for name, field in schema.load_fields.items()]
    places = {name: place for place, name in enumerate(known)}
    return sorted(messages.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _is_plucked(node: Node, step: Any) -> bool:
    """A step that marshmallow takes inside and the JSON does not."""
    return isinstance(node, fields.Pluck) and step == node._field_data_key


def _is_item(node: Node, step: Any) -> bool:
    return isinstance(node, fields.Nested) and isinstance(step, int)


def _is_entry(inner: Any) -> bool:
    return isinstance(inner, dict) and bool(inner) and set(inner) <= {"key", "value"}
