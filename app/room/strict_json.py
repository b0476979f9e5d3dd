"""The one reader and the one writer of JSON: every body, message and record goes through here.

What the reader takes, any other parser and any store takes too, and reads the same: no NaN, no
1e400, no lone surrogate, no NUL, no second member of one name, nothing too deep or too wide.
"""

import json
import math
import re
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from app.room.errors import Malformed

MAX_NESTING = 64  # counting the outermost
MAX_KEYS = 10_000
MAX_DIGITS = 38  # what DynamoDB keeps of a number

# An unterminated string matches to the end, so that no input makes this quadratic.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_UNPRINTABLE = re.compile(r"[\x00\ud800-\udfff]")


def read_json(data: bytes) -> Any:
    """The value of a JSON document in UTF-8, or `Malformed` with a sentence that says where."""
    if not data:
        raise Malformed("The body is empty; send a JSON document, {} if there is nothing to say.")
    text = _decode(data)
    if data.count(b"{") + data.count(b"[") > MAX_NESTING:
        _check_nesting(data)
    if data.count(b":") > MAX_KEYS:
        _check_keys(data)
    try:
        value, end = _DECODER.raw_decode(text) if text[0] in "{[" else (None, 0)
        if end < len(text):  # space around it, or what should not be there
            value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Malformed(f"This is not JSON: {error.msg} ({where}).") from None
    if b"\\u" in data:
        _check_strings(value)
    return value


def read_object(data: bytes) -> dict[str, Any]:
    """The same for a document that must be an object."""
    value = read_json(data)
    if not isinstance(value, dict):
        raise Malformed("A JSON object is needed here: {…}.")
    return value


def write_json(value: Any) -> bytes:
    """Compact UTF-8, valid JSON.

    A value that no JSON can say (NaN, a lone surrogate, an object of ours, a cycle) raises
    ValueError or TypeError: whoever made the value has a bug, so it is not a `Problem`. What else
    the reader refuses (NUL, too many digits, too deep, keys that are no strings and may become
    equal) is not looked for again here: what functions give has been through `plain`.
    """
    try:
        return "".join(_encode(value, 0)).encode()
    except RecursionError:  # which looks for cycles
        return _ENCODER.encode(value).encode()


def check_text(*texts: str) -> None:
    """Holds text from elsewhere to the same: `Malformed` where JSON could not say it."""
    if any(_UNPRINTABLE.search(text) for text in texts):
        raise Malformed("A text holds a NUL or half of a surrogate pair.")


def _decode(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        raise Malformed("The body begins with a byte order mark; send plain UTF-8.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: bad byte at offset {error.start}.") from None


def _check_nesting(data: bytes) -> None:
    """Takes the innermost brackets away, a level a round; loops over bytes would take seconds."""
    brackets = _STRINGS.sub(b"", data).translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(MAX_NESTING):
        around, brackets = brackets, brackets.replace(b"[]", b"")
        if len(around) == len(brackets):
            break
    if brackets:
        raise Malformed(
            f"The body is nested over {MAX_NESTING} deep, or its brackets do not match."
        )


def _check_keys(data: bytes) -> None:
    if _STRINGS.sub(b"", data).count(b":") > MAX_KEYS:
        raise Malformed(f"The body has more than {MAX_KEYS:,} keys.")


def _check_strings(value: Any) -> None:
    """Escapes can spell what UTF-8 itself cannot; nesting is bounded by now."""
    if isinstance(value, str):
        if _UNPRINTABLE.search(value):
            raise Malformed("A string holds a NUL or half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Malformed("An object names one member twice.")
    return value


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS + digits.startswith("-"):
        raise Malformed(f"An integer has more than {MAX_DIGITS} digits.")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise Malformed("A number is too large for a 64-bit float.")
    return value


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# What it makes anew for each document, which takes longer than to write a small one.
_encode = c_make_encoder(
    None, _ENCODER.default, encode_basestring, _ENCODER.indent, _ENCODER.key_separator,
    _ENCODER.item_separator, _ENCODER.sort_keys, _ENCODER.skipkeys, _ENCODER.allow_nan,
)  # fmt: skip
