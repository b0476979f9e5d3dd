"""What of a schema can be told at a glance: a plan says yes, or nothing.

Of the time that marshmallow takes for a call's two plain values, nine tenths go to what they have
not: hooks, nested schemas, messages. A plan is made once an operation, of fields of exactly the
classes below. Where it says nothing, marshmallow is asked, so nothing is ever refused here, and
what is taken is what marshmallow would have made of it.
"""

import math
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, NamedTuple

from marshmallow import RAISE, Schema, ValidationError, fields, missing

from app.room.schema.field import Secret
from app.room.schema.plain import LARGEST, NESTING

AnyField = fields.Field[Any]
Load = Callable[[Mapping[str, Any]], dict[str, Any] | None]
Fits = Callable[[Any], bool]

_KINDS: dict[type[AnyField], type] = {
    fields.String: str,
    Secret: str,
    fields.Integer: int,
    fields.Float: float,
    fields.Boolean: bool,
}
"""Fields that take a value of just this type as it is, once they are tightened."""

_HOOKS = ("pre_load", "post_load", "validates", "validates_schema")
_OF_SCHEMAS = ("load", "_do_load", "_deserialize", "handle_error")


class _Step(NamedTuple):
    """What is done with one field of those that a plan reads."""

    key: str
    name: str
    fits: Fits
    is_list: bool
    required: bool
    default: Any
    validators: tuple[Callable[[Any], Any], ...]


def loading(schema: Schema) -> Load | None:
    """Of a tightened schema: gives what it would load, or None where it has to be asked. No plan
    for one with more to it than plain fields."""
    found = [_step(name, field) for name, field in schema.load_fields.items()]
    steps = tuple(step for step in found if step is not None)
    if len(steps) < len(found) or not _is_bare(schema):
        return None

    def load(raw: Mapping[str, Any]) -> dict[str, Any] | None:
        if type(raw) is not dict:
            return None
        loaded: dict[str, Any] = {}
        known = 0
        for key, name, fits, is_list, required, default, validators in steps:
            value = raw.get(key, missing)
            if value is missing:
                if required:
                    return None
                if default is not missing:
                    loaded[name] = default() if callable(default) else default
                continue
            known += 1
            if not fits(value) or (validators and not _passes(validators, value)):
                return None
            loaded[name] = list(value) if is_list else value
        return loaded if known == len(raw) else None

    return load


def fitting(field: AnyField | None, depth: int = NESTING) -> Fits | None:
    """Of a faithful field: is a value dumped as it is? No plan where that needs more than a look;
    without a field, whatever fits into JSON goes. `depth`: how many containers it may have."""
    kind = type(field)
    if kind in (NoneType, fields.Raw):
        return lambda value: _is_plain(value, depth)
    if kind is fields.String:
        return _is_text
    if isinstance(field, fields.Number | fields.Boolean):
        is_so = _SCALARS.get(_KINDS.get(type(field), NoneType))
        return None if getattr(field, "as_string", False) else is_so
    if isinstance(field, fields.List) and kind is fields.List:
        return _list_of(fitting(field.inner, depth - 1))
    if isinstance(field, fields.Dict) and kind is fields.Dict:
        has_texts = field.key_field is None or type(field.key_field) is fields.String
        return _mapping_of(fitting(field.value_field, depth - 1)) if has_texts else None
    return None


def _is_bare(schema: Schema) -> bool:
    """Is all that it does what every schema does?"""
    kind = type(schema)
    own = any(getattr(kind, name) is not getattr(Schema, name) for name in _OF_SCHEMAS)
    hooked = any(kind._hooks.get(hook) for hook in _HOOKS)
    usual = schema.unknown == RAISE and schema.partial is None and schema.dict_class is dict
    return usual and not (own or hooked or schema.many)


def _step(name: str, field: AnyField) -> _Step | None:
    inner = field.inner if isinstance(field, fields.List) and type(field) is fields.List else None
    one = inner or field
    fits = _LOADED.get(_KINDS.get(type(one), NoneType))
    to = field.attribute or name
    if not _is_tight_alone(one) or "." in to:
        return None
    if inner:
        fits = None if inner.validators or field.pre_load or field.post_load else _list_of(fits)
    if fits is None:
        return None
    return _Step(
        key=name if field.data_key is None else field.data_key,
        name=to,
        fits=fits,
        is_list=inner is not None,
        required=field.required,
        default=field.load_default,
        validators=tuple(field.validators),
    )


def _is_tight_alone(field: AnyField) -> bool:
    """Has it no steps of its own beside the one that holds it to its type?"""
    return len(field.pre_load) == 1 and not field.post_load


def _passes(validators: tuple[Callable[[Any], Any], ...], value: Any) -> bool:
    try:
        for validator in validators:
            validator(value)
    except ValidationError:
        return False
    return True


def _list_of(fits: Fits | None) -> Fits | None:
    if fits is None:
        return None
    return lambda value: type(value) is list and all(map(fits, value))


def _mapping_of(fits: Fits | None) -> Fits | None:
    if fits is None:
        return None

    def is_so(value: Any) -> bool:
        return type(value) is dict and all(map(_is_text, value)) and all(map(fits, value.values()))

    return is_so


def _is_text(value: Any) -> bool:
    """Of characters that need no second look."""
    return type(value) is str and value.isascii() and "\0" not in value


def _is_integer(value: Any) -> bool:
    return type(value) is int and -LARGEST < value < LARGEST


def _is_finite(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


def _is_plain(value: Any, depth: int) -> bool:
    """Would `plain` give the same?"""
    kind = type(value)
    if kind is dict:
        inside = all(_is_plain(each, depth - 1) for each in value.values())
        return depth > 0 and all(map(_is_text, value)) and inside
    if kind is list:
        return depth > 0 and all(_is_plain(each, depth - 1) for each in value)
    fits = _SCALARS.get(kind)
    return value is None if fits is None else fits(value)


_SCALARS: dict[type, Fits] = {
    str: _is_text,
    int: _is_integer,
    float: _is_finite,
    bool: _is_boolean,
}
_LOADED: dict[type, Fits] = _SCALARS | {
    str: lambda value: type(value) is str,
    int: lambda value: type(value) is int,
}
