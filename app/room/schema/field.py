"""Fields that marshmallow does not bring, for hints that it has no word for."""

import copy
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, post_load, types

from app.room.duration import seconds
from app.room.files import FileField
from app.room.schema.plain import moment, plain, span

_MESSAGES: types.ErrorMessages = {"invalid": "Not a valid value: must be {kinds}."}


class Secret(fields.String):
    """Text that is taken and never shown: `Annotated[str, Secret]` in a hint, `Secret()` in a
    schema. It is absent from what a schema dumps."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"load_only": True, **options})


class Moment(fields.AwareDateTime):
    """A point in time: RFC 3339 with an offset, since without one nobody knows when it is.
    Dumped in UTC with Z."""

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is not None and value.utcoffset() is None:
            raise ValueError("a datetime without a timezone: nobody knows when that is")
        return None if value is None else moment(value)


class Duration(fields.TimeDelta):
    """A number of seconds, or "500ms", "90s", "15m", "2h", "7d". Dumped as seconds."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> timedelta:
        if isinstance(value, str):
            try:
                value = seconds(value)
            except ValueError:
                raise self.make_error("invalid", input=value) from None
        span: timedelta = super()._deserialize(value, attr, data, **kwargs)
        return span

    def _serialize(self, value: timedelta | None, attr: str | None, obj: Any, **kw: Any) -> Any:
        return None if value is None else span(value)


class Either(fields.Field[Any]):
    """A value of one of several types that JSON itself tells apart, so that none is guessed."""

    default_error_messages = _MESSAGES

    def __init__(self, members: Sequence[fields.Field[Any]], **options: Any) -> None:
        """Raises ValueError when two members would read the same kind of JSON."""
        super().__init__(**options)
        self.members = list(members)
        self.by_kind: dict[str, int] = {}
        for index, member in enumerate(self.members):
            for kind in kinds(member):
                if kind in self.by_kind:
                    raise ValueError(f"two of them read a JSON {kind}")
                self.by_kind[kind] = index
        self.by_kind.setdefault("integer", self.by_kind.get("number", -1))
        self.by_kind.setdefault("number", self.by_kind["integer"])  # 15.0 is an integer

    def _bind_to_schema(self, field_name: str, parent: Schema | fields.Field[Any]) -> None:
        super()._bind_to_schema(field_name, parent)
        self.members = [copy.deepcopy(member) for member in self.members]
        for member in self.members:
            member._bind_to_schema(field_name, self)

    def member(self, value: Any) -> "fields.Field[Any] | None":
        """The member that reads this JSON value."""
        index = self.by_kind.get(kind_of(value), -1)
        return self.members[index] if index >= 0 else None

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        member = self.member(value)
        if member is None:
            all_kinds = sorted({kind for each in self.members for kind in kinds(each)})
            raise self.make_error("invalid", input=value, kinds=" or ".join(all_kinds))
        return member.deserialize(value, attr, data, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        out = plain(value)
        member = self.member(out)
        fraction = member and kind_of(out) == "number" and "number" not in kinds(member)
        if out is not None and (member is None or fraction):
            raise TypeError(f"a {type(value).__name__}, which the type does not name")
        return out


class Fresh:
    """A default that each load gets a copy of, so that no call sees another's changes."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self) -> Any:
        return copy.deepcopy(self.value)


class Made(Schema):
    """A schema made from type hints; it loads to a dict."""

    made: Any = None


class Built(Made):
    """The schema of a dataclass; it loads to an instance of `made`."""

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Any:
        try:
            return self.made(**data)
        except ValueError as error:  # from __post_init__: a dataclass that checks itself
            raise ValidationError(str(error)) from error


def kind_of(value: Any) -> str:
    """JSON's word for a value's type."""
    match value:
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list() | tuple():
            return "array"
        case Mapping():
            return "object"
    return "null"


def kinds(field: fields.Field[Any]) -> frozenset[str]:
    """JSON's words for what a field reads; for a field that may read anything, every word."""
    if isinstance(field, fields.Enum):
        return frozenset(kind_of(_value(each, field)) for each in field.enum)
    if isinstance(field, fields.Nested):
        return frozenset({"array" if field.many else "object"})
    if isinstance(field, Either):
        return frozenset().union(*(kinds(member) for member in field.members))
    for kind, words in _kinds.items():
        if isinstance(field, kind):
            return words
    return frozenset({"array", "boolean", "integer", "number", "object", "string"})


def _value(member: Any, field: "fields.Enum[Any]") -> Any:
    return member.value if field.by_value else member.name


_kinds: dict[type[fields.Field[Any]], frozenset[str]] = {
    Duration: frozenset({"integer", "number", "string"}),
    fields.Decimal: frozenset({"integer", "number", "string"}),
    fields.Integer: frozenset({"integer"}),
    fields.Number: frozenset({"number"}),
    fields.TimeDelta: frozenset({"number"}),
    fields.Boolean: frozenset({"boolean"}),
    fields.List: frozenset({"array"}),
    fields.Tuple: frozenset({"array"}),
    fields.Mapping: frozenset({"object"}),
    fields.String: frozenset({"string"}),
    fields.UUID: frozenset({"string"}),
    fields.DateTime: frozenset({"string"}),
    fields.Date: frozenset({"string"}),
    fields.Time: frozenset({"string"}),
    fields.IP: frozenset({"string"}),
    FileField: frozenset({"string"}),
}
