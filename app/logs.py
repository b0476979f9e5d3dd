"""Log lines: one JSON object each for machines, or plain text for people."""

import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from app.room.hush import hushed, hushed_line

FACTS = ("operation", "job", "kind", "why", "request_id", "error_id", "status", "ms", "source")
"""What a log call may say with `extra=`, beside its message."""


class JsonLines(logging.Formatter):
    """One line whatever is in it: newlines and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": hushed_line(record.getMessage()),
        }
        known = record.__dict__
        line.update((name, _said(known[name])) for name in FACTS if name in known)
        if record.exc_info:
            line["traceback"] = hushed_line(self.formatException(record.exc_info))
        return json.dumps(line, default=str, separators=(",", ":"))


def _said(fact: Any) -> Any:
    return hushed_line(fact) if isinstance(fact, str) else fact


class TextLines(logging.Formatter):
    """For a terminal: the time, the message, the facts."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        known = record.__dict__
        facts = " ".join(f"{name}={known[name]}" for name in FACTS if name in known)
        said = escaped(hushed_line(f"{record.getMessage()}  {facts}".rstrip()))
        line = f"{moment} {record.levelname.lower():7} {said}"
        if not record.exc_info:
            return line
        traceback = hushed_line(self.formatException(record.exc_info)).split("\n")
        return "\n".join([line, *map(escaped, traceback)])


def escaped(text: str) -> str:
    """Nothing in it moves a terminal's cursor, begins a line or cannot be written."""
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    plain = character.isprintable()
    return character if plain else character.encode("unicode_escape").decode()


def access_log(form: str, level: str) -> Callable[[str, str, int, float, str], None]:
    """Writes the one line that each request has.

    Past the logging module, which took a third of the time of a whole request.
    """
    stamp = _Stamp()

    def json_line(method: str, path: str, status: int, ms: float, request_id: str) -> None:
        _write(
            f'{{"time":"{stamp()}","level":"INFO","logger":"manydoors.access",'
            f'"message":{quoted(hushed(f"{method} {path}"))},"status":{status},"ms":{ms:.2f},'
            f'"request_id":"{request_id}"}}\n'
        )

    def text_line(method: str, path: str, status: int, ms: float, request_id: str) -> None:
        message = escaped(hushed(f"{method} {path}"))
        _write(f"{stamp()[11:19]} {status} {message}  {ms:.1f} ms  {request_id}\n")

    if level not in ("DEBUG", "INFO"):
        return lambda *_: None
    return json_line if form == "json" else text_line


def _write(line: str) -> None:
    """A log that nobody reads any more (a closed pipe, a full disk) must not fail requests."""
    with suppress(OSError, ValueError):
        sys.stderr.write(line)


class _Stamp:
    """The time in RFC 3339; the part down to the second is made once a second."""

    def __init__(self) -> None:
        self._made = (0, "")

    def __call__(self) -> str:
        now = time.time()
        second, text = self._made
        if second != int(now):
            text = datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._made = int(now), text
        return f"{text}{int(now % 1 * 1000):03}Z"


def set_up(form: str, level: str) -> None:
    """Sends this process's log lines to standard error, in that form; of operations and of the
    libraries that they use those that warn."""
    ours, root = logging.getLogger("manydoors"), logging.getLogger()
    for logger in (ours, root):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines() if form == "json" else TextLines())
        logger.handlers[:] = [handler]
    ours.setLevel(level)
    ours.propagate = False
    # Not the logger's own level alone, for who runs a job lowers that.
    root.handlers[0].setLevel(max(logging.getLevelName(level), logging.WARNING))
