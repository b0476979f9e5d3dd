"""The JSON Schema of a schedule, for the documents of every door."""

from app.doors.job_schema import Document, closed

_TEXT: Document = {"type": "string"}
_MAYBE: Document = {"type": ["string", "null"]}
_MOMENT: Document = {"type": "string", "format": "date-time"}


def schedule_schema() -> Document:
    """A schedule, as `app.room.schedule_view` tells of it."""
    return closed(
        {
            "name": _TEXT,
            "owner": _TEXT,
            "source": _TEXT,
            "operation": _TEXT,
            "params": {"type": "object"},
            "cron": _MAYBE,
            "every": {"type": ["string", "number", "null"]},
            "tz": _MAYBE,
            "enabled": {"type": "boolean"},
            "catch_up": {"type": "string", "enum": ["none", "one", "all"]},
            "next_due": {**_MAYBE, "format": "date-time"},
            "upcoming": {"type": "array", "items": _MOMENT},
            "last_job": _MAYBE,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        }
    )
