"""What a job logs and prints, on its way into the job's own log."""

import logging
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase, TextIOBase
from threading import Lock
from typing import Any

from app.room.notes import Log


@contextmanager
def captured(log: Log) -> Iterator[None]:
    """Inside, what any thread logs or prints is kept with the job, for jobs run one at a time."""
    outer, _capture.log = _capture.log, log
    installed = _capture.install()
    try:
        yield
    finally:
        for lines in _capture.lines:
            lines.end()
        _capture.log = outer
        if installed:
            _capture.remove()


def install() -> None:
    """For the rest of this process's life, which spares each job the installation."""
    _capture.install()


class _Capture:
    """One a process: its handler and its streams, and the log they write to now."""

    def __init__(self) -> None:
        self.log: Log | None = None
        self.lines = (_Lines(self, "OUT", 1), _Lines(self, "ERR", 2))
        self._handler = _Handler(self)
        self._lock = Lock()
        self._installed = False

    def add(self, level: str, text: str) -> None:
        if self.log is not None:
            self.log.add(level, text)

    def install(self) -> bool:
        """Was it not yet?"""
        with self._lock:
            if self._installed:
                return False
            self._installed = True
            root = logging.getLogger()
            self._before = root.level, sys.stdout, sys.stderr
            root.addHandler(self._handler)
            root.setLevel(min(root.level, logging.INFO))
            sys.stdout, sys.stderr = self.lines
            return True

    def remove(self) -> None:
        with self._lock:
            root = logging.getLogger()
            root.removeHandler(self._handler)
            level, sys.stdout, sys.stderr = self._before
            root.setLevel(level)
            self._installed = False


class _Handler(logging.Handler):
    def __init__(self, capture: _Capture) -> None:
        super().__init__(logging.INFO)
        self._capture = capture
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._capture.add(record.levelname, self.format(record))
        except Exception:  # noqa: BLE001 - as logging does: a bad log call fails no work
            self._capture.add("ERROR", f"a log line could not be made: {record.msg!r}")


class _Lines(TextIOBase):
    """Standard output, as log lines; of a line without an end, its newest part.

    With what libraries ask of a standard stream beside `write`: bytes by its `buffer`, and its
    number for programs that are started with it.
    """

    LONGEST = 65_536
    encoding = "utf-8"

    def __init__(self, capture: _Capture, level: str, number: int) -> None:
        self._capture, self._level, self._rest = capture, level, ""
        self._number = number
        self.buffer = _Bytes(self)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def write(self, text: str, /) -> int:
        *lines, rest = (self._rest + text[-self.LONGEST :]).split("\n")
        for line in lines:
            self._capture.add(self._level, line)
        self._rest = rest[-self.LONGEST :]
        return len(text)

    def end(self) -> None:
        """A last line without its end is a line too."""
        if self._rest:
            self._capture.add(self._level, self._rest)
            self._rest = ""


class _Bytes(BufferedIOBase):
    """The same stream, for who writes bytes."""

    def __init__(self, lines: _Lines) -> None:
        self._lines, self._decode = lines, getincrementaldecoder("utf-8")("replace").decode

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        written = bytes(data)
        self._lines.write(self._decode(written))
        return len(written)


_capture = _Capture()
