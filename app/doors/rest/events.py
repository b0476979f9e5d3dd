"""A job followed as server-sent events: its status, progress and log, until it has ended."""

from collections.abc import Callable, Iterator
from itertools import count
from threading import RLock
from typing import Any

from app.doors.http import EVENTS, Answer, Request
from app.doors.jobs import Jobs
from app.ports import Record
from app.room.errors import Busy, Problem
from app.room.job import TERMINAL, attempt
from app.room.job_view import progress_of
from app.room.moment import moment
from app.room.strict_json import write_json

MOST_STREAMS = 100  # of a process: each holds a thread
HEARTBEAT = 15.0  # seconds of silence, at most; a client that has gone is noticed by then
SHORTEST, LONGEST = 0.02, 0.5  # seconds between two looks, doubled while nothing changes
RETRY = b"retry: 1000\n\n"  # milliseconds until a client comes back

Event = tuple[str, Any]
View = Callable[[Record], Any]
Check = Callable[[], None]


class Streams:
    """Those that are open in this process."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most, self._open = most, 0
        self._lock = RLock()  # a stream may be collected while it is held

    def answer(self, jobs: Jobs, request: Request, id: str) -> Answer:
        """The events since `Last-Event-ID`; 204 when that was the last, for a browser would come
        back for ever."""
        record = jobs.record(id)
        seen = _Seen.read(request.headers.get("HTTP_LAST_EVENT_ID", ""))
        if record.label in TERMINAL and seen.version == record.version:
            return Answer(204)
        headers = [("Content-Type", EVENTS), ("Cache-Control", "no-store")]
        headers.append(("X-Accel-Buffering", "no"))  # nginx would keep them back
        if request.method == "HEAD":
            return Answer(200, b"", headers)
        with self._lock:
            if self._open >= self._most:
                raise Busy("Too many streams are open.", after=10)
            self._open += 1
        told = _told(jobs, record, seen, request.check_still)
        return Answer(200, b"", headers, _Stream(told, self._closed))

    def _closed(self) -> None:
        with self._lock:
            self._open -= 1


class _Stream:
    """Says once that it is over, also when nobody has ever asked it for anything."""

    def __init__(self, made: Iterator[bytes], over: Callable[[], None]) -> None:
        self._made, self._over, self._left = made, over, count()

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        return next(self._made)

    def close(self) -> None:
        if next(self._left) == 0:
            self._over()


class _Seen:
    """What a client knows: a version of the record, and lines of its log."""

    def __init__(self, version: int = 0, lines: int = 0) -> None:
        self.version, self.lines = version, lines
        self.status: Any = None
        self.progress: Any = None

    @classmethod
    def read(cls, id: str) -> "_Seen":
        """From an event's id; of anything else, nothing was seen."""
        version, _, lines = id.partition("-")
        if not (_is_number(version) and _is_number(lines)):
            return cls()
        return cls(int(version), int(lines))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _told(jobs: Jobs, record: Record, seen: _Seen, check: Check) -> Iterator[bytes]:
    clock = jobs.room.ports.clock
    yield RETRY
    if seen.version == record.version:  # nothing has happened while it was away
        seen.status, seen.progress = _status(record), _progress(record)
    spoken, pause = clock.monotonic(), SHORTEST
    while True:
        if said := _since(seen, record, jobs.view):
            spoken, pause = clock.monotonic(), SHORTEST
            yield said
        if record.label in TERMINAL or jobs.room.closing.is_set():
            return  # who is not at the end comes back, to whoever serves then
        if clock.monotonic() - spoken >= HEARTBEAT:
            spoken = clock.monotonic()
            yield b":\n\n"
        if (later := _later(jobs, record, pause, check)) is None:
            return
        record, pause = later, min(LONGEST, 2 * pause)


def _later(jobs: Jobs, record: Record, pause: float, check: Check) -> Record | None:
    """None when it cannot be told any more, as to one whose key was revoked meanwhile; who comes
    back is told why."""
    jobs.room.ports.clock.sleep(pause)
    try:
        check()
        return jobs.record(record.id)
    except Problem:
        return None


def _since(seen: _Seen, record: Record, view: View) -> bytes:
    """The events that tell what is new, in one piece; from then on it has been seen."""
    said, before = b"", seen.version
    events = list(_new(seen, record, view))
    seen.version = record.version
    for place, (name, data, lines) in enumerate(events, 1):
        # Only with the last of them all of this version is known.
        version = record.version if place == len(events) else before
        said += b"id: %d-%d\nevent: %s\n" % (version, lines, name.encode())
        said += b"data: " + write_json(data) + b"\n\n"
    return said


def _new(seen: _Seen, record: Record, view: View) -> Iterator[tuple[str, Any, int]]:
    log = record.body.get("log", {"count": 0, "lines": []})
    first = log["count"] - len(log["lines"]) + 1
    for number, (time, level, text) in enumerate(log["lines"], first):
        if number > seen.lines:
            seen.lines = number
            line = {"number": number, "time": moment(time), "level": level, "text": text}
            yield "log", line, number
    if (progress := _progress(record)) not in (None, seen.progress):
        seen.progress = progress
        yield "progress", progress, seen.lines
    if (status := _status(record)) != seen.status:
        seen.status = status
        yield "status", status, seen.lines
    if record.label in TERMINAL:
        yield "end", view(record), seen.lines


def _status(record: Record) -> Any:
    return {"status": record.label, "attempt": attempt(record)}


def _progress(record: Record) -> Any:
    return progress_of(record.body.get("progress"))
