"""Which of a schema's values are secret, and how to show the rest."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields

from app.room.schema.field import Either, Secret
from app.room.schema.plain import pointer
from app.room.schema.tree import Node, inside, plucked

MASK = "********"


def secrets(schema: Schema) -> frozenset[str]:
    """Where this schema takes secrets, as JSON pointers; `*` stands for any index or key.

    Of a schema that holds itself, only the first turn is listed: `mask` follows them all.
    """
    return frozenset(pointer(*path) for path in _secrets(schema, (), ()))


def mask(schema: Node, value: Any) -> Any:
    """A copy of `value`, valid or not, in which each secret that was given reads `********`."""
    return with_secrets(schema, value, lambda _: MASK)


def with_secrets(schema: Node, value: Any, change: Callable[[Any], Any]) -> Any:
    """A copy of `value`, valid or not, in which each secret that was given is changed."""
    if isinstance(schema, Secret):
        return value if value is None else change(value)
    if isinstance(schema, fields.Pluck) and not schema.many:
        return with_secrets(plucked(schema), value, change)
    if isinstance(schema, Either):
        for member in schema.members:
            value = with_secrets(member, value, change)
        return value
    if isinstance(value, Mapping):
        return {key: with_secrets(inside(schema, key), each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [
            with_secrets(inside(schema, index), each, change) for index, each in enumerate(value)
        ]
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
        yield from _secrets(plucked(node), (*path, *step), above)
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
