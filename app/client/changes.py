"""What changed of a job between two looks at it, as events."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.client import Event, Job
from app.room.job import TERMINAL
from app.room.moment import moment

Line = Mapping[str, Any]


class Changes:
    """Remembers the last look."""

    def __init__(self) -> None:
        self._stood: tuple[Any, Any] | None = None
        self._progress: Any = None
        self._lines = 0

    def of(self, job: Job, log: Mapping[str, Any] | None = None) -> Iterator[Event]:
        """The events since the last look, in order; the last of all is the end.

        `log` is a record's: the newest lines, and how many there ever were.
        """
        stood = job["status"], job["attempt"]
        if stood != self._stood:
            self._stood = stood
            yield Event("status", {name: job[name] for name in ("status", "attempt", "due_at")})
        for line in self._fresh(log or {}):
            yield Event("log", line)
        if job["progress"] not in (None, self._progress):
            self._progress = job["progress"]
            yield Event("progress", self._progress)
        if job["status"] in TERMINAL:
            yield Event("end", job)

    def _fresh(self, log: Mapping[str, Any]) -> list[Line]:
        count = int(log.get("count", 0))
        fresh = max(0, count - self._lines)
        self._lines = count
        lines = lines_of(log)
        return lines[len(lines) - min(fresh, len(lines)) :]


def lines_of(log: Mapping[str, Any]) -> list[Line]:
    """A record's log as its readers see it."""
    lines: Sequence[tuple[float, str, str]] = log.get("lines", [])
    return [{"time": moment(at), "level": level, "text": text} for at, level, text in lines]
