"""marshmallow schemas as JSON Schema (draft 2020-12): what load accepts, or what dump gives."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from marshmallow import Schema, fields, missing

from app.room.duration import DURATION
from app.room.files import FILE_ID, FileField
from app.room.schema.constraint import constraints
from app.room.schema.field import Duration, Either, Fresh, Made, Secret
from app.room.schema.plain import plain
from app.room.schema.strict import ANY_MOMENT, DECIMAL, LOCAL, TIME

Json = dict[str, Any]
AnyField = fields.Field[Any]
Direction = Literal["load", "dump"]

_ABOUT = ("title", "description", "examples", "deprecated")  # metadata that JSON Schema knows


@dataclass
class Book:
    """The named definitions so far. Pass one book to several `describe` to share them."""

    definitions: dict[str, Json] = field(default_factory=dict)
    names: dict[Any, str] = field(default_factory=dict)  # a schema's identity -> its name


def describe(
    what: Schema | type[Schema] | AnyField,
    *,
    base: str = "#/$defs/",
    direction: Direction = "load",
    book: Book | None = None,
) -> tuple[Json, dict[str, Json]]:
    """The JSON Schema, and the named definitions that it refers to under `base`.

    `load` describes what a tightened schema takes, `dump` what it gives.
    """
    book = book or Book()
    writer = _Writer(base, direction, book)
    if isinstance(what, fields.Field):
        return writer.field(what), book.definitions
    schema = what() if isinstance(what, type) else what
    whole = writer.object(schema)
    return ({"type": "array", "items": whole} if schema.many else whole), book.definitions


class _Writer:
    def __init__(self, base: str, direction: Direction, book: Book) -> None:
        self.base, self.direction, self.book = base, direction, book
        self.load = direction == "load"

    def object(self, schema: Schema) -> Json:
        described = schema.load_fields if self.load else schema.dump_fields
        named = {each.data_key or name: each for name, each in described.items()}
        out: Json = {"type": "object"}
        if type(schema).__doc__:
            out["description"] = inspect.cleandoc(type(schema).__doc__ or "")
        out["properties"] = {name: self.field(each) for name, each in named.items()}
        required = [name for name, each in named.items() if self._required(schema, each)]
        if required:
            out["required"] = required
        return {**out, "additionalProperties": False}

    def _required(self, schema: Schema, each: AnyField) -> bool:
        """A dump leaves out what its object lacks; a dataclass lacks nothing."""
        if self.load or not isinstance(schema, Made):
            return each.required and self.load
        return each.required or schema.made is not None

    def field(self, each: AnyField) -> Json:
        out = _kind(each)(self, each)
        if self.load:
            out = _both(out, constraints(each))
        if each.allow_none and (self.load or not isinstance(each, fields.Raw)):
            out = _nullable(out)
        out = {**out, **{key: each.metadata[key] for key in _ABOUT if key in each.metadata}}
        if self.load and not isinstance(each, Secret):
            out = {**out, **self._default(each)}
        return out

    def reference(self, schema: Schema) -> Json:
        key = (self.direction, _identity(schema))
        name = self.book.names.get(key)
        if name is None:
            name = self.book.names[key] = self._free_name(type(schema).__name__)
            self.book.definitions[name] = {}  # it may refer to itself
            self.book.definitions[name] = self.object(schema)
        return {"$ref": self.base + name}

    def _free_name(self, name: str) -> str:
        names, number = self.book.definitions, 2
        free = name
        while free in names:
            free, number = f"{name}{number}", number + 1
        return free

    def _default(self, each: AnyField) -> Json:
        default = each.load_default
        if isinstance(default, Fresh) or default in (list, dict, set):
            default = default()
        if default is missing or callable(default):  # a clock or a dice: not ours to call
            return {}
        try:
            return {"default": plain(each._serialize(default, each.name, {}))}
        except (TypeError, ValueError, AttributeError):
            return {}


def _kind(each: AnyField) -> Callable[[_Writer, Any], Json]:
    """The entry of the field's own class, or else of the nearest class that it is made from."""
    return next((_KINDS[cls] for cls in type(each).__mro__ if cls in _KINDS), _anything)


def _identity(schema: Schema) -> Any:
    """The same for schemas that describe the same: one class may be cut in several ways."""
    cuts = []
    for name, each in schema.fields.items():
        only, exclude = getattr(each, "only", None), getattr(each, "exclude", ())
        cut = (None if only is None else frozenset(only), frozenset(exclude))
        cuts.append((name, cut, each.load_only, each.dump_only))
    return type(schema), tuple(cuts)


def _both(one: Json, more: list[Json]) -> Json:
    """All hold: side by side where they can stand, else in allOf."""
    out = dict(one)
    for each in more:
        if set(each) & set(out):
            out["allOf"] = [*out.get("allOf", []), each]
        else:
            out.update(each)
    return out


def _nullable(out: Json) -> Json:
    if not out:
        return out
    kind = out.get("type")
    if kind is None or "const" in out or "allOf" in out:
        return {"anyOf": [out, {"type": "null"}]}
    kinds = [kind] if isinstance(kind, str) else kind
    with_null = {**out, "type": [*kinds, "null"]}
    return {**with_null, "enum": [*out["enum"], None]} if "enum" in out else with_null


def _always(out: Json) -> Callable[[_Writer, AnyField], Json]:
    return lambda writer, each: dict(out)


def _anything(writer: _Writer, each: AnyField) -> Json:
    takes_null = each.allow_none or not writer.load
    return {} if takes_null else {"not": {"type": "null"}}


def _number(kind: str) -> Callable[[_Writer, Any], Json]:
    return lambda writer, each: {"type": "string" if each.as_string and not writer.load else kind}


def _decimal(writer: _Writer, each: fields.Decimal) -> Json:
    return {"type": ["number", "string"] if writer.load else "string", "pattern": DECIMAL}


def _moment(writer: _Writer, each: fields.DateTime) -> Json:
    if each.format in ("timestamp", "timestamp_ms"):
        end = _LAST_SECOND * (1000 if each.format == "timestamp_ms" else 1)
        return {"type": "number", "minimum": 0, **({"maximum": end} if writer.load else {})}
    if (each.format or "iso") not in ("iso", "iso8601"):
        return {"type": "string"}
    if isinstance(each, fields.NaiveDateTime):
        either = writer.load and each.timezone is not None
        shape = {"pattern": ANY_MOMENT if either else LOCAL}
        return {"type": "string", "format": "date-time-local", **shape}
    if writer.load and getattr(each, "default_timezone", None) is not None:
        return {"type": "string", "pattern": ANY_MOMENT}
    return {"type": "string", "format": "date-time"}


def _calendar(shape: Json) -> Callable[[_Writer, Any], Json]:
    def describe_it(writer: _Writer, each: fields.Date | fields.Time) -> Json:
        iso = (each.format or "iso") in ("iso", "iso8601")
        return {"type": "string", **shape} if iso else {"type": "string"}

    return describe_it


def _duration(writer: _Writer, each: Duration) -> Json:
    return {"type": ["number", "string"], "pattern": DURATION} if writer.load else _NUMBER


def _list(writer: _Writer, each: Any) -> Json:
    return {"type": "array", "items": writer.field(each.inner)}


def _tuple(writer: _Writer, each: fields.Tuple) -> Json:
    items = [writer.field(inner) for inner in each.tuple_fields]
    length = {"minItems": len(items), "maxItems": len(items)}
    return {"type": "array", **({"prefixItems": items} if items else {}), **length}


def _mapping(writer: _Writer, each: Any) -> Json:
    out: Json = {"type": "object"}
    if each.key_field:
        keys = _key(writer, each.key_field)
        out |= {"propertyNames": keys} if set(keys) - {"type"} else {}
    return out | {
        "additionalProperties": writer.field(each.value_field) if each.value_field else {}
    }


def _key(writer: _Writer, each: AnyField) -> Json:
    """Keys are text whatever they mean."""
    if isinstance(each, fields.Integer):
        return {"pattern": "^-?(0|[1-9][0-9]{0,37})$"}
    out = writer.field(each)
    if "enum" in out:
        return {"enum": [str(value) for value in out["enum"]]}
    return out


def _nested(writer: _Writer, each: fields.Nested) -> Json:
    out = writer.reference(each.schema)
    return {"type": "array", "items": out} if each.many or each.schema.many else out


def _pluck(writer: _Writer, each: fields.Pluck) -> Json:
    out = writer.field(each.schema.fields[each.field_name])
    return {"type": "array", "items": out} if each.many else out


def _enum(writer: _Writer, each: Any) -> Json:
    values = [member.value if each.by_value else member.name for member in each.enum]
    plain_values = [plain(each.field._serialize(value, None, None)) for value in values]
    inner = {} if isinstance(each.field, fields.Raw) else writer.field(each.field)
    return {**inner, "enum": plain_values}


def _either(writer: _Writer, each: Either) -> Json:
    return {"anyOf": [writer.field(member) for member in each.members]}


def _constant(writer: _Writer, each: Any) -> Json:
    return {} if writer.load else {"const": plain(each.constant)}


def _url(writer: _Writer, each: fields.Url) -> Json:
    return {"type": "string", "format": "uri-reference" if each.relative else "uri"}


def _file(writer: _Writer, each: FileField) -> Json:
    if writer.load:
        return {"type": "string", "pattern": FILE_ID}
    members: Mapping[str, Json] = {
        "file": {"type": "string", "pattern": FILE_ID},
        "name": {"type": "string"},
        "type": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "url": {"type": "string", "format": "uri-reference"},
    }
    closed = {"required": ["file"], "additionalProperties": False}
    return {"type": "object", "properties": dict(members), **closed}


_LAST_SECOND = 253402300799  # of the year 9999
_NUMBER: Json = {"type": "number"}
_ADDRESSES = [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]

_KINDS: dict[type[AnyField], Callable[[_Writer, Any], Json]] = {
    FileField: _file,
    Secret: _always({"type": "string", "format": "password", "writeOnly": True}),
    Duration: _duration,
    Either: _either,
    fields.Url: _url,
    fields.Email: _always({"type": "string", "format": "email"}),
    fields.String: _always({"type": "string"}),
    fields.UUID: _always({"type": "string", "format": "uuid"}),
    fields.Decimal: _decimal,
    fields.Integer: _number("integer"),
    fields.Number: _number("number"),
    fields.Boolean: _always({"type": "boolean"}),
    fields.DateTime: _moment,
    fields.Date: _calendar({"format": "date"}),
    fields.Time: _calendar({"format": "time-local", "pattern": TIME}),
    fields.TimeDelta: _always(_NUMBER),
    fields.IPv4: _always(_ADDRESSES[0]),
    fields.IPv6: _always(_ADDRESSES[1]),
    fields.IP: _always({"anyOf": _ADDRESSES}),
    fields.IPInterface: _always({"type": "string"}),
    fields.Enum: _enum,
    fields.Pluck: _pluck,
    fields.Nested: _nested,
    fields.List: _list,
    fields.Tuple: _tuple,
    fields.Mapping: _mapping,
    fields.Constant: _constant,
}
