"""The webhook endpoints described."""

from collections.abc import Callable, Mapping

from app.doors.job_schema import closed
from app.doors.rest.description import (
    ALWAYS,
    JOB,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    responses,
    service,
)
from app.doors.rest.webhooks import ROTATED
from app.doors.submission import LONGEST_DELAY
from app.room.egress import LONGEST_URL, PATTERN
from app.room.schema.json_schema import describe

TAG = "webhooks"
KINDS = (*ALWAYS, *WITH_KEYS)
_SECRET: Document = {"secret": {"type": "string", "pattern": "^whsec_"}}


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {"webhooks.secret": _secret, "webhooks.rotate": _rotate, "webhooks.test": _test}


def _secret() -> Document:
    return {
        **service("Tell the secret that callbacks are signed with.", "webhooks.secret", TAG),
        "description": "Of the caller's own callbacks; it is made when it is first asked for.",
        "responses": responses(closed(_SECRET), *KINDS, "conflict", "malformed", "invalid"),
    }


def _rotate() -> Document:
    schema, _ = describe(ROTATED.schema)
    schema["properties"]["overlap"] |= {"minimum": 0, "maximum": LONGEST_DELAY}
    return {
        **service("Sign callbacks with a new secret.", "webhooks.rotate", TAG),
        "description": "The former one signs beside it for the `overlap`, a day by default; over "
        "30 days counts as 30.",
        "requestBody": {**body(schema), "required": False},
        "responses": responses(closed(_SECRET), *KINDS, *WITH_BODY, "conflict"),
    }


def _test() -> Document:
    url = {"type": "string", "pattern": PATTERN, "maxLength": LONGEST_URL}
    return {
        **service("Send a signed test event to an address.", "webhooks.test", TAG),
        "description": "As a job, which tries once and tells how that went.",
        "requestBody": body(closed({"url": url}, "url")),
        "responses": responses(None, *KINDS, *WITH_BODY, "conflict", accepted=JOB),
    }
