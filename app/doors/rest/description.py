"""What descriptions in OpenAPI's words are made of: parameters, bodies, responses."""

from collections.abc import Iterable
from typing import Any

from app.doors.http import JSON, STATUS
from app.doors.wishes import LONGEST_KEY

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"

ALWAYS = ("not_acceptable", "busy", "internal", "unavailable")
WITH_KEYS = ("unauthenticated", "forbidden")
WITH_BODY = ("malformed", "too_large", "unsupported", "invalid")

TEXT: Document = {"type": "string"}
JOB: Document = {"$ref": f"{SCHEMAS}Job"}

REQUEST_ID: Document = {
    "description": "The id of this request, taken from it or made; every log line has it.",
    "schema": TEXT,
}
_REQUEST_IDS = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
_OF_A_JOB = {
    "Location": {"description": "The job's path.", "schema": TEXT},
    "Preference-Applied": {
        "description": "The preferences that were honoured, if any were: `wait=10`.",
        "schema": TEXT,
    },
}

IDEMPOTENCY_KEY: Document = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key gives the same job, until a day after it has ended; with other "
    "parameters it is invalid.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": LONGEST_KEY,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
}
PREFER: Document = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`respond-async`: make it a job. `wait=N`: make it a job, and wait up to N "
    "seconds, at most 25, for its end.",
    "schema": TEXT,
}


def service(summary: str, id: str, tag: str = "service") -> Document:
    return {"summary": summary, "operationId": f"service.{id}", "tags": [tag]}


def query(name: str, schema: Document, required: bool = False) -> Document:
    shown = {"name": name, "in": "query", "required": required}
    if schema.get("type") == "object" or "$ref" in schema:
        return {**shown, "content": {JSON: {"schema": schema}}}
    return {**shown, "schema": schema}


def in_path(name: str, schema: Document) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def body(schema: Document, examples: Iterable[Any] = ()) -> Document:
    content: Document = {"schema": schema}
    named = {f"example {n}": {"value": dict(each)} for n, each in enumerate(examples, 1)}
    return {"required": True, "content": {JSON: content | ({"examples": named} if named else {})}}


def responses(result: Document | None, *kinds: str, accepted: Document | None = None) -> Document:
    """200, 202, and each status that these kinds of problems have."""
    told: Document = {}
    if result is not None:
        told["200"] = {
            "description": "The result.",
            "headers": _REQUEST_IDS,
            "content": {JSON: {"schema": result}},
        }
    if accepted is not None:
        told["202"] = {
            "description": "Accepted: it is in the store.",
            "headers": _REQUEST_IDS | (_OF_A_JOB if accepted is JOB else {}),
            "content": {JSON: {"schema": accepted}},
        }
    for kind in sorted(set(kinds), key=lambda kind: (STATUS[kind], kind)):
        told.setdefault(str(STATUS[kind]), {"$ref": f"#/components/responses/{kind}"})
    return told
