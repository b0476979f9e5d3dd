"""The one reader takes what every parser reads the same, and refuses the rest with a sentence."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.room.errors import Malformed
from app.room.schema.plain import plain
from app.room.strict_json import MAX_KEYS, read_json, read_object, write_json
from tests.hostile.corpus import LARGE, MALFORMED, TAKEN, alternating, keys, lists


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_refuses(body):
    """What parsers read differently, or not at all, is `malformed`, and a sentence says why."""
    with pytest.raises(Malformed) as told:
        read_json(body)
    assert 10 < len(told.value.detail) < 150
    assert told.value.detail.endswith(".")


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


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
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
