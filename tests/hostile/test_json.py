"""Hostile documents at every door: one kind of problem by one table, never a 5xx, and the answer is
always strict JSON."""

from collections.abc import Iterator

import pytest

from app.room.errors import kinds
from app.room.strict_json import read_json
from tests.hostile.corpus import MALFORMED, OF_THE_PARSER, WELL_FORMED, lists
from tests.hostile.fuzzer import listening
from tests.hostile.json_doors import (
    GATEWAYS,
    HTTP,
    INSIDE,
    MAY_BE_EMPTY,
    MESSAGES,
    READ_ALREADY,
    Door,
    NoSuchForm,
)
from tests.hostile.place import Place, brief, post

DOORS = {**HTTP, **INSIDE, **GATEWAYS, **MESSAGES, **READ_ALREADY}
SHAPED = {"RPC", "MCP", "a topic", "a topic that is taken", "a queue", "a queue that is taken"}
"""Here an object has a form to keep, and is malformed without it."""
SMALL = 20_000  # bytes; what is larger is read by the same reader, and sent to some doors only
OF_LARGE = {"a call", "a batch", "params of RPC", "SQS", "rest, base64, /v1/operations/echo.text"}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with brief() as made:
        yield made


@pytest.fixture(scope="module")
def gateway() -> Iterator[Place]:
    """Those are closed to who shows no key."""
    with brief(keyed=True) as made:
        yield made


def told(door: Door, place: Place, documents: dict[str, bytes]) -> dict[str, str]:
    """What the door says to each that it can bring."""
    said = {}
    for name, body in documents.items():
        if len(body) > SMALL and door not in map(DOORS.get, OF_LARGE):
            continue
        try:
            said[name] = door(place, body)
        except NoSuchForm:
            continue
    return said


@pytest.mark.parametrize("name", DOORS)
def test_what_is_no_document_of_ours_is_malformed(place: Place, gateway: Place, name: str) -> None:
    """The same at every door, and nothing is logged as an error of ours."""
    documents = dict(MALFORMED)
    if name in MAY_BE_EMPTY:
        del documents["empty"]
    if name in READ_ALREADY:
        documents = {n: body for n, body in documents.items() if n not in OF_THE_PARSER}
    with listening() as errors:
        said = told(DOORS[name], gateway if name in GATEWAYS else place, documents)
    assert {n: kind for n, kind in said.items() if kind != "malformed"} == {}
    assert len(said) >= (10 if name in READ_ALREADY else 60)
    assert errors.lines == []


@pytest.mark.parametrize("name", DOORS)
def test_what_is_a_document_is_read(place: Place, gateway: Place, name: str) -> None:
    """Whatever a door's schema says to it: a known kind, never that we are at fault."""
    with listening() as errors:
        said = told(DOORS[name], gateway if name in GATEWAYS else place, WELL_FORMED)
    assert set(said.values()) <= {"", *kinds()} - {"internal", "unavailable", "timeout"}
    if name in HTTP and name not in SHAPED:
        assert "malformed" not in {said[n] for n in said if WELL_FORMED[n].startswith(b"{")}
    assert errors.lines == []


@pytest.mark.parametrize("name", INSIDE)
def test_nesting_counts_from_the_outermost(place: Place, name: str) -> None:
    """64 deep is taken alone, and not inside of something."""
    assert INSIDE[name](place, lists(64)) == "malformed"


@pytest.mark.parametrize("name", [n for n in WELL_FORMED if len(WELL_FORMED[n]) < 1000])
def test_what_goes_in_comes_out(place: Place, name: str) -> None:
    """The same value, whatever it is."""
    body = WELL_FORMED[name]
    got = place.ask(post("/v1/operations/echo.anything", b'{"message": ' + body + b"}"))
    if name.startswith("64 deep"):
        assert got.status == 400
    else:
        assert repr(read_json(got.body)) == repr(read_json(body))
