"""A job followed by server-sent events."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import Run, wiring
from app.config import Settings
from app.doors.http import Request
from app.doors.jobs import Jobs
from app.doors.rest.events import Events
from app.doors.streams import HEARTBEAT, LONGEST, SHORTEST, Streams
from app.ports import Delete
from app.room.access import Access
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.keyring import Keyring
from app.testing import OwnClock
from app.wsgi import create_app
from tests.doors import shown
from tests.doors.at_work import work, worker
from tests.doors.conftest import declared
from tests.doors.test_jobs import JOBS, made
from tests.doors.test_rest import problem


@dataclass
class Event:
    id: str
    name: str
    data: Any


def parsed(text: str) -> list[Event]:
    """As a browser reads it: fields of lines, events between empty lines, comments left out."""
    events = []
    for block in text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":"]
        given = dict(lines)
        if "data" in given:
            events.append(Event(given["id"], given["event"], json.loads(given["data"])))
    return events


@pytest.fixture
def room(settings: Settings) -> Room:
    registry = declared()

    @registry.operation("tell")
    def tell(run: Run, lines: int = 3) -> str:
        """Say what it does."""
        for n in run.each(range(lines), note="telling"):
            run.log(f"line\n{n + 1}")
        run.sleep(10)
        run.log("awake")
        return "told"

    return Room(registry, replace(wiring.make_ports(settings), clock=OwnClock()))


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback", max_body=1_000_000)).test_client()


def follow(client: FlaskClient, job: Any, last: str = "") -> list[Event]:
    headers = {"Last-Event-ID": last} if last else {}
    answer = client.get(job["links"]["events"], headers=headers)
    assert answer.status_code == 200
    assert answer.mimetype == "text/event-stream"
    return parsed(answer.text)


def test_a_job_is_followed_to_its_end(client: FlaskClient, room: Room) -> None:
    """Its status, its progress and its log as they change, then its end, the job whole."""
    job = made(client, operation="tell", params={})
    with worker(room):
        events = follow(client, job)
    told = [(each.name, each.data) for each in events if each.name != "log"]
    assert [data["status"] for name, data in told if name == "status"] == [
        "queued", "waiting", "succeeded",
    ]  # fmt: skip
    assert ("progress", {"done": 3, "total": 3, "note": "telling"}) in told
    lines = [each.data for each in events if each.name == "log"]
    assert [line["number"] for line in lines] == [1, 2, 3, 4]
    assert [line["text"] for line in lines] == ["line\n1", "line\n2", "line\n3", "awake"]
    assert lines[0].keys() == {"number", "time", "level", "text"}
    assert events[-1].name == "end"
    assert events[-1].data == client.get(job["links"]["self"]).json


def test_a_browser_takes_events(client: FlaskClient, room: Room) -> None:
    """By their own form alone, which nobody keeps or buffers; who takes only JSON is told so."""
    job = made(client)
    work(room)
    answer = client.get(job["links"]["events"], headers={"Accept": "text/event-stream"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Length" not in answer.headers
    assert answer.text.startswith("retry: ")
    head = client.head(job["links"]["events"])
    assert (head.status_code, head.data) == (200, b"")
    only = client.get(job["links"]["events"], headers={"Accept": "application/json"})
    assert problem(only) == "not_acceptable"
    assert problem(client.get(job["links"]["events"] + "?a=1")) == "invalid"


@pytest.mark.parametrize("lost", range(8))
def test_who_comes_back_misses_nothing(client: FlaskClient, room: Room, lost: int) -> None:
    """After any event: each line of the log once, the newest status, and the end."""
    job = made(client, operation="tell", params={})
    with worker(room):
        whole = follow(client, job)
    assert len(whole) == 9
    rest = follow(client, job, whole[lost].id)
    lines = [each.data["number"] for each in whole[: lost + 1] + rest if each.name == "log"]
    assert lines == [1, 2, 3, 4]
    assert rest[-1] == whole[-1]
    assert [e.data for e in (whole[: lost + 1] + rest) if e.name == "status"][-1] == {
        "status": "succeeded", "attempt": 1,
    }  # fmt: skip


def test_after_the_end_nobody_comes_back(client: FlaskClient, room: Room) -> None:
    """A browser stops at 204; an id that never was is none."""
    job = made(client)
    work(room)
    events = follow(client, job)
    last = {"Last-Event-ID": events[-1].id}
    answer = client.get(job["links"]["events"], headers=last)
    assert (answer.status_code, answer.data) == (204, b"")
    for id in ("x", "1", "-", "1-", "²-1", "9" * 30 + "-1", "-1-1"):
        assert follow(client, job, id) == events


def streamed(room: Room, id: str, streams: Streams | None = None, **headers: str) -> Any:
    request = Request({"REQUEST_METHOD": "GET", **headers}, 1000)
    return Events(streams or Streams()).answer(Jobs(room, LOCAL), request, id)


def pieces(room: Room, id: str) -> Iterator[bytes]:
    stream = streamed(room, id).stream
    assert stream
    return stream


def test_a_silent_job_is_heard(client: FlaskClient, room: Room) -> None:
    """A comment each fifteen seconds, so that nobody between takes the line for dead."""
    told = pieces(room, made(client)["id"])
    assert b"queued" in next(told) + next(told)
    for _ in range(3):
        before = room.ports.clock.now()
        assert next(told) == b":\n\n"
        assert HEARTBEAT <= room.ports.clock.now() - before < HEARTBEAT + 2 * LONGEST


def test_it_looks_less_often_while_nothing_changes(
    client: FlaskClient, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 20 ms to half a second, and soon again after a change; sleeping holds nothing."""
    pauses: list[float] = []
    clock: Any = room.ports.clock
    sleep = clock.sleep
    monkeypatch.setattr(clock, "sleep", lambda s: (pauses.append(s), sleep(s)))
    id = made(client)["id"]
    told = pieces(room, id)
    next(told), next(told), next(told)
    assert pauses[:6] == [
        SHORTEST,
        2 * SHORTEST,
        4 * SHORTEST,
        8 * SHORTEST,
        16 * SHORTEST,
        LONGEST,
    ]
    pauses.clear()
    room.engine.cancel(id, LOCAL)
    assert b"cancelled" in next(told)
    assert list(told) == []


def test_streams_have_a_bound(client: FlaskClient, room: Room) -> None:
    """Each holds a thread; one that is closed, even unread, makes room for the next."""
    id = made(client)["id"]
    streams = Streams(2)
    first, _ = streamed(room, id, streams), streamed(room, id, streams)
    with pytest.raises(Exception, match="Too many") as told:
        streamed(room, id, streams)
    assert (told.value.kind, told.value.retry) == ("busy", True)
    first.stream.close()
    first.stream.close()
    streamed(room, id, streams)
    with pytest.raises(Exception, match="Too many"):
        streamed(room, id, streams)


def test_a_store_that_fails_ends_the_stream(client: FlaskClient, room: Room) -> None:
    """Without a word: who comes back is told by a problem."""
    id = made(client)["id"]
    told = pieces(room, id)
    next(told), next(told)
    room.ports.records.commit(Delete("jobs", id))
    assert list(told) == []
    assert problem(client.get(f"{JOBS}/{id}/events")) == "unknown"


def test_a_running_job_is_told_live(client: FlaskClient, room: Room) -> None:
    """What a run saves is told while it runs."""
    id = made(client, operation="tell", params={"lines": 0})["id"]
    told = pieces(room, id)
    next(told), next(told)
    (claimed,) = room.engine.claim()
    assert b'"running"' in next(told)
    room.engine.settle([(claimed, room.engine.execute(claimed, Control()))])
    assert b'"waiting"' in next(told)


def test_a_stream_ends_with_its_key(client: FlaskClient, room: Room) -> None:
    """A key that is revoked, in whichever process, hears nothing more within a minute."""
    job = made(client, operation="tell", params={}, delay=3600)
    key = shown.made(room, "read")
    asker = create_app(room, Settings()).test_client()
    answer = asker.get(job["links"]["events"], headers=shown.bearer(key), buffered=False)
    assert answer.status_code == 200
    told = iter(answer.response)
    next(told)
    Keyring(room.ports, Access(room.ports), LOCAL).revoke(key.split("_")[1])
    revoked = room.ports.clock.now()
    for _ in told:
        assert room.ports.clock.now() - revoked < 60
