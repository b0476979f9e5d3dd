"""A job of a service elsewhere, followed to its end: by its stream, or by asking anew."""

from collections.abc import Iterator

from app.client import Event, Unreachable
from app.client.changes import Changes
from app.client.sse import messages
from app.client.wire import Stream, Wire
from app.ports import Clock
from app.room.errors import Problem
from app.room.job import TERMINAL

QUIET = 0.5  # seconds without a line, after which whoever waits may look up
SILENCE = 60.0  # seconds without even a comment, after which a stream counts as broken
LEAST = 0.2  # seconds between two questions, should the service not wait with its answer
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)  # before each new try, should one fail


class Following:
    """One job's events. Once it was seen, it is not given up for a service that restarts."""

    def __init__(self, wire: Wire, path: str, clock: Clock) -> None:
        self._wire, self._path, self._clock = wire, path, clock
        self._last = ""  # the id of the last event
        self._failures = 0  # in a row
        self._seen = False

    def events(self) -> Iterator[Event | None]:
        """To the job's end."""
        while self._failures < len(PAUSES):
            try:
                stream = self._open()
                if stream is None:
                    break
                for event in self._heard(stream):
                    yield event
                    if event is not None and event.name == "end":
                        return
            except Unreachable:
                if not self._seen:
                    raise
            yield from self._pause()
        yield from self._polled()

    def streamed(self) -> Iterator[Event | None]:
        """What one connection brings; nothing, where there are no streams."""
        stream = self._open()
        if stream is not None:
            yield from self._heard(stream)

    def _open(self) -> Stream | None:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        return self._wire.stream(f"{self._path}/events", headers)

    def _heard(self, stream: Stream) -> Iterator[Event | None]:
        silent = self._clock.monotonic()
        try:
            for message in messages(stream.lines(QUIET)):
                if message is None:
                    yield None
                    if self._clock.monotonic() - silent > SILENCE:
                        return
                    continue
                silent = self._clock.monotonic()
                self._failures, self._seen = 0, True
                self._last = message.id or self._last
                if isinstance(message.data, dict):
                    yield self._whole(Event(message.name, message.data))
        finally:
            stream.close()

    def _whole(self, event: Event) -> Event:
        """An end tells the whole job, even if the stream told less."""
        if event.name != "end" or "id" in event.data:
            return event
        return Event("end", self._wire.ask("GET", self._path).value)

    def _polled(self) -> Iterator[Event | None]:
        changes = Changes()
        while True:
            try:
                job = self._wire.ask("GET", f"{self._path}?wait=1").value
            except (Unreachable, Problem) as error:
                lasting = isinstance(error, Problem) and not error.retry
                if lasting or not self._seen or self._failures >= len(PAUSES):
                    raise
                yield from self._pause()
                continue
            self._failures, self._seen = 0, True
            yield from changes.of(job)
            if job["status"] in TERMINAL:
                return
            yield None
            self._clock.sleep(LEAST)

    def _pause(self) -> Iterator[None]:
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        until = self._clock.monotonic() + pause
        while (left := until - self._clock.monotonic()) > 0:
            yield None
            self._clock.sleep(min(QUIET, left))
