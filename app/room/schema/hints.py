"""Schemas made from a function's type hints."""

import copy
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

from marshmallow import Schema, ValidationError, fields, validate

from app.room.errors import BadOperation
from app.room.files import File, FileField
from app.room.schema.field import Built, Duration, Either, Fresh, Made, Moment, Secret
from app.room.strict_json import write_json

AnyField = fields.Field[Any]
Function = Callable[..., Any]


def fields_of(fn: Function, *, name: str = "") -> type[Schema]:
    """A schema class with a field for each parameter, save a first one named `run`.

    Raises BadOperation, which names file, line and parameter, for what has no field.
    """
    name = name or fn.__qualname__
    hints = _hints_of(fn, name)
    made: dict[str, AnyField] = {}
    for index, parameter in enumerate(inspect.signature(fn).parameters.values()):
        if index == 0 and parameter.name == "run":
            continue
        try:
            made[parameter.name] = _parameter(parameter, hints)
        except BadOperation as error:
            where = f"parameter {parameter.name!r}"
            raise BadOperation(f"{_place(fn)}: {name}: {where} {error}") from None
    return _schema_class(name, made)


def result_of(fn: Function, *, name: str = "") -> AnyField | None:
    """The return hint as a field; None where there is none, or it is None."""
    name = name or fn.__qualname__
    hint = _hints_of(fn, name).get("return")
    if hint is None or hint is types.NoneType:
        return None
    try:
        return field_of(hint)
    except BadOperation as error:
        raise BadOperation(f"{_place(fn)}: {name}: the result {error}") from None


def field_of(hint: Any) -> AnyField:
    """The field of one hint. Raises BadOperation, the end of a sentence: why not, what to do."""
    if isinstance(hint, fields.Field):
        return copy.copy(hint)  # what is said of this parameter must not reach another
    if typing.get_origin(hint) is typing.Annotated:
        return _annotated(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _union(hint)
    if typing.get_origin(hint) is Literal:
        return _literal(typing.get_args(hint))
    if isinstance(hint, typing.NewType):
        return field_of(hint.__supertype__)
    if hasattr(hint, "__value__"):  # type X = …, from Python 3.12 on
        return field_of(hint.__value__)
    if isinstance(hint, Hashable) and hint in _SCALARS:
        return _SCALARS[hint]()
    return _composed(hint)


def _parameter(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> AnyField:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        raise BadOperation("takes any number of arguments; name each one, or take a list or dict")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise BadOperation("is positional-only, but is passed by name; remove the /")
    if parameter.name not in hints:
        raise BadOperation(f"has no type hint; write it as {parameter.name}: str, or what it is")
    field = field_of(hints[parameter.name])
    if parameter.default is parameter.empty:
        field.required = True
    else:
        _default(field, parameter.default)
    return field


def _default(field: AnyField, default: Any) -> None:
    plain = default is None or type(default) in (bool, int, float, str)
    field.load_default = default if plain else Fresh(default)
    field.allow_none = field.allow_none or default is None
    if plain:
        try:
            field.deserialize(default)
        except ValidationError as error:
            why = " ".join(map(str, error.messages))
            raise BadOperation(f"has a default, {default!r}, that is not valid: {why}") from None


def _annotated(hint: Any) -> AnyField:
    base, *extras = typing.get_args(hint)
    given = [extra for extra in extras if isinstance(extra, fields.Field)]
    field = field_of(given[-1] if given else base)
    for extra in extras:
        if extra is Secret or isinstance(extra, Secret):
            field = _secret(field)
        elif isinstance(extra, str):
            field.metadata = {**field.metadata, "description": extra}
        elif isinstance(extra, Mapping):
            field.metadata = {**field.metadata, **extra}
        elif callable(extra) and not isinstance(extra, type):
            field.validators = [*field.validators, extra]
        elif extra not in given:
            raise BadOperation(
                f"is annotated with {extra!r}, which is no validator; use one of "
                "marshmallow.validate, such as Range(1, 100), a function, a text, or Secret"
            )
    return field


def _secret(field: AnyField) -> AnyField:
    if isinstance(field, Secret):
        return field
    if type(field) is not fields.String:
        raise BadOperation("is marked Secret but is no str; make the secret part of it a str")
    return Secret(
        allow_none=field.allow_none, validate=field.validators, metadata=dict(field.metadata)
    )


def _union(hint: Any) -> AnyField:
    parts = typing.get_args(hint)
    members = [field_of(part) for part in parts if part is not types.NoneType]
    try:
        field = members[0] if len(members) == 1 else Either(members)
    except ValueError as error:
        raise BadOperation(
            f"is {_named(hint)}, and {error}; use one type, or a dataclass with a field for each"
        ) from None
    field.allow_none = field.allow_none or types.NoneType in parts
    return field


def _literal(values: tuple[Any, ...]) -> AnyField:
    by_type: dict[type, list[Any]] = {}
    for value in values:
        by_type.setdefault(type(value), []).append(value)
    nullable = by_type.pop(types.NoneType, None) is not None
    if not by_type or not set(by_type) <= {str, int, bool}:
        raise BadOperation(f"is Literal{list(values)!r}; use strings, integers, booleans and None")
    said = None  # of one type: as marshmallow says it
    if len(by_type) > 1:
        shown = (each if isinstance(each, str) else write_json(each).decode() for each in values)
        said = f"Must be one of: {', '.join(shown)}.".replace("{", "{{").replace("}", "}}")
    members = [
        _SCALARS[kind](validate=validate.OneOf(choices, error=said))
        for kind, choices in by_type.items()
    ]
    field = members[0] if len(members) == 1 else Either(members)
    field.allow_none = nullable
    return field


def _composed(hint: Any) -> AnyField:
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if isinstance(hint, Schema):
        return fields.Nested(hint)
    if typing.is_typeddict(hint):
        return _nested(hint, _typed_dict)
    if isinstance(origin, type):
        if issubclass(origin, tuple) and not hasattr(origin, "_fields"):
            return _tuple(arguments)
        if origin in _LISTS:
            inner = field_of(arguments[0]) if arguments else fields.Raw(allow_none=True)
            return fields.List(inner, post_load=_LISTS[origin])
        if origin in (dict, Mapping, MutableMapping):
            return _dict(arguments)
        if issubclass(origin, Schema):
            return fields.Nested(origin)
        if issubclass(origin, Enum):
            return _enum(origin)
        if dataclasses.is_dataclass(origin) and not arguments:
            return _nested(origin, _dataclass)
    raise BadOperation(_unfit(hint))


def _tuple(arguments: tuple[Any, ...]) -> AnyField:
    if not arguments or (len(arguments) == 2 and arguments[1] is Ellipsis):
        inner = field_of(arguments[0]) if arguments else fields.Raw(allow_none=True)
        return fields.List(inner, post_load=tuple)
    return fields.Tuple([field_of(each) for each in arguments if each != ()])


def _dict(arguments: tuple[Any, ...]) -> AnyField:
    if not arguments:
        return fields.Dict(keys=fields.String())
    keys, values = (field_of(each) for each in arguments)
    inner = keys.field if isinstance(keys, fields.Enum) else keys
    if not isinstance(inner, _KEYS) or keys.allow_none:
        named = _named(arguments[0])
        raise BadOperation(f"has keys of {named}; JSON's are text, so use dict[str, …]")
    if isinstance(inner, fields.Integer):
        inner.as_string = True
    return fields.Dict(keys=keys, values=values)


def _enum(enum: type[Enum]) -> AnyField:
    kinds = {type(member.value) for member in enum}
    if kinds == {str} or kinds == {int}:
        return fields.Enum(enum, by_value=_SCALARS[kinds.pop()]())
    if not kinds or not kinds <= {str, int, float, bool}:
        raise BadOperation(
            f"is {enum.__name__}, whose values must be strings or numbers to be sent"
        )
    return fields.Enum(enum, by_value=True)


# Made once a class: a dataclass that holds itself then ends, and has one schema everywhere.
_made: dict[Any, type[Schema]] = {}
_making: set[Any] = set()


def _nested(hint: Any, make: Callable[[Any], type[Schema]]) -> AnyField:
    if hint not in _made and hint not in _making:
        _making.add(hint)
        try:
            _made[hint] = make(hint)
        finally:
            _making.discard(hint)
    return fields.Nested(lambda: _made[hint])


def _dataclass(cls: Any) -> type[Schema]:
    hints = _hints_of(cls, cls.__name__)
    declared = dataclasses.fields(cls)
    strange = set(inspect.signature(cls).parameters) - {each.name for each in declared}
    if strange:
        raise BadOperation(f"is {cls.__name__}, whose {min(strange)!r} is no field; make it one")
    made: dict[str, AnyField] = {}
    for each in declared:
        field = made[each.name] = _member(cls, each.name, hints)
        if not each.init:
            field.dump_only = True
        elif each.default is not dataclasses.MISSING:
            _default(field, each.default)
        elif each.default_factory is not dataclasses.MISSING:
            field.load_default = each.default_factory
        else:
            field.required = True
    automatic = (cls.__doc__ or "").startswith(f"{cls.__name__}(")
    return _schema_class(cls.__name__, made, cls, None if automatic else cls.__doc__)


def _typed_dict(cls: Any) -> type[Schema]:
    hints = _hints_of(cls, cls.__name__)
    made: dict[str, AnyField] = {}
    for name, hint in hints.items():
        if "." in name:
            raise BadOperation(f"is {cls.__name__}, whose key {name!r} has a dot; take a dict")
        required = name in cls.__required_keys__
        while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            required = typing.get_origin(hint) is typing.Required
            hint = typing.get_args(hint)[0]
        made[name] = _member(cls, name, {name: hint})
        made[name].required = required
    return _schema_class(cls.__name__, made, doc=cls.__doc__)


def _member(cls: Any, name: str, hints: Mapping[str, Any]) -> AnyField:
    try:
        return field_of(hints[name])
    except BadOperation as error:
        raise BadOperation(f"is {cls.__name__}, whose {name!r} {error}") from None


def _schema_class(
    name: str, made: Mapping[str, AnyField], cls: Any = None, doc: str | None = None
) -> type[Schema]:
    """`include` takes names that would mean something else as attributes of the class."""
    meta = type("Meta", (Schema.Meta,), {"include": dict(made), "register": False})
    base = Made if cls is None else Built
    return type(name, (base,), {"Meta": meta, "made": cls, "__doc__": doc})


def _hints_of(what: Any, name: str) -> dict[str, Any]:
    try:
        return typing.get_type_hints(what, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise BadOperation(
            f"{_place(what)}: {name}: its type hints cannot be read ({error}); "
            "import or define at the top of the module what they name"
        ) from None


def _place(what: Any) -> str:
    code = getattr(inspect.unwrap(what), "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    try:
        return f"{inspect.getsourcefile(what)}:{inspect.getsourcelines(what)[1]}"
    except (OSError, TypeError):
        return str(getattr(what, "__module__", "?"))


def _unfit(hint: Any) -> str:
    origin = typing.get_origin(hint) or hint
    if getattr(origin, "__module__", None) == "app.room.run":  # not imported: it imports this
        return f"is {_named(hint)}, which goes to a first parameter called run"
    advice = next((what for kind, what in _ADVICE if kind is origin), _ADVICE[-1][1])
    return f"is {_named(hint)}, which JSON has no form for; {advice}"


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


_SCALARS: dict[Any, Callable[..., AnyField]] = {
    str: fields.String,
    int: fields.Integer,
    float: fields.Float,
    bool: fields.Boolean,
    date: fields.Date,
    datetime: Moment,
    time: fields.Time,
    timedelta: Duration,
    Decimal: lambda: fields.Decimal(as_string=True),
    UUID: fields.UUID,
    File: FileField,
    Any: lambda: fields.Raw(allow_none=True),
    object: lambda: fields.Raw(allow_none=True),
}

_LISTS: dict[Any, Callable[[Any], Any] | None] = {
    list: None,
    Sequence: None,
    set: set,
    frozenset: frozenset,
    AbstractSet: frozenset,
}

_ADVICE: list[tuple[Any, str]] = [
    (bytes, "take a File, or text"),
    (bytearray, "take a File, or text"),
    (complex, "take two floats"),
    (Iterator, "make it a list"),
    (None, "use a built-in type, a dataclass, a Schema, or Any"),
]

_KEYS = (fields.String, fields.Integer, fields.UUID, fields.Date)
