"""Fields held to their own types, in and out, where marshmallow would convert."""

import copy
import math
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from marshmallow import RAISE, Schema, fields, types

from app.room.duration import DURATION
from app.room.schema.field import Duration, Either, Made, kind_of
from app.room.schema.text import read_scalar

AnyField = fields.Field[Any]
Check = Callable[[Any, Any], Any]  # (the field, a value) -> the value, or ValidationError

DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
TIME = rf"^{CLOCK}(:[0-5][0-9](\.[0-9]+)?)?$"
LOCAL = rf"^{DAY}[Tt]{CLOCK}:[0-5][0-9](\.[0-9]+)?$"
ANY_MOMENT = rf"{LOCAL[:-1]}([Zz]|[+-]{CLOCK})?$"
UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

EXACT = 2**53  # up to here a float stands for one integer and no other


def tighten(schema: Schema) -> Schema:
    """Make this instance take JSON's own types only, everywhere inside, and return it.

    Integers are 15 and 15.0; numbers are no strings and strings no numbers; only true and false
    are booleans; dates, times, UUIDs have their one standard form. A `pre_load` of the field's
    own runs first and may still convert. Only fields that are bound to this instance change.
    Raises ValueError where the schema would let unknown fields pass.
    """
    _schema(schema, (type(schema),))
    return schema


def faithful(field: AnyField, above: tuple[type[Schema], ...] = ()) -> AnyField:
    """Make this bound field dump only values of its own type, and return it.

    marshmallow converts on the way out: 15.7 would become 15, None "None", "ab" ["a", "b"]. What a
    function's hint promises should be a promise. A schema that was written by hand, though, dumps
    as marshmallow does; one that holds itself is bound one turn deep.
    """
    if isinstance(field, fields.Nested) and isinstance(field.schema, Made):
        schema = _own_schema(field)
        if type(schema) not in above:
            for each in schema.dump_fields.values():
                faithful(each, (*above, type(schema)))
    for each in _parts(field):
        faithful(each, above)
    dump, wanted = field._serialize, _python_type(field)

    def checked(value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if not (_fits(value, wanted) or (value is None and field.allow_none)):
            names = getattr(wanted, "__name__", str(wanted)).replace("datetime.", "")
            raise TypeError(f"{field.name!r} holds {type(value).__name__}, not {names}")
        return dump(value, attr, obj, **kwargs)

    field._serialize = checked  # type: ignore[method-assign]
    return field


def _schema(schema: Schema, above: tuple[type[Schema], ...]) -> None:
    _refuse_unknown(schema.unknown, type(schema).__name__)
    schema.partial = None
    for field in schema.load_fields.values():
        _field(field, above)


def _field(field: AnyField, above: tuple[type[Schema], ...]) -> None:
    if isinstance(field, fields.Nested):
        _nested(field, above)
    elif isinstance(field, fields.Boolean):
        field.truthy, field.falsy = {True}, {False}
    elif isinstance(field, fields.Mapping):
        keys = field.key_field
        if keys and not isinstance(keys, fields.String):
            _before(keys, partial(read_scalar, keys))
    for each in _parts(field):
        _field(each, above)
    check = _check_of(field)
    if check:
        _before(field, partial(check, field))


def _nested(field: fields.Nested, above: tuple[type[Schema], ...]) -> None:
    """The nested schema, in a copy of this field's own; one that holds itself, when first used."""
    _refuse_unknown(field.unknown or RAISE, f"a Nested field {field.name or ''}".rstrip())
    schema = _own_schema(field)
    _refuse_unknown(schema.unknown, type(schema).__name__)
    if type(schema) in above:
        _before(field, _WhenUsed(schema))
    else:
        _schema(schema, (*above, type(schema)))


def _own_schema(field: fields.Nested) -> Schema:
    schema = copy.copy(field.schema)
    schema.declared_fields = copy.deepcopy(schema.declared_fields)
    schema._init_fields()
    field._schema = schema
    return schema


def _parts(field: AnyField) -> list[AnyField]:
    """The fields that a field is put together from, a Nested one's schema aside."""
    if isinstance(field, fields.List):
        return [field.inner]
    if isinstance(field, fields.Tuple):
        return list(field.tuple_fields)
    if isinstance(field, Either):
        return field.members
    if isinstance(field, fields.Mapping):
        return [each for each in (field.key_field, field.value_field) if each]
    return []


class _WhenUsed:
    """Tightens a schema before its first value; a recursive schema would never end otherwise."""

    def __init__(self, schema: Schema) -> None:
        self.schema: Schema | None = schema

    def __call__(self, value: Any) -> Any:
        schema = self.schema
        if schema is not None:  # two threads may both do it: the second finds it done already
            _schema(schema, (type(schema),))
            self.schema = None
        return value


def _before(field: AnyField, step: types.PreLoadCallable) -> None:
    """In a new list, for the old one is the class's; in place of an earlier step of its kind."""
    others = [each for each in field.pre_load if _kind(each) is not _kind(step)]
    field.pre_load = [*others, step]


def _kind(step: Any) -> Any:
    if isinstance(step, partial):
        return step.func
    return _WhenUsed if isinstance(step, _WhenUsed) else step


def _refuse_unknown(unknown: str, where: str) -> None:
    if unknown != RAISE:
        raise ValueError(
            f"{where} sets unknown={unknown!r}, but a name that no field reads is a mistake that "
            "its sender should be told of; remove `unknown`, or declare a Dict field for free names"
        )


def _check_of(field: AnyField) -> Check | None:
    """The check of the field's own class or else of the nearest class that it is made from."""
    if isinstance(field, fields.Enum):
        return _enum
    for kind in type(field).__mro__:
        if kind in _CHECKS:
            return _CHECKS[kind]
    return None


def _string(field: AnyField, value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    raise field.make_error("invalid", input=value)


def _integer(field: AnyField, value: Any) -> Any:
    if type(value) is int or value is None:
        return value
    if type(value) is float and value.is_integer() and abs(value) <= EXACT:
        return int(value)
    raise field.make_error("invalid", input=value)


def _number(field: AnyField, value: Any) -> Any:
    if value is None or type(value) is int:
        return value
    if type(value) is float:
        if math.isfinite(value):
            return value
        raise field.make_error("special" if "special" in field.error_messages else "invalid")
    raise field.make_error("invalid", input=value)


def _decimal(field: AnyField, value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(DECIMAL.strip("^$"), value):
        return value
    return _number(field, value)


def _duration(field: AnyField, value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(DURATION.strip("^$"), value):
        return value
    return _number(field, value)


def _boolean(field: AnyField, value: Any) -> Any:
    """A field's own truthy and falsy words are for people, not for JSON."""
    if value is True or value is False or value is None:
        return value
    raise field.make_error("invalid", input=value)


def _moment(field: Any, value: Any) -> Any:
    """RFC 3339, with an offset unless the field says what to do without one."""
    if value is None or (field.format or "iso") not in ("iso", "iso8601"):
        return _formatted(field, value)
    if not isinstance(value, str) or not re.fullmatch(ANY_MOMENT.strip("^$"), value):
        raise field.make_error("invalid", input=value, obj_type=field.OBJ_TYPE)
    naive = isinstance(field, fields.NaiveDateTime) or getattr(field, "default_timezone", None)
    if not naive and re.fullmatch(LOCAL.strip("^$"), value):
        raise field.make_error("invalid_awareness", awareness="aware", obj_type=field.OBJ_TYPE)
    return value.upper()


def _shaped(shape: str, field: Any, value: Any) -> Any:
    if value is None or (field.format or "iso") not in ("iso", "iso8601"):
        return _formatted(field, value)
    if not isinstance(value, str) or not re.fullmatch(shape.strip("^$"), value):
        raise field.make_error("invalid", input=value, obj_type=field.OBJ_TYPE)
    return value


def _formatted(field: Any, value: Any) -> Any:
    """A format of the field's own: a timestamp is a number, every other one is text."""
    wanted = {"integer", "number"} if str(field.format).startswith("timestamp") else {"string"}
    if value is None or kind_of(value) in wanted:
        return value
    raise field.make_error("invalid", input=value, obj_type=field.OBJ_TYPE)


def _uuid(field: AnyField, value: Any) -> Any:
    if value is None or (isinstance(value, str) and re.fullmatch(UUID.strip("^$"), value)):
        return value
    raise field.make_error("invalid_uuid")


def _address(error: str, field: AnyField, value: Any) -> Any:
    if value is None or (isinstance(value, str) and "%" not in value):
        return value
    raise field.make_error(error)


def _enum(field: Any, value: Any) -> Any:
    """One of the members' own JSON values: true is not 1."""
    if value is None:
        return value
    inner = None if isinstance(field.field, fields.Raw) else _check_of(field.field)
    if inner:
        return inner(field.field, value)
    for member in field.enum:
        own = member.value
        if own == value and (kind_of(own) == "boolean") == (kind_of(value) == "boolean"):
            return own
    raise field.make_error("unknown", choices=field.choices_text)


def _fits(value: Any, wanted: Any) -> bool:
    """A bool is no number here and a datetime no date, though Python says that they are."""
    if (type(value) is bool and wanted is not bool) or (wanted is date and type(value) is datetime):
        return wanted is object
    return isinstance(value, wanted)


def _python_type(field: AnyField) -> Any:
    if isinstance(field, fields.Enum):
        return field.enum
    if isinstance(field, fields.Nested) and isinstance(field.schema, Made):
        return Mapping if field.schema.made is None else Mapping | field.schema.made
    return next((wanted for kind, wanted in _PYTHON if isinstance(field, kind)), object)


_PYTHON: list[tuple[type[AnyField], Any]] = [
    (fields.Boolean, bool),
    (fields.Integer, int),
    (fields.Float, int | float),
    (fields.Decimal, int | Decimal),
    (fields.String, str),
    (fields.DateTime, datetime),
    (fields.Date, date),
    (fields.Time, time),
    (fields.TimeDelta, timedelta),
    (fields.UUID, uuid.UUID),
    (fields.List, list | tuple | set | frozenset),
    (fields.Tuple, list | tuple),
    (fields.Mapping, Mapping),
]

_CHECKS: dict[type[AnyField], Check] = {
    fields.String: _string,
    fields.Integer: _integer,
    fields.Float: _number,
    fields.Decimal: _decimal,
    fields.Number: _number,
    fields.Boolean: _boolean,
    fields.DateTime: _moment,
    fields.Date: partial(_shaped, DAY),
    fields.Time: partial(_shaped, TIME),
    fields.TimeDelta: _number,
    Duration: _duration,
    fields.UUID: _uuid,
    fields.IP: partial(_address, "invalid_ip"),
    fields.IPInterface: partial(_address, "invalid_ip_interface"),
}
