"""Write a function once; every door leads to it. What operations import."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import app.room.schema.late_pattern  # noqa: F401 - before what needs marshmallow
from app.room.errors import (
    BadOperation,
    Busy,
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    ManydoorsError,
    Problem,
    Refused,
    Retry,
    Stale,
    TimedOut,
    TooLarge,
    Unavailable,
    Unknown,
)
from app.room.files import File, FileField
from app.room.operation import REGISTRY
from app.room.records import records
from app.room.schema.field import Secret

if TYPE_CHECKING:
    from app.room.run import Run
    from app.room.trigger import Cron, Every, Queue, Stream, Topic, Upload

operation = REGISTRY.operation

__all__ = [
    "BadOperation",
    "Busy",
    "Conflict",
    "Cron",
    "Every",
    "File",
    "FileField",
    "Forbidden",
    "Internal",
    "Invalid",
    "ManydoorsError",
    "Problem",
    "Queue",
    "Refused",
    "Retry",
    "Run",
    "Secret",
    "Stale",
    "Stream",
    "TimedOut",
    "TooLarge",
    "Topic",
    "Unavailable",
    "Unknown",
    "Upload",
    "operation",
    "records",
]

_LATE = {"Run": "app.room.run"} | dict.fromkeys(
    ("Cron", "Every", "Queue", "Stream", "Topic", "Upload"), "app.room.trigger"
)


def __getattr__(name: str) -> Any:
    """What many operations do not name is loaded by who does: 13 ms of a cold start."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(_LATE[name]), name)
    return found
