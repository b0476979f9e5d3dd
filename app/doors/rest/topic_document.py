"""The endpoints of topics and queues described."""

from collections.abc import Callable, Mapping

from app.doors.job_schema import closed
from app.doors.rest.description import (
    ALWAYS,
    IDEMPOTENCY_KEY,
    JOB,
    TEXT,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    in_path,
    responses,
    service,
)

TAG = "messages"
KINDS = (*ALWAYS, *WITH_KEYS, *WITH_BODY, "unknown", "conflict")


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {
        "topics.bring": lambda: _bring("topic", "Topic"),
        "queues.bring": lambda: _bring("queue", "Queue"),
    }


def _bring(kind: str, trigger: str) -> Document:
    made = closed({"items": {"type": "array", "items": JOB}}, "items")
    return {
        **service(f"Bring a message as a {kind} would.", f"{kind}s.bring", TAG),
        "description": f"A job of each operation that is `on=[{trigger}(name)]`, all or none. The "
        f"members of an object are its parameters, or all of the message is its `message`. A "
        '`{"operation", "params"}`, or a CloudEvent whose type is an operation, is for that.',
        "parameters": [in_path("name", TEXT), IDEMPOTENCY_KEY],
        "requestBody": body({}),
        "responses": responses(None, *KINDS, accepted=made),
    }
