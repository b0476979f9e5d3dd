"""Schemas at work: parameters in from JSON, results out to it, and which of them are secret."""

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields

from app.room.errors import Invalid, Wrong
from app.room.field import Either, Secret
from app.room.plain import plain, pointer
from app.room.strict import faithful, tighten

__all__ = ["MASK", "Params", "Result", "Secret", "mask", "plain", "secrets", "tighten"]

MASK = "********"

Node = Schema | fields.Field[Any] | None


class Params:
    """What an operation takes: a JSON object in, its function's keyword arguments out."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.names = tuple(field.data_key or name for name, field in schema.load_fields.items())
        self.secrets = secrets(schema)

    @classmethod
    def of(cls, schema: Schema | type[Schema]) -> "Params":
        """Raises ValueError, with a sentence that says what to do, where it cannot be strict."""
        ready = schema() if isinstance(schema, type) else schema
        if ready.many:
            raise ValueError(
                f"{type(ready).__name__} sets many=True, but parameters are one object; "
                "declare a List field for the items"
            )
        return cls(tighten(ready))

    def load(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Raises Invalid, which names every field that is wrong."""
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


class Result:
    """What an operation gives: a Python value in, JSON-ready data out."""

    def __init__(self, shape: "Schema | fields.Field[Any] | None" = None) -> None:
        self.shape = shape

    @classmethod
    def of(cls, shape: Any = None) -> "Result":
        """From a schema, a field or a type hint; from None, whatever fits into JSON goes."""
        from app.room.hints import field_of  # only the hints know dataclasses' schemas

        if isinstance(shape, type) and issubclass(shape, Schema):
            return cls(shape())
        if shape is None or isinstance(shape, Schema):
            return cls(shape)
        field = shape if isinstance(shape, fields.Field) else field_of(shape)
        return cls(faithful(Schema.from_dict({"result": field})().fields["result"]))

    def dump(self, value: Any) -> Any:
        """Raises TypeError or ValueError, which say where, for a value that does not fit."""
        if self.shape is None:
            return plain(value)
        if value is None and not getattr(self.shape, "allow_none", False):
            raise TypeError("the result is None, which its type does not allow")
        try:
            if isinstance(self.shape, Schema):
                return plain(self.shape.dump(value))
            return plain(self.shape._serialize(value, "result", {}))
        except (AttributeError, KeyError) as error:
            raise TypeError(f"the result does not fit its type: {error}") from error


def secrets(schema: Schema) -> frozenset[str]:
    """Where this schema takes secrets, as JSON pointers; `*` stands for any index or key.

    Of a schema that holds itself, only the first turn is listed: `mask` follows them all.
    """
    return frozenset(pointer(*path) for path in _secrets(schema, (), ()))


def mask(schema: Node, value: Any) -> Any:
    """A copy of `value`, valid or not, in which each secret that was given reads `********`."""
    if isinstance(schema, Secret):
        return value if value is None else MASK
    if isinstance(schema, fields.Pluck) and not schema.many:
        return mask(_plucked(schema), value)
    if isinstance(schema, Either):
        for member in schema.members:
            value = mask(member, value)
        return value
    if isinstance(value, Mapping):
        return {key: mask(_inside(schema, key), each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [mask(_inside(schema, index), each) for index, each in enumerate(value)]
    return value


def _secrets(
    node: Node, path: tuple[str | int, ...], above: tuple[type[Schema], ...]
) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, Secret):
        yield path
    elif isinstance(node, Schema):
        if type(node) not in above:
            for name, field in node.load_fields.items():
                yield from _secrets(field, (*path, field.data_key or name), (*above, type(node)))
    elif isinstance(node, fields.Pluck):
        step = ("*",) if node.many else ()
        yield from _secrets(_plucked(node), (*path, *step), above)
    elif isinstance(node, fields.Nested):
        many = ("*",) if node.many or node.schema.many else ()
        yield from _secrets(node.schema, (*path, *many), above)
    elif isinstance(node, fields.List):
        yield from _secrets(node.inner, (*path, "*"), above)
    elif isinstance(node, fields.Mapping):
        yield from _secrets(node.value_field, (*path, "*"), above)
    elif isinstance(node, fields.Tuple):
        for index, field in enumerate(node.tuple_fields):
            yield from _secrets(field, (*path, index), above)
    elif isinstance(node, Either):
        for field in node.members:
            yield from _secrets(field, path, above)


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
                below = node if _is_item(node, step) else _inside(node, step)
                yield from _wrongs(below, inner, (*path, step))


def _in_order(node: Node, messages: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """Declared fields in their order, then the unknown ones by name: they come from a set."""
    schema = _schema_of(node)
    if schema is None or not all(isinstance(step, str) for step in messages):
        return list(messages.items())
    known = [field.data_key or name for name, field in schema.load_fields.items()]
    places = {name: place for place, name in enumerate(known)}
    return sorted(messages.items(), key=lambda item: (places.get(item[0], len(places)), item[0]))


def _inside(node: Node, step: Any) -> Node:
    """What describes the value one step further in; None where nothing is known of it."""
    if isinstance(node, fields.Pluck):
        return _plucked(node)
    schema = _schema_of(node)
    if schema is not None:
        if isinstance(step, int):  # one of many
            return schema
        found = (each for name, each in schema.fields.items() if (each.data_key or name) == step)
        return next(found, None)
    if isinstance(node, fields.List):
        return node.inner
    if isinstance(node, fields.Mapping):
        return node.value_field
    if isinstance(node, fields.Tuple) and isinstance(step, int):
        return node.tuple_fields[step] if step < len(node.tuple_fields) else None
    if isinstance(node, Either):
        inner = (_inside(member, step) for member in node.members)
        return next((each for each in inner if each is not None), None)
    return None


def _schema_of(node: Node) -> Schema | None:
    return (
        node.schema
        if isinstance(node, fields.Nested)
        else node
        if isinstance(node, Schema)
        else None
    )


def _plucked(node: fields.Pluck) -> "fields.Field[Any]":
    return node.schema.fields[node.field_name]


def _is_plucked(node: Node, step: Any) -> bool:
    """A step that marshmallow takes inside and the JSON does not."""
    return isinstance(node, fields.Pluck) and step == node._field_data_key


def _is_item(node: Node, step: Any) -> bool:
    return isinstance(node, fields.Nested) and isinstance(step, int)


def _is_entry(inner: Any) -> bool:
    return isinstance(inner, dict) and bool(inner) and set(inner) <= {"key", "value"}
