"""Hostile texts wherever a request or an event has room for one: in headers, queries, paths, names,
cursors, signed URLs, keys of objects. One table says what may come of it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tests.handlers.home import event
from tests.hostile.corpus import TEXTS, lists
from tests.hostile.events import by_form, through_json
from tests.hostile.fuzzer import listening
from tests.hostile.json_doors import fresh, judged
from tests.hostile.place import Asked, Place, brief, post

Make = Callable[[Place, str], Asked]

CALL = post("/v1/operations/echo.text", b'{"text": "a"}')
LIST = Asked("GET", b"/v1/jobs")
PLAN = b'{"operation": "later", "params": {"text": "a"}, "every": "1h"}'
READ = {"", "invalid", "malformed"}
"""Taken, or not: by the schema, or by the reader where it is no text."""
NAMED = {"", "unknown", "malformed"}
"""There, or not, or no name."""


def header(name: str, asked: Asked) -> Make:
    def make(place: Place, text: str) -> Asked:
        kept = tuple(each for each in asked.headers if each[0] != name)
        return replace(asked, headers=(*kept, (name, text)))

    return make


def target(template: str, method: str = "GET", body: bytes = b"") -> Make:
    """`{text}` in a path or a query, encoded as clients do."""

    def make(place: Place, text: str) -> Asked:
        said = quote(text.encode(errors="surrogatepass"), safe="")
        names = {"job": place.names.jobs[1], "file": place.names.file}
        asked = Asked(method, template.format(text=said, **names).encode())
        return replace(asked, headers=CALL.headers, body=body) if body else asked

    return make


def bytes_of(name: str) -> Make:
    def make(place: Place, text: str) -> Asked:
        record = place.room.ports.records.get("files", place.names.file)
        assert record
        path, _, query = place.room.shelf.link(record).partition("?")
        pairs = dict(pair.split("=") for pair in query.split("&"))
        pairs[name] = quote(text.encode(errors="surrogatepass"), safe="")
        return Asked("GET", f"{path}?{'&'.join('='.join(each) for each in pairs.items())}".encode())

    return make


POSITIONS: dict[str, tuple[Make, set[str]]] = {
    "Idempotency-Key": (header("Idempotency-Key", CALL), {"", "invalid"}),
    "Prefer": (header("Prefer", CALL), {""}),
    "Accept": (header("Accept", CALL), {"", "not_acceptable"}),
    "Content-Type": (header("Content-Type", CALL), {"", "unsupported"}),
    "Host": (header("Host", CALL), {"", "forbidden", "malformed"}),
    "Host of a page": (
        header("Host", Asked("GET", b"/none", (("Accept", "text/html"),))),
        {"", "forbidden", "malformed"},
    ),
    "If-Match of an asset": (
        header("If-Match", Asked("GET", b"/static/frame.css")), {"", "precondition"}),
    "If-Match of a page": (
        header("If-Match", Asked("GET", b"/docs")), {"", "precondition"}),
    "Origin": (header("Origin", CALL), {"forbidden"}),
    "Cookie": (header("Cookie", LIST), {""}),
    "X-Request-Id": (header("X-Request-Id", LIST), {""}),
    "If-None-Match": (header("If-None-Match", LIST), {""}),
    "If-Match": (
        header("If-Match", post("/v1/schedules/each-hour", PLAN, method="PUT")),
        {"", "precondition"},
    ),
    "a cursor of jobs": (target("/v1/jobs?cursor={text}"), READ),
    "a cursor of files": (target("/v1/files?cursor={text}"), READ),
    "a cursor of schedules": (target("/v1/schedules?cursor={text}"), READ),
    "a cursor of operations": (target("/v1/operations?cursor={text}"), READ),
    "a limit": (target("/v1/jobs?limit={text}"), READ),
    "a wait": (target("/v1/jobs/{job}?wait={text}"), READ),
    "a status": (target("/v1/jobs?status={text}"), READ),
    "a parent": (target("/v1/jobs?parent={text}"), {*READ, "unknown"}),
    "an operation of jobs": (target("/v1/jobs?operation={text}"), READ),
    "a name in a query": (target("/v1/jobs?{text}=a"), READ),
    "a name in a query of an own path": (target("/echo/a?{text}=a"), READ),
    "a whole number of an own path": (target("/days/2026-01-31?whole={text}", "DELETE"), READ),
    "a date of an own path": (target("/days/{text}", "DELETE"), {*READ, "unknown"}),
    "a text of an own path": (target("/echo/{text}"), {*READ, "unknown"}),
    "a path of an own path": (target("/deep/{text}"), {*READ, "unknown"}),
    "a name of an operation": (target("/v1/operations/{text}"), NAMED),
    "an operation that is called": (target("/v1/operations/{text}", "POST", b"{}"), NAMED),
    "an id of a job": (target("/v1/jobs/{text}"), NAMED),
    "an id of a result": (target("/v1/jobs/{text}/result"), NAMED),
    "an id of a file": (target("/v1/files/{text}"), NAMED),
    "an id of a file's bytes": (target("/v1/files/{text}/bytes"), {*NAMED, "forbidden"}),
    "a name of a signal": (
        target("/v1/jobs/{job}/signals/{text}", "POST", b"1"), {*NAMED, "invalid"}),
    "a name of a schedule": (target("/v1/schedules/{text}"), {*NAMED, "invalid"}),
    "a new schedule": (
        target("/v1/schedules/{text}", "PUT", PLAN), {*NAMED, "invalid", "not_allowed"}),
    "a name of a topic": (target("/v1/topics/{text}", "POST", b"{}"), NAMED),
    "a name of an asset": (target("/static/{text}"), NAMED),
    "a kind of problem": (target("/problems/{text}"), NAMED),
    "a page of a job": (target("/jobs/{text}"), NAMED),
    "a page of jobs": (target("/jobs?status={text}&cursor={text}&operation={text}"), READ),
    "a next page of signing in": (target("/console/sign-in?next={text}"), READ),
    "a signature": (bytes_of("signature"), {"forbidden", "malformed"}),
    "an end of a signed URL": (bytes_of("expires"), {"forbidden", "malformed"}),
    "a size of a signed URL": (bytes_of("size"), {"", "forbidden", "malformed"}),
    "a range": (header("Range", LIST), {""}),
}  # fmt: skip


OWN = ("Host", "Host of a page", "Origin", "Cookie", "Accept")
"""Headers that say something about the sender's own way here."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with brief() as made:
        yield made


@pytest.fixture(scope="module")
def keyed() -> Iterator[Place]:
    with brief(keyed=True) as made:
        yield made


@pytest.mark.parametrize("position", POSITIONS)
def test_a_text_is_taken_or_refused(place: Place, position: str) -> None:
    """By the kinds of the table alone, and nothing is logged as an error of ours."""
    make, allowed = POSITIONS[position]
    said = {}
    with listening() as errors:
        for name, text in TEXTS.items():
            kind = judged(place, make(place, text))
            if kind not in allowed:
                said[name] = kind
    assert said == {}
    assert errors.lines == []


@pytest.mark.parametrize("position", [n for n in POSITIONS if n not in OWN])
def test_a_gateway_says_the_same(keyed: Place, position: str) -> None:
    """To one who shows a key; but for what is in a header that no gateway hands on."""
    make, _ = POSITIONS[position]
    shown = ("Authorization", f"Bearer {keyed.names.shown['admin']}")
    for name, text in TEXTS.items():
        asked = make(keyed, text)
        asked = replace(asked, headers=(*asked.headers, shown))
        there = by_form(keyed, "function_url", True, asked)
        here = keyed.ask(asked)
        assert (name, there.status) == (name, 201 if there.status == 201 else here.status)


def test_a_scheme_that_is_none_is_in_no_url(keyed: Place) -> None:
    """Whatever a balancer says that the client spoke."""
    path = f"/v1/files/{keyed.names.file}/content".encode()
    for text in TEXTS.values():
        asked = Asked("GET", path, (("X-Forwarded-Proto", text),))
        got = by_form(keyed, "balancer_many", True, asked)
        assert got.header("Location").startswith("http://doors.example.com/v1/files/")


@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_a_key_that_is_none_is_told_so(keyed: Place, text: str) -> None:
    """401, whatever it is."""
    said = TEXTS[text]
    good = keyed.names.shown["read"]
    for shown in (said, f"Bearer {said}", f"Bearer {good}{said or 'a'}", f"Bearer md_{said}_a"):
        got = keyed.ask(replace(LIST, headers=(("Authorization", shown),)))
        assert got.status == 401 or shown.strip() == f"Bearer {good}"


EVENTS: dict[str, Callable[[str], Any]] = {
    "the key of an object": lambda text: _with(event("upload"), "key", f"pics/{text}"),
    "a version": lambda text: _with(event("upload"), "versionId", text),
    "a body": lambda text: _with(event("queue"), "body", text),
    "the group of a FIFO": lambda text: _with(event("queue_fifo"), "MessageGroupId", text),
    "a message": lambda text: _with(event("topic"), "Message", text),
    "a number of a row": lambda text: _with(event("stream_table"), "N", text),
    "the name of an event": lambda text: _with(event("stream_table"), "eventName", text),
    "the type of an event": lambda text: _with(event("schedule_custom"), "detail-type", text),
    "a detail": lambda text: _with(event("schedule_custom"), "detail", {text: text}),
}


@pytest.mark.parametrize("position", EVENTS)
def test_an_event_is_done_with(place: Place, position: str) -> None:
    """A job, or a trace of why there is none: never brought again for ever."""
    with listening() as errors:
        for name, text in TEXTS.items():
            came = place.bring(fresh(through_json(EVENTS[position](text))))
            assert not came or came["batchItemFailures"] == [], name
    assert errors.lines == []


def test_an_event_as_deep_as_it_can_come_is_done_with(place: Place) -> None:
    """Deeper than any function may call itself in Python."""
    for depth in range(900, 1000, 7):
        try:
            deep = through_json(through_json(lists(depth).decode()) and _nested(depth))
            row = through_json(_row(depth // 2))
        except RecursionError:
            break
        given = event("schedule_custom") | {"detail": deep, "id": f"deep{depth}"}
        assert place.bring(given) is None
        table = _with(event("stream_table"), "NewImage", {"a": row})
        assert place.bring(table) == {"batchItemFailures": []}


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _row(depth: int) -> Any:
    value: Any = {"S": "a"}
    for _ in range(depth):
        value = {"L": [value]}
    return value


def _with(value: Any, name: str, new: Any) -> Any:
    if isinstance(value, dict):
        return {n: new if n == name else _with(each, name, new) for n, each in value.items()}
    return [_with(each, name, new) for each in value] if isinstance(value, list) else value
