"""A call that is followed: its progress as notifications, and its result as the last event."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from app.doors.http import Answer
from app.doors.mcp.visit import Visit
from app.doors.streams import Streams, followed
from app.ports import Record
from app.room.call import LONGEST_WAIT, Outcome
from app.room.errors import Problem
from app.room.job import TERMINAL
from app.room.job_view import progress_of
from app.room.strict_json import write_json

Finish = Callable[[Outcome], Mapping[str, Any]]
Say = Callable[[Mapping[str, Any]], bytes]


class Following:
    """Of one job. `token`: by which the client knows notifications, if it wants any; `finish`
    makes a result of the outcome."""

    def __init__(
        self, visit: Visit, record: Record, finish: Finish, token: str | int | None = None
    ) -> None:
        self._visit, self._record, self._finish, self._token = visit, record, finish, token
        self._said = -1.0  # of the progress, which only grows
        self._is_over = False

    def answer(self, streams: Streams, say: Say) -> Answer:
        return streams.answer(self._told(say), self._closed)

    def waited(self) -> Mapping[str, Any]:
        """The result without events, or the job as it is after a while: it has begun."""
        visit = self._visit
        record = visit.jobs.record(self._record.id, LONGEST_WAIT)
        return self._finish(visit.room.outcome(record, visit.base))

    def _told(self, say: Say) -> Iterator[bytes]:
        visit, record = self._visit, self._record

        def since(later: Record) -> bytes:
            nonlocal record
            record = later
            return b"" if record.label in TERMINAL else self._progress(record)

        yield from followed(visit.jobs, record, since, visit.request.check_still)
        self._is_over = True
        yield _event(say(self._finish(visit.room.outcome(record, visit.base))))

    def _progress(self, record: Record) -> bytes:
        """Nothing, where there is no more than there was: the first names the job."""
        if self._token is None:
            return b""
        known = progress_of(record.body.get("progress")) or {}
        done, first = float(known.get("done") or 0), self._said < 0
        if done <= self._said:
            return b""
        self._said = done
        note = known.get("note") or (f"It is the job {record.id}." if first else None)
        about = {"total": known.get("total"), "message": note}
        params = {"progressToken": self._token, "progress": known.get("done") or 0}
        params |= {name: value for name, value in about.items() if value is not None}
        return _event(
            write_json({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        )

    def _closed(self) -> None:
        """In the newest revision, who hangs up cancels, unless they kept a key to come back with;
        before it, nobody is to be taken so."""
        visit = self._visit
        may_return = not visit.revision.modern or visit.wishes.key is not None
        if self._is_over or may_return or visit.room.closing.is_set():
            return
        with suppress(Problem):  # it has ended
            visit.room.engine.cancel(self._record.id, visit.caller)


def _event(message: bytes) -> bytes:
    return b"event: message\ndata: " + message + b"\n\n"
