"""Log lines: one JSON object each for machines, or plain text for people."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FACTS = ("operation", "request_id", "error_id", "status", "ms", "source")
"""What a log call may say with `extra=`, beside its message."""


class JsonLines(logging.Formatter):
    """One line whatever is in it: newlines and control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        known = record.__dict__
        line.update((name, known[name]) for name in FACTS if name in known)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """For a terminal: the time, the message, the facts."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        known = record.__dict__
        facts = " ".join(f"{name}={known[name]}" for name in FACTS if name in known)
        message = record.getMessage().encode("unicode_escape").decode()
        line = f"{time} {record.levelname.lower():7} {message}  {facts}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(form: str, level: str) -> None:
    """Sends this process's log lines to standard error, in that form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger("manydoors")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
