"""Answers that last: a job followed until its end, by as many at once as there are places."""

from collections.abc import Callable, Iterator
from itertools import count
from threading import RLock

from app.doors.http import EVENTS, Answer
from app.doors.jobs import Jobs
from app.ports import Record
from app.room.errors import Busy, Problem
from app.room.job import TERMINAL

MOST_STREAMS = 100  # of a process: each holds a thread
HEARTBEAT = 15.0  # seconds of silence, at most; a client that has gone is noticed by then
SHORTEST, LONGEST = 0.02, 0.5  # seconds between two looks, doubled while nothing changes

HEADERS = (
    ("Content-Type", EVENTS),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),  # nginx would keep them back
)

Check = Callable[[], None]
Say = Callable[[Record], bytes]


class Streams:
    """Those that are open in this process."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most, self._open = most, 0
        self._lock = RLock()  # a stream may be collected while it is held

    def answer(self, told: Iterator[bytes], over: Callable[[], None] | None = None) -> Answer:
        """`over` is called once, when it has ended or its client has gone."""
        with self._lock:
            if self._open >= self._most:
                raise Busy("Too many streams are open.", after=10)
            self._open += 1

        def closed() -> None:
            with self._lock:
                self._open -= 1
            if over:
                over()

        return Answer(200, b"", list(HEADERS), _Stream(told, closed))


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


def followed(jobs: Jobs, record: Record, say: Say, check: Check) -> Iterator[bytes]:
    """What is to be said of a job as it is and of each change, until it has ended, or this process
    is to end, or its client may not see it any more; and signs of life."""
    clock = jobs.room.ports.clock
    spoken, pause = clock.monotonic(), SHORTEST
    while True:
        if said := say(record):
            spoken, pause = clock.monotonic(), SHORTEST
            yield said
        if record.label in TERMINAL or jobs.room.closing.is_set():
            return
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
