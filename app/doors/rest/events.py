"""A job followed as server-sent events: its status, progress and log, until it has ended."""

from collections.abc import Callable, Iterator
from typing import Any

from app.doors.http import Answer, Request
from app.doors.jobs import Jobs
from app.doors.streams import HEADERS, Check, Streams, followed
from app.ports import Record
from app.room.job import TERMINAL, attempt
from app.room.job_view import progress_of
from app.room.moment import moment
from app.room.strict_json import write_json

RETRY = b"retry: 1000\n\n"  # milliseconds until a client comes back

Event = tuple[str, Any]
View = Callable[[Record], Any]


class Events:
    """Of one service."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def answer(self, jobs: Jobs, request: Request, id: str) -> Answer:
        """The events since `Last-Event-ID`; 204 when that was the last, for a browser would come
        back for ever."""
        record = jobs.record(id)
        seen = _Seen.read(request.headers.get("HTTP_LAST_EVENT_ID", ""))
        if record.label in TERMINAL and seen.version == record.version:
            return Answer(204)
        if request.method == "HEAD":
            return Answer(200, b"", list(HEADERS))
        return self._streams.answer(_told(jobs, record, seen, request.check_still))


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
    """Who is not at the end comes back, to whoever serves then."""
    yield RETRY
    if seen.version == record.version:  # nothing has happened while it was away
        seen.status, seen.progress = _status(record), _progress(record)
    yield from followed(jobs, record, lambda later: _since(seen, later, jobs.view), check)


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
