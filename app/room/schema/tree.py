"""A marshmallow schema walked beside a value that it describes."""

from typing import Any

from marshmallow import Schema, fields

from app.room.schema.field import Either

Node = Schema | fields.Field[Any] | None


def inside(node: Node, step: Any) -> Node:
    """What describes the value one step further in; None where nothing is known of it."""
    if isinstance(node, fields.Pluck):
        return plucked(node)
    schema = schema_of(node)
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
        inner = (inside(member, step) for member in node.members)
        return next((each for each in inner if each is not None), None)
    return None


def schema_of(node: Node) -> Schema | None:
    return (
        node.schema
        if isinstance(node, fields.Nested)
        else node
        if isinstance(node, Schema)
        else None
    )


def plucked(node: fields.Pluck) -> "fields.Field[Any]":
    return node.schema.fields[node.field_name]
