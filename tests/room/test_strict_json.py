"""The one reader takes what every parser reads the same, and refuses the rest with a sentence."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.room.errors import Malformed
from app.room.schema.plain import plain
from app.room.strict_json import MAX_KEYS, read_json, read_object, write_json

BODY = 5 * 1024 * 1024  # the largest that a door lets in


def lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def alternating(depth: int) -> bytes:
    """Objects and arrays in turn, `depth` of them inside each other."""
    opened = (b'{"a":[' * (depth // 2 + 1))[: depth // 2 * 6 + depth % 2 * 5]
    inner = b"1" if depth % 2 else b""
    return opened + inner + (b"}" if depth % 2 else b"") + b"]}" * (depth // 2)


def keys(count: int) -> bytes:
    return json.dumps({f"k{number}": number for number in range(count)}).encode()


REFUSED = {
    "empty": b"",
    "whitespace": b" \t\r\n",
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16 with a mark": "{}".encode("utf-16"),
    "UTF-16 without": "{}".encode("utf-16-le"),
    "UTF-32": "{}".encode("utf-32"),
    "Latin-1": '"ü"'.encode("latin-1"),
    "cut off UTF-8": '"ü'.encode()[:-1],
    "overlong UTF-8": b'"\xc0\xaf"',
    "beyond Unicode": b'"\xf4\x90\x80\x80"',
    "raw surrogate": b'"\xed\xa0\x80"',
    "escaped high surrogate": rb'"\ud800"',
    "escaped low surrogate": rb'"\udc00"',
    "surrogates in the wrong order": rb'"\udc00\ud800"',
    "half a pair, then text": rb'"\ud83dx"',
    "surrogate in a key": rb'{"\ud800": 1}',
    "surrogate deep inside": rb'[{"a": [{"b": "\uDFFF"}]}]',
    "raw NUL": b'"\x00"',
    "escaped NUL": rb'"a\u0000b"',
    "escaped NUL in a key": rb'{"\u0000": 1}',
    "NUL between": b"[1,\x002]",
    "raw control character": b'"\n"',
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "-Infinity": b'{"a": -Infinity}',
    "1e400": b"1e400",
    "-1e400": b"[-1e400]",
    "a float of many digits": b"1" * 400 + b".0",
    "65 deep": lists(65),
    "65 deep, alternating": alternating(65),
    "100,000 deep": lists(100_000),
    "100,000 deep, alternating": alternating(100_000),
    "100,000 open": b"[" * 100_000,
    "65 deep after brackets in strings": b'["]]]]", ' + lists(65) + b"]",
    "duplicate": b'{"a": 1, "a": 1}',
    "duplicate by escape": rb'{"a": 1, "\u0061": 2}',
    "duplicate at depth": b'[{"x": {"a": {"b": 1, "b": 2}}}]',
    "10,001 keys": keys(10_001),
    "10,001 keys in many objects": b"[" + b",".join([b'{"a":1}'] * 10_001) + b"]",
    "100,000 keys": keys(100_000),
    "39 digits": b"1" * 39,
    "-39 digits": b"-" + b"9" * 39,
    "4,000 digits": b"[" + b"7" * 4_000 + b"]",
    "5,000 digits, beyond Python's own limit": b"-" + b"7" * 5_000,
    "trailing word": b"{} x",
    "two documents": b"{}{}",
    "trailing comma": b"[1,]",
    "comment": b"{} // no",
    "single quotes": b"{'a': 1}",
    "leading zero": b"01",
    "plus": b"+1",
    "hexadecimal": b"0x10",
    "bare point": b".5",
    "Arabic digits": "٣".encode(),
    "key that is no string": b"{1: 2}",
    "unknown escape": rb'"\x41"',
    "capital True": b"True",
    "unterminated": b'{"a": "b',
    "vertical tab between": b"[1,\x0b2]",
    "no-break space between": "[1,\u00a02]".encode(),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refuses(body):
    """What parsers read differently, or not at all, is `malformed`, and a sentence says why."""
    with pytest.raises(Malformed) as told:
        read_json(body)
    assert 10 < len(told.value.detail) < 150
    assert told.value.detail.endswith(".")


TAKEN = {
    "0": 0,
    " null\r\n": None,
    "true": True,
    '"text"': "text",
    "-0.0": -0.0,
    "1e308": 1e308,
    "1e-400": 0.0,
    "9" * 38: 10**38 - 1,
    "-" + "9" * 38: 1 - 10**38,
    '"ü😀\\ud83d\\ude00\\u0001\\/"': "ü😀😀\x01/",
    r'"\\u0000 \\ud800"': r"\u0000 \ud800",
    '"' + "[{" * 100 + '"': "[{" * 100,
    '["' + ":" * 20_000 + '"]': [":" * 20_000],
    '{"": {"a": 1}, "b": {"a": 2}}': {"": {"a": 1}, "b": {"a": 2}},
    '{"a\\"]": "\\\\"}': {'a"]': "\\"},
    '"\ufeff"': "\ufeff",
}


@pytest.mark.parametrize("body", TAKEN, ids=lambda body: body[:20])
def test_takes(body):
    """Every value that JSON can say within the caps is taken, scalars on top too."""
    value = read_json(body.encode())
    assert value == TAKEN[body]
    assert type(value) is type(TAKEN[body])


@pytest.mark.parametrize("body", [lists(64), alternating(64), alternating(63), keys(MAX_KEYS)])
def test_takes_up_to_the_cap(body):
    """The caps themselves are still within: 64 deep, 10,000 keys."""
    assert read_json(body) == json.loads(body)


HOSTILE = {
    "escapes": b'"' + rb"\"" * (BODY // 2),
    "escapes after a bracket": b'["' + b"\\" * BODY,
    "strings that begin": b'["a\\"' * (BODY // 5),
    "quotes": b'"' * BODY,
    "open brackets": b"[" * BODY,
    "brackets": lists(BODY // 2),
    "alternating": b'{"a":[' * (BODY // 6),
    "digits": b"1" * BODY,
    "exponent": b"1e" + b"9" * BODY,
    "colons": b":" * BODY,
    "keys": b"{" + b'"a":1,' * (BODY // 6) + b'"a":1}',
    "newlines": b"\n" * BODY,
    "minus": b"-" * BODY,
    "NUL": b"\0" * BODY,
    "escaped NUL": b'["' + rb"\u0000" * (BODY // 6) + b'"]',
    "empty arrays, one open": b"[" + b"[]," * (BODY // 3),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_refuses_5_mb_soon(body):
    """No body of 5 MB keeps the reader busy: the work grows with the length alone.

    A quadratic reader would take hours, so ten seconds tell, however slow the machine is.
    """
    began = time.process_time()
    with pytest.raises(Malformed):
        read_json(body)
    assert time.process_time() - began < 10


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"{}"'])
def test_an_object_is_an_object(body):
    """`read_object` refuses every other value."""
    with pytest.raises(Malformed, match="object is needed"):
        read_object(body)
    assert read_object(b'{"a": 1}') == {"a": 1}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(1 - 10**38, 10**38 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=30
)


@given(values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_reads_what_json_says(value, ascii_only, indent):
    """What any writer makes of a value within the caps reads back as that value."""
    said = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert same(read_json(said), value)


@given(st.binary() | st.text(' \t\n[]{}",:\\u0d8e+-.1aNItrf').map(str.encode))
def test_never_raises_anything_else(body):
    """Whatever the bytes: a value that the standard parser reads too, or `Malformed`."""
    try:
        value = read_json(body)
    except Malformed:
        return
    assert same(json.loads(body), value)


@given(values)
def test_what_is_written_reads_back(value):
    """The writer's bytes are the value again, to our reader and to the standard parser."""
    said = write_json(value)
    assert same(read_json(said), value)
    assert same(json.loads(said), value)
    assert b"\n" not in said


anything = st.recursive(
    scalars
    | st.floats()
    | st.text(st.characters())
    | st.integers()
    | st.integers(10**37, 10**40)
    | st.dates()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(0, 1), inner),
    max_leaves=20,
)


@given(anything)
@settings(max_examples=50)
def test_a_result_reads_back_or_is_refused(value):
    """What a function returns is refused before it is written, or our own reader takes it back."""
    try:
        ready = plain(value)
    except (TypeError, ValueError):
        return
    assert same(read_json(write_json(ready)), ready)


def same(one, other) -> bool:
    """Equal, and 1, 1.0, True and -0.0 are four things."""
    return repr(one) == repr(other)


cycle: list = []
cycle.append(cycle)


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("-inf"), {"a": [float("inf")]}, {float("nan"): 1}),
        *("\ud800", {"\udfff": 1}, object(), {1, 2}, b"bytes", {(1, 2): 3}, cycle, 10**5000),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "5,001 digits",
)
def test_the_writer_refuses_what_json_cannot_say(value):
    """NaN, half a character, an object of ours, a cycle: an error, never invalid JSON."""
    with pytest.raises((ValueError, TypeError)):
        write_json(value)
