"""Hostile JSON at every door: never a 5xx, never a hang, and the answer is always strict JSON."""

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.config import Settings
from app.room.enter import Room
from app.room.strict_json import read_json
from app.wsgi import create_app

DOORS = ("/v1/operations/echo.text", "/pairs/x", "/rpc")

MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "bad UTF-8": b'{"text": "\xff"}',
    "surrogate in UTF-8": b'{"text": "\xed\xa0\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"text": "a"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "UTF-32": '{"text": "a"}'.encode("utf-32"),
    "lone surrogate": b'{"text": "\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "NUL": b'{"text": "\\u0000"}',
    "raw NUL": b'{"text": "\x00"}',
    "NaN": b'{"text": NaN}',
    "Infinity": b'{"text": Infinity}',
    "-Infinity": b'{"text": -Infinity}',
    "1e400": b'{"text": 1e400}',
    "-1e400": b'{"text": [-1e400]}',
    "65 deep": b"[" * 65 + b"]" * 65,
    "65 deep, mixed": b'{"a":[' * 33 + b"]}" * 33,
    "100,000 deep": b"[" * 100_000,
    "100,000 deep and closed": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a key twice": b'{"text": "a", "text": "b"}',
    "a key twice, spelled twice": b'{"text": "a", "\\u0074ext": "b"}',
    "100,000 keys": b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
    "39 digits": b'{"text": ' + b"9" * 39 + b"}",
    "4,000 digits": b'{"text": ' + b"9" * 4000 + b"}",
    "5,000 digits": b'{"text": -' + b"9" * 5000 + b"}",
    "cut off": b'{"text": "a"',
    "more behind": b'{"text": "a"} {}',
    "single quotes": b"{'text': 'a'}",
    "comment": b'{"text": "a" /* why */}',
    "trailing comma": b'{"text": "a",}',
}
WELL_FORMED = {
    "a number": b"1",
    "a string": b'"text"',
    "null": b"null",
    "an array": b"[]",
    "38 digits": b'{"times": ' + b"9" * 38 + b"}",
    "a pair of surrogates": b'{"text": "\\ud83d\\ude00"}',
    "64 deep": b"[" * 64 + b"]" * 64,
    "an astral key": '{"😀": "\u202e"}'.encode(),
    "a proto": b'{"__proto__": {"text": "a"}}',
}


@pytest.fixture
def wide(room: Room) -> FlaskClient:
    """With the usual cap on bodies."""
    return create_app(room, Settings(open="loopback")).test_client()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_strict_json_is_malformed(wide: FlaskClient, door: str, name: str) -> None:
    """400 over HTTP, a parse error over JSON-RPC."""
    answer = wide.post(door, data=MALFORMED[name], content_type="application/json")
    told = read_json(answer.data)
    if door == "/rpc":
        assert (answer.status_code, told["error"]["code"], told["id"]) == (200, -32700, None)
    else:
        assert (answer.status_code, told["type"]) == (400, "/problems/malformed")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", WELL_FORMED)
def test_what_is_strict_json_is_read(wide: FlaskClient, door: str, name: str) -> None:
    """Whatever comes of it is the caller's fault at most."""
    answer = wide.post(door, data=WELL_FORMED[name], content_type="application/json")
    assert answer.status_code < 500
    if door == "/rpc":
        assert b"-32700" not in answer.data
        assert b"-32603" not in answer.data
    read_json(answer.data)


def test_what_goes_in_comes_out(wide: FlaskClient) -> None:
    """The same characters, whatever they are."""
    text = "ä 😀 \u202e \u2028 \x7f \\ \" ' </script>"
    sent = wide.post(DOORS[0], json={"text": text})
    assert read_json(sent.data) == text


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.one_of(st.binary(max_size=200), st.from_regex(rb'[\[\]{}",:\\u0-9eE.+-]{0,60}')))
def test_noise_is_never_our_fault(wide: FlaskClient, body: bytes) -> None:
    """Random bytes at each door: no 5xx, and an answer that is strict JSON."""
    for door in DOORS:
        answer = wide.post(door, data=body, content_type="application/json")
        assert answer.status_code < 500
        if answer.data:
            read_json(answer.data)
