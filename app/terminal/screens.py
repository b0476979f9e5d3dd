"""Where a followed job shows itself: a live bar, plain lines, JSON, or nowhere."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from select import POLLERR, poll
from typing import Any, Protocol, TextIO

from app.client import Event, Job, Service
from app.logs import escaped
from app.room.errors import ManydoorsError
from app.room.job import TERMINAL
from app.terminal.bar import Look, Pace, bar, progressed
from app.terminal.page import ended, log_line
from app.terminal.text import Paint, as_json, unpainted

CLEAR = "\r\x1b[K"
EACH = 1.0  # seconds between two plain lines of progress


class WaitedTooLong(ManydoorsError):
    """The job goes on; whoever waited for it does not."""


class Screen(Protocol):
    def show(self, event: Event, now: float) -> None:
        """Something happened."""

    def pass_time(self, now: float) -> None:
        """Nothing happened."""

    def close(self) -> None:
        """Leaves the terminal as it is to be."""


def follow(service: Service, id: str, screen: Screen, timeout: float | None = None) -> Job:
    """The job at its end; `WaitedTooLong` when that does not come in so many seconds."""
    clock = service.clock
    until = None if timeout is None else clock.monotonic() + timeout
    events = service.events(id)
    try:
        for event in events:
            now = clock.monotonic()
            if event is None:
                screen.pass_time(now)
            else:
                screen.show(event, now)
                if event.name == "end":
                    return dict(event.data)
            if until is not None and now >= until:
                raise WaitedTooLong(f"{id} goes on; {timeout:g} s were not enough to see its end.")
    finally:
        screen.close()
    return service.get(id)


class Silent:
    """For programs that only want the end."""

    def show(self, event: Event, now: float) -> None:
        """Not here."""

    def pass_time(self, now: float) -> None:
        """Nor that."""

    def close(self) -> None:
        """There is nothing to leave."""


class Written(Silent):
    """For programs that read lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def pass_time(self, now: float) -> None:
        """Raises BrokenPipeError once nobody reads: a quiet job would not find out for long."""
        with suppress(ValueError):  # a stream that is no file
            watched = poll()
            watched.register(self._stream.fileno(), 0)
            if any(event & POLLERR for _, event in watched.poll(0)):
                raise BrokenPipeError

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class JsonLines(Written):
    """One JSON object an event."""

    def show(self, event: Event, now: float) -> None:
        self._write(as_json({"event": event.name, "data": event.data}))


class Lines(Written):
    """Plain lines, for files and pipes."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._progressed = -EACH
        self._held = ""

    def show(self, event: Event, now: float) -> None:
        data = event.data
        match event.name:
            case "status" if data["status"] not in TERMINAL:
                self._write(_stands(data))
            case "log":
                self._write(log_line(data))
            case "progress":
                self._held = f"{progressed(data)}  {data.get('note') or ''}".strip()
            case "end":
                self._let_go()
                self._write(ended(dict(data)))
        if now - self._progressed >= EACH:
            self._let_go()
            self._progressed = now

    def _let_go(self) -> None:
        if self._held:
            self._write(escaped(self._held))
        self._held = ""


class Live:
    """A bar that stays at the bottom, log lines scrolling above it."""

    def __init__(self, stream: TextIO, *, closing: bool = True, paint: Paint = unpainted) -> None:
        """`closing`: the end is told, too."""
        self._stream, self._closing, self._paint = stream, closing, paint
        self._plain = "utf" not in (stream.encoding or "").lower()
        self._look, self._pace = Look("…"), Pace()
        self._began: float | None = None

    def show(self, event: Event, now: float) -> None:
        data, above = event.data, ""
        match event.name:
            case "status":
                self._look = replace(self._look, status=data["status"], attempt=data["attempt"])
            case "progress":
                self._pace = self._pace.after(now, data["done"])
                self._look = replace(
                    self._look,
                    done=data["done"],
                    total=data["total"],
                    note=data.get("note") or "",
                    rate=self._pace.rate(),
                )
            case "log":
                above = log_line(data) + "\n"
            case "end":
                last = self._paint(data["status"], ended(dict(data)))
                self._put(CLEAR + (f"{last}\n" if self._closing else ""))
                return
        self._draw(now, above)

    def pass_time(self, now: float) -> None:
        self._draw(now)

    def close(self) -> None:
        self._put(CLEAR)

    def _draw(self, now: float, above: str = "") -> None:
        began = self._began = now if self._began is None else self._began
        look = replace(self._look, elapsed=now - began)
        self._put(f"{CLEAR}{above}{bar(look, columns_of(self._stream), plain=self._plain)}")

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def columns_of(stream: TextIO) -> int:
    """That a line on this terminal may have."""
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns = 80
    return max(20, columns or 80) - 1  # the last column would begin a new line


def _stands(data: Mapping[str, Any]) -> str:
    again = f" (attempt {data['attempt']})" if data["attempt"] > 1 else ""
    return escaped(f"{data['status']}{again}")
