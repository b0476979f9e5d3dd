"""What validators ask of a value, in JSON Schema's words as far as it has them."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from marshmallow import fields, validate

from app.room.schema.field import Either
from app.room.schema.plain import plain

Json = dict[str, Any]
AnyField = fields.Field[Any]

CHOICES = 1000  # a longer list describes nothing to anybody


def constraints(field: AnyField) -> list[Json]:
    """One fragment for each validator that can be said; all of them hold."""
    return [said for each in field.validators if (said := _constraint(field, each))]


def _constraint(field: AnyField, validator: Any) -> Json:
    if isinstance(validator, validate.And):
        said = [each for inner in validator.validators if (each := _constraint(field, inner))]
        return {"allOf": said} if len(said) > 1 else said[0] if said else {}
    for kind, say in _SAYINGS:
        if isinstance(validator, kind):
            return say(field, validator)
    return {}


def _range(field: AnyField, validator: validate.Range) -> Json:
    """Only numbers have bounds in JSON Schema."""
    if not isinstance(field, fields.Number | Either):
        return {}
    out: Json = {}
    if _is_number(validator.min):
        out["minimum" if validator.min_inclusive else "exclusiveMinimum"] = _bound(validator.min)
    if _is_number(validator.max):
        out["maximum" if validator.max_inclusive else "exclusiveMaximum"] = _bound(validator.max)
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and math.isfinite(value)


def _bound(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return int(value) if value == int(value) else float(value)


def _length(field: AnyField, validator: validate.Length) -> Json:
    what = next((word for kind, word in _LENGTHS if isinstance(field, kind)), None)
    if isinstance(field, fields.Nested) and field.many:
        what = "Items"
    if what is None:
        return {}
    exactly = validator.equal
    bounds = {
        "min": validator.min if exactly is None else exactly,
        "max": validator.max if exactly is None else exactly,
    }
    return {key + what: value for key, value in bounds.items() if value is not None}


def _one_of(field: AnyField, validator: validate.OneOf) -> Json:
    choices = _choices(field, validator.choices)
    return {} if choices is None else {"enum": choices}


def _none_of(field: AnyField, validator: validate.NoneOf) -> Json:
    choices = _choices(field, validator.iterable)
    return {"not": {"enum": choices}} if choices else {}


def _contains_only(field: AnyField, validator: validate.ContainsOnly) -> Json:
    choices = _choices(getattr(field, "inner", None), validator.choices)
    return {} if choices is None else {"allOf": [{"items": {"enum": choices}}]}


def _contains_none_of(field: AnyField, validator: validate.ContainsNoneOf) -> Json:
    choices = _choices(getattr(field, "inner", None), validator.iterable)
    return {"allOf": [{"items": {"not": {"enum": choices}}}]} if choices else {}


def _choices(field: AnyField | None, choices: Any) -> list[Any] | None:
    """In JSON's form; None for what is no list: in a text, say, its parts are choices too."""
    listed = isinstance(choices, list | tuple | set | frozenset | range | dict)
    if field is None or not listed or len(choices) > CHOICES or isinstance(field, fields.Decimal):
        return None
    try:
        dumped = [_dumped(field, each) for each in choices if each is not None]
    except (TypeError, ValueError, AttributeError):
        return None
    return sorted(dumped, key=repr) if isinstance(choices, set | frozenset) else dumped


def _dumped(field: AnyField, value: Any) -> Any:
    return plain(value if isinstance(field, Either) else field._serialize(value, None, {}))


def _equal(field: AnyField, validator: validate.Equal) -> Json:
    choices = _choices(field, [validator.comparable])
    return {"const": choices[0]} if choices else {}


def _regexp(field: AnyField, validator: validate.Regexp) -> Json:
    pattern = _ecma(validator.regex)
    return {"pattern": pattern} if pattern and isinstance(field, fields.String) else {}


# What Python writes and ECMAScript does not: inline flags, comments, conditions, atomic groups and
# possessive quantifiers, named back-references, {,n}, \A or \Z in the middle.
_PYTHON_ONLY = re.compile(r"\(\?[aiLmsux#(>-]|\(\?P[=>]|[*+?}]\+|\{,|\\[AZ]")


def _ecma(regex: "re.Pattern[Any]") -> str | None:
    """The same expression for JSON Schema, which searches where marshmallow starts at the start."""
    if not isinstance(regex.pattern, str) or regex.flags & ~(re.UNICODE | re.ASCII):
        return None
    body = regex.pattern.removeprefix(r"\A")
    if body.endswith(r"\Z") and not body.endswith(r"\\Z"):
        body = body[:-2] + "$"
    if _PYTHON_ONLY.search(body):
        return None
    body = body.replace("(?P<", "(?<") if "(?P<" in body else body
    return body if body.startswith("^") and "|" not in body else f"^(?:{body})"


def _format(name: str) -> Callable[[AnyField, Any], Json]:
    """The fields Email and Url bring theirs themselves."""
    return lambda field, _: {} if isinstance(field, fields.Email | fields.Url) else {"format": name}


_LENGTHS: list[tuple[Any, str]] = [
    (fields.String, "Length"),
    ((fields.List, fields.Tuple), "Items"),
    (fields.Mapping, "Properties"),
]

_SAYINGS: list[tuple[Any, Callable[[AnyField, Any], Json]]] = [
    (validate.Range, _range),
    (validate.Length, _length),
    (validate.ContainsOnly, _contains_only),  # a OneOf, so before it
    (validate.OneOf, _one_of),
    (validate.ContainsNoneOf, _contains_none_of),
    (validate.NoneOf, _none_of),
    (validate.Equal, _equal),
    (validate.Regexp, _regexp),
    (validate.Email, _format("email")),
    (validate.URL, _format("uri")),
]
