"""The JSON Schema of a job, for the documents of every door."""

from typing import Any

from app.room.job import STATUSES

Document = dict[str, Any]

_TEXT: Document = {"type": "string"}


def job_schema() -> Document:
    """A job, as `app.room.job_view` tells of it."""

    def maybe(kind: str, **more: Any) -> Document:
        return {"type": [kind, "null"], **more}

    moment = {"type": "string", "format": "date-time"}
    links = dict.fromkeys(("self", "result", "events", "cancel", "retry"), _TEXT)
    return closed(
        {
            "id": _TEXT,
            "operation": _TEXT,
            "status": {"type": "string", "enum": list(STATUSES)},
            "params": {"type": ["object", "array"]},
            "result": {},
            "error": maybe("object"),
            "waiting_for": maybe("object"),
            "signals": {"type": "array", "items": _TEXT},
            "progress": maybe("object"),
            "attempt": {"type": "integer"},
            "retries": {"type": "integer"},
            "priority": {"type": "integer"},
            "key": maybe("string"),
            "owner": _TEXT,
            "source": maybe("string"),
            "parent": maybe("string"),
            "index": maybe("integer"),
            "retry_of": maybe("string"),
            "callback_url": maybe("string"),
            "created_at": moment,
            "due_at": {**moment, "type": ["string", "null"]},
            "started_at": {**moment, "type": ["string", "null"]},
            "finished_at": {**moment, "type": ["string", "null"]},
            "links": closed(links | {"callback": _TEXT}, *links),
        }
    )


def closed(properties: Document, *required: str) -> Document:
    """An object of these members and no others; by default it has them all."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": False,
    }


def page(items: Document) -> Document:
    """A page of a list."""
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": items},
            "next": {
                "type": ["string", "null"],
                "description": "The `cursor` of what follows; null at the end. A page may have "
                "fewer items than its `limit`, and yet have one: large ones make it short.",
            },
        },
        "required": ["items", "next"],
    }
