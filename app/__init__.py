"""Write a function once; every door leads to it. What operations import."""

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
from app.room.run import Run
from app.room.schema.field import Secret
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
