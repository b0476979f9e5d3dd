"""The endpoints of schedules described."""

from collections.abc import Callable, Mapping

from app.doors.job_schema import closed, page
from app.doors.rest.description import (
    ALWAYS,
    IDEMPOTENCY_KEY,
    JOB,
    SCHEMAS,
    TEXT,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    in_path,
    query,
    responses,
    service,
)
from app.doors.rest.schedules import ELSEWHERE, PREVIEW
from app.doors.schedule_schema import schedule_schema
from app.doors.schedules import LIST, PUT
from app.room.calendar import SHORTEST
from app.room.duration import DURATION
from app.room.operation import Operation, Registry
from app.room.schedule import LONGEST_INTERVAL, LONGEST_NAME
from app.room.schema.json_schema import Book, describe
from app.room.schema.params import Params
from app.room.timing import LONGEST_LINE

TAG = "schedules"
SCHEDULE: Document = {"$ref": f"{SCHEMAS}Schedule"}
KINDS = (*ALWAYS, *WITH_KEYS)
ONE = (*KINDS, "malformed", "invalid", "unknown")
_NULL: Document = {"type": "null"}
_LINE: Document = {"type": "string", "maxLength": LONGEST_LINE}
_EVERY: Document = {
    "anyOf": [
        {"type": "string", "pattern": DURATION},
        {"type": "number", "minimum": SHORTEST, "maximum": LONGEST_INTERVAL},
    ]
}
_NAME = in_path("name", {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME})
_ETAG: Document = {"description": "For If-Match, and If-None-Match.", "schema": TEXT}


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {
        "schedules.list": _list,
        "schedules.get": _get,
        "schedules.put": _put,
        "schedules.delete": _delete,
        "schedules.run": _run,
    }


def components(registry: Registry, book: Book) -> Document:
    """What the descriptions refer to."""
    each = [_plan(operation, book) for operation in registry]
    return {"Schedule": schedule_schema(), "Plan": {"oneOf": each} if each else {"type": "object"}}


def _plan(operation: Operation, book: Book) -> Document:
    whole, _ = describe(PUT.schema)
    properties = {n: each for n, each in whole["properties"].items() if n not in ELSEWHERE}
    params, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    needed = bool(params.get("required"))
    properties["operation"] = {"type": "string", "const": operation.name}
    properties["params"] = params if needed else {"anyOf": [params, _NULL]}
    return {
        **closed(properties, "operation", *(["params"] if needed else [])),
        "title": operation.name,
        "oneOf": [
            {"required": ["cron"], "properties": {"cron": _LINE, "every": _NULL}},
            {"required": ["every"], "properties": {"every": _EVERY, "cron": _NULL, "tz": _NULL}},
        ],
    }


def _service(summary: str, id: str) -> Document:
    return service(summary, f"schedules.{id}", TAG)


def _queries(params: Params) -> list[Document]:
    schema, _ = describe(params.schema)
    return [query(name, each) for name, each in schema["properties"].items()]


def _list() -> Document:
    return {
        **_service("List the schedules, by name.", "list"),
        "parameters": _queries(LIST),
        "responses": responses(page(SCHEDULE), *KINDS, "malformed", "invalid"),
    }


def _get() -> Document:
    return {
        **_service("Tell of a schedule, with its next five due times.", "get"),
        "parameters": [_NAME],
        "responses": {**responses(None, *ONE), "200": _told("The schedule.")},
    }


def _put() -> Document:
    problems = responses(None, *ONE, *WITH_BODY, "conflict", "precondition")
    told = {"200": _told("The schedule as it is now."), "201": _told("It was made.")}
    return {
        **_service("Make a schedule, or put another plan in its place.", "put"),
        "description": "It comes due by a `cron` line of five fields, in the zone `tz`, or after "
        "`every` interval. `catch_up` says what is made up for of due times that were missed: "
        "none, the latest one, or all (at most 100). With `preview` nothing is written, and the "
        "answer shows when it would come due.",
        "parameters": [_NAME, *_queries(PREVIEW), _header("If-Match"), _header("If-None-Match")],
        "requestBody": body({"$ref": f"{SCHEMAS}Plan"}),
        "responses": {**told, **problems},
    }


def _delete() -> Document:
    kinds = ("conflict", "precondition", "too_large", "unsupported")
    told: Document = {
        **_service("Delete a schedule. Jobs that it has made stay.", "delete"),
        "parameters": [_NAME, _header("If-Match")],
        "responses": responses(None, *ONE, *kinds),
    }
    told["responses"]["204"] = {"description": "It is gone."}
    return told


def _run() -> Document:
    kinds = ("conflict", "too_large", "unsupported")
    return {
        **_service("Make a job of a schedule now, beside those of its due times.", "run"),
        "parameters": [_NAME, IDEMPOTENCY_KEY],
        "responses": responses(None, *ONE, *kinds, accepted=JOB),
    }


def _told(description: str) -> Document:
    answer: Document = responses(SCHEDULE)["200"]
    headers = {**answer["headers"], "ETag": _ETAG}
    return {**answer, "description": description, "headers": headers}


def _header(name: str) -> Document:
    told = {"If-Match": "The ETag that it must have, or *.", "If-None-Match": "*: make it only."}
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": told[name],
        "schema": TEXT,
    }
