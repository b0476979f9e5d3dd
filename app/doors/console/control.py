"""A parameter's JSON Schema as an input of a form, and a form's text as what the room reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.room.errors import Malformed
from app.room.files import FILE_ID
from app.room.operation import Operation
from app.room.schema.json_schema import describe
from app.room.strict_json import read_json

Schema = Mapping[str, Any]

LONG_TEXT = 200  # characters from which on a text gets more than one line
SHORT_TEXT = 40  # characters up to which a default stands in the hint
SCALARS = frozenset(("string", "integer", "number", "boolean"))
TYPES = {"date": "date", "email": "email", "uri": "url", "password": "password"}
"""Formats of strings that browsers have an input for."""


@dataclass(frozen=True)
class Control:
    """One labelled input. `reading` says what its text is: the value, lines, JSON, a moment."""

    name: str
    element: str = "input"  # or select, textarea
    type: str = "text"
    reading: str = "text"  # or lines, json, local, utc
    required: bool = False
    nullable: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    default: str = ""
    description: str = ""
    hint: str = ""
    upload: bool = False  # the id of a file, or of several, that may be sent from here

    @property
    def secret(self) -> bool:
        return self.type == "password"


def controls(operation: Operation) -> tuple[Control, ...]:
    schema, definitions = describe(operation.params.schema)
    required = schema.get("required", ())
    return tuple(
        _control(name, each, name in required, definitions)
        for name, each in schema["properties"].items()
    )


def text_of(control: Control, value: Any) -> str:
    """How a value reads in this control: what is read back is the same value."""
    if value is None or control.secret:
        return ""
    if control.reading == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    if control.reading == "lines" and isinstance(value, list | tuple):
        return "\n".join(_plain(each) for each in value)
    if control.reading in ("local", "utc"):
        return _moment_text(control, str(value))
    return _plain(value)


@dataclass
class Reading:
    """What a form says: texts for the room to read, values that are read already, and remarks."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


def read(known: Iterable[Control], given: Mapping[str, list[str]]) -> Reading:
    """Left empty is not given; where something is needed it is null or an empty list, if it can
    be. Unknown names are kept, for the schema to refuse."""
    reading = Reading()
    by_name = {control.name: control for control in known}
    for name, texts in given.items():
        control = by_name.get(name)
        if control is None or len(texts) > 1:
            reading.texts[name] = texts
        elif texts[0].strip("\n ") or (texts[0] and control.element == "input"):
            _read(control, texts[0], reading)
        elif control.required and control.nullable:
            reading.params[name] = None
        elif control.required and control.reading == "lines":
            reading.texts[name] = []
    return reading


def _read(control: Control, text: str, reading: Reading) -> None:
    if control.reading == "lines":
        reading.texts[control.name] = [line for line in text.split("\n") if line.strip()]
    elif control.reading == "json":
        try:
            reading.params[control.name] = read_json(text.encode())
        except Malformed as error:
            reading.params[control.name] = text
            reading.remarks[control.name] = error.detail
    elif control.reading in ("local", "utc"):
        reading.texts[control.name] = [_moment(text, control.reading == "utc")]
    else:
        reading.texts[control.name] = [text]


def _control(name: str, schema: Schema, required: bool, definitions: Mapping[str, Any]) -> Control:
    nullable, shape = _without_null(schema, definitions)
    about: dict[str, Any] = {
        "name": name,
        "required": required,
        "nullable": nullable,
        "description": schema.get("description", shape.get("description", "")),
    }
    about |= _kind(shape, definitions)
    made = Control(**about)
    default = text_of(made, schema.get("default"))
    if default and len(default) <= SHORT_TEXT and "\n" not in default:
        about["hint"] = f"{made.hint}, default {default}".lstrip(", ")
    return Control(**about, default=default)


def _kind(shape: Schema, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a control that the shape of its value decides."""
    kind = shape.get("type")
    if choices := _choices(shape):
        return {"element": "select", "options": choices}
    if kind in ("integer", "number"):
        return _number(shape)
    if kind == "string":
        return _string(shape)
    if kind == "array":
        return _array(shape, definitions)
    if kind == "object" or kind is None:
        return _object(shape, definitions)
    return {"hint": " or ".join(kind) if isinstance(kind, list) else ""}


def _choices(shape: Schema) -> tuple[str, ...]:
    if shape.get("type") == "boolean" and "enum" not in shape:
        return ("true", "false")
    values = shape.get("enum", [shape["const"]] if "const" in shape else [])
    return tuple(_plain(value) for value in values if value is not None)


def _number(shape: Schema) -> dict[str, Any]:
    whole = shape["type"] == "integer"
    least, most = shape.get("minimum"), shape.get("maximum")
    above, below = shape.get("exclusiveMinimum"), shape.get("exclusiveMaximum")
    if whole:
        least = above + 1 if isinstance(above, int) and least is None else least
        most = below - 1 if isinstance(below, int) and most is None else most
    attributes = {"min": least, "max": most, "step": 1 if whole else "any"}
    words = "whole number" if whole else "number"
    return {
        "type": "number",
        "attributes": {key: value for key, value in attributes.items() if value is not None},
        "hint": _range(least, most, words, above, below),
    }


def _range(least: Any, most: Any, words: str, above: Any, below: Any) -> str:
    if least is not None and most is not None:
        return f"{words} from {least} to {most}"
    limits = {"at least": least, "at most": most}
    if least is None and above is not None:
        limits["above"] = above
    if most is None and below is not None:
        limits["below"] = below
    said = ", ".join(f"{word} {limit}" for word, limit in limits.items() if limit is not None)
    return f"{words}, {said}" if said else words


def _string(shape: Schema) -> dict[str, Any]:
    form = shape.get("format", "")
    if shape.get("pattern") == FILE_ID:
        return {"upload": True, "hint": "a file's id"}
    least, most = shape.get("minLength"), shape.get("maxLength")
    if form in ("date-time", "date-time-local"):
        utc = form == "date-time"
        clock = {"type": "datetime-local", "attributes": {"step": "any"}}
        return {**clock, "reading": "utc" if utc else "local", "hint": "UTC" if utc else ""}
    if form == "time-local":
        return {"type": "time", "attributes": {"step": "any"}}
    if form in TYPES:
        return {"type": TYPES[form]}
    limits = _range(least, most, "", None, None).strip(" ,").removeprefix("from ")
    # No maxlength: browsers would cut off what is pasted, and say nothing.
    hint = f"{limits} characters" if limits else form
    return {"element": "textarea" if (most or 0) > LONG_TEXT else "input", "hint": hint}


def _array(shape: Schema, definitions: Mapping[str, Any]) -> dict[str, Any]:
    items = shape.get("prefixItems") or [shape.get("items", {})]
    nullable, shapes = zip(*(_without_null(each, definitions) for each in items), strict=True)
    if not any(nullable) and all(_is_scalar(each) for each in shapes):
        among = ", ".join(_choices(shapes[0])) if len(shapes) == 1 else ""
        hint = f"one a line: {among}" if among else "one a line"
        of_files = all(each.get("pattern") == FILE_ID for each in shapes)
        if of_files:
            hint = "files' ids, one a line"
        return {"element": "textarea", "reading": "lines", "hint": hint, "upload": of_files}
    return {"element": "textarea", "reading": "json", "hint": "JSON: a list, […]"}


def _object(shape: Schema, definitions: Mapping[str, Any]) -> dict[str, Any]:
    members = [_without_null(each, definitions)[1] for each in shape.get("anyOf", ())]
    hint = " or ".join(kind for each in members for kind in _types(each)) or "JSON"
    if members and all(_is_scalar(each) for each in members):
        return {"hint": hint}
    names = ", ".join(shape.get("properties", ()))
    return {
        "element": "textarea",
        "reading": "text" if members else "json",
        "hint": f"JSON: an object of {names}" if names else hint,
    }


def _is_scalar(shape: Schema) -> bool:
    return SCALARS.issuperset(_types(shape)) or bool(_choices(shape))


def _types(shape: Schema) -> list[str]:
    kinds = shape.get("type", "object")
    return kinds if isinstance(kinds, list) else [kinds]


def _without_null(schema: Schema, definitions: Mapping[str, Any]) -> tuple[bool, Schema]:
    """Does it take null, and what it takes else; a reference is followed."""
    if "$ref" in schema:
        return False, definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        others = [each for each in schema["anyOf"] if each != {"type": "null"}]
        nullable = len(others) < len(schema["anyOf"])
        if len(others) == 1:
            return nullable, _without_null(others[0], definitions)[1]
        return nullable, {**schema, "anyOf": others}
    kinds = schema.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        rest = [kind for kind in kinds if kind != "null"]
        return True, {**schema, "type": rest[0] if len(rest) == 1 else rest}
    return False, schema


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _moment_text(control: Control, text: str) -> str:
    """As `datetime-local` inputs want it: with no offset, so in UTC where one is meant."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if control.reading == "utc" and moment.tzinfo:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat()


def _moment(text: str, utc: bool) -> str:
    """Browsers leave the seconds out when they are zero; the zone is what the label says."""
    with_seconds = f"{text}:00" if text.count(":") == 1 and "T" in text else text
    zoned = with_seconds.endswith(("Z", "z")) or "+" in text or text.count("-") > 2
    return f"{with_seconds}Z" if utc and not zoned else with_seconds
