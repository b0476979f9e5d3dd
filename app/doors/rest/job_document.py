"""The job endpoints described, and what a job reads."""

from collections.abc import Callable, Mapping

from app.doors.http import EVENTS
from app.doors.job_schema import closed, job_schema, page
from app.doors.jobs import GET, LIST, RETRY_ALL, SIGNAL
from app.doors.rest.description import (
    ALWAYS,
    IDEMPOTENCY_KEY,
    JOB,
    PREFER,
    SCHEMAS,
    SENT_ON,
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
from app.doors.submission import JOB as SUBMISSION
from app.doors.submission import LONGEST_DELAY
from app.room.acceptance import BATCH
from app.room.egress import LONGEST_URL, PATTERN
from app.room.job import STATUSES
from app.room.operation import Operation, Registry
from app.room.schema.json_schema import Book, describe
from app.room.schema.params import Params

TAG = "jobs"
KINDS = (*ALWAYS, *WITH_KEYS)
ONE = (*KINDS, "malformed", "unknown")
ANY: Document = {}
_ID = in_path("id", TEXT)
_SUBMITTED = f"{SCHEMAS}Submission"


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {
        "jobs.list": _list,
        "jobs.submit": _submit,
        "jobs.batch": _batch,
        "jobs.retry_all": _retry_all,
        "jobs.get": lambda: _of_one("Tell of a job.", "get", JOB, "invalid", queries=GET),
        "jobs.result": _result,
        "jobs.events": _events,
        "jobs.cancel": lambda: _of_one(
            "Cancel a job, at once or at its run's next boundary.",
            "cancel", JOB, "conflict", "invalid", "too_large", "unsupported",
        ),
        "jobs.retry": _retry,
        "jobs.signal": _signal,
        "jobs.stats": _stats,
    }  # fmt: skip


def components(registry: Registry, book: Book) -> Document:
    """What the descriptions refer to."""
    each = [_submission(operation, book) for operation in registry]
    return {
        "Job": job_schema(),
        "Submission": {"oneOf": each} if each else {"type": "object"},
    }


def _service(summary: str, id: str) -> Document:
    return service(summary, f"jobs.{id}", TAG)


def _queries(params: Params, *but: str) -> list[Document]:
    schema, _ = describe(params.schema)
    return [query(n, each) for n, each in schema["properties"].items() if n not in but]


def _list() -> Document:
    return {
        **_service("List the jobs, the newest first.", "list"),
        "parameters": _queries(LIST),
        "responses": responses(page(JOB), *KINDS, "malformed", "invalid", "unknown"),
    }


def _submit() -> Document:
    kinds = (*KINDS, *WITH_BODY, "unknown", "conflict", "refused", "timeout")
    return {
        **_service("Make a job of an operation.", "submit"),
        "description": "It is run now, after a `delay`, or when it is `due`. If it was waited for "
        "and has succeeded, the answer is its result.",
        "parameters": [IDEMPOTENCY_KEY, PREFER],
        "requestBody": body({"$ref": _SUBMITTED}),
        "responses": responses(ANY, *kinds, accepted=JOB),
    }


def _batch() -> Document:
    jobs = {"type": "array", "items": {"$ref": _SUBMITTED}}
    given = closed({"jobs": jobs}, "jobs")
    made = closed({"items": {"type": "array", "items": JOB}}, "items")
    return {
        **_service("Make many jobs, all or none.", "batch"),
        "description": f"At most {BATCH:,}. An Idempotency-Key for all of them gives each a key by "
        "its place.",
        "parameters": [IDEMPOTENCY_KEY],
        "requestBody": body(given),
        "responses": responses(None, *KINDS, *WITH_BODY, "unknown", "conflict", accepted=made),
    }


def _retry_all() -> Document:
    schema, _ = describe(RETRY_ALL.schema)
    return {
        **_service("Retry many jobs that have ended.", "retry_all"),
        "description": "Up to 1,000 at once; `next` is the cursor to go on with. A job is retried "
        "once, however often this is asked.",
        "requestBody": body(schema),
        "responses": responses(None, *KINDS, *WITH_BODY, "conflict", accepted=page(JOB)),
    }


def _of_one(
    summary: str, id: str, result: Document, *kinds: str, queries: Params | None = None
) -> Document:
    return {
        **_service(summary, id),
        "parameters": [_ID, *(_queries(queries, "id") if queries else ())],
        "responses": responses(result, *ONE, *kinds),
    }


def _result() -> Document:
    told = _of_one("Give a job's result.", "result", ANY, "conflict", "invalid")
    told["description"] = "Of one that is a file, or is kept in one, the URL of its bytes."
    told["responses"]["303"] = SENT_ON
    return told


def _retry() -> Document:
    kinds = ("conflict", "invalid", "too_large", "unsupported")
    return {
        **_service("Run a job that has ended once more, as a new job.", "retry"),
        "parameters": [_ID, IDEMPOTENCY_KEY],
        "responses": responses(None, *ONE, *kinds, accepted=JOB),
    }


def _signal() -> Document:
    name, _ = describe(SIGNAL.schema)
    parameters = [_ID, in_path("name", name["properties"]["name"])]
    return {
        **_service("Bring a value to a job that waits for it, now or later.", "signal"),
        "parameters": parameters,
        "requestBody": {**body(ANY), "required": False},
        "responses": responses(JOB, *ONE, *WITH_BODY, "conflict"),
    }


def _events() -> Document:
    last = {"name": "Last-Event-ID", "in": "header", "required": False, "schema": TEXT}
    told = _of_one("Follow a job to its end, as server-sent events.", "events", ANY, "invalid")
    told["description"] = (
        "Events are named `status`, `progress`, `log` and `end`, which is the last; their data is "
        "JSON. Who comes back with `Last-Event-ID` gets what came since; after the end, 204."
    )
    told["parameters"].append(last)
    told["responses"]["200"]["content"] = {EVENTS: {"schema": TEXT}}
    told["responses"]["200"]["description"] = "The events, until the job has ended."
    told["responses"]["204"] = {"description": "The end was told already."}
    return told


def _stats() -> Document:
    number: Document = {"type": "integer", "minimum": 0}
    seconds: Document = {"type": ["number", "null"]}
    counts = dict.fromkeys(STATUSES, number)
    each = closed({**counts, "p50": seconds, "p95": seconds, "p99": seconds})
    minute = closed({"minute": TEXT, "started": number, "succeeded": number, "failed": number})
    told = closed(
        {
            "totals": closed(counts),
            "operations": {"type": "object", "additionalProperties": each},
            "series": {"type": "array", "items": minute},
        }
    )
    return {
        **service("Count the jobs, by status, operation and minute.", "stats", TAG),
        "description": "`operations` and `series` tell of the last day: what has ended, how long "
        "it ran in seconds, and what is there now of the newest thousand of each status.",
        "responses": responses(told, *KINDS, "malformed", "invalid"),
    }


def _submission(operation: Operation, book: Book) -> Document:
    params, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    whole, _ = describe(SUBMISSION.schema)
    properties = dict(whole["properties"])
    properties["callback_url"] |= {"maxLength": LONGEST_URL, "pattern": PATTERN}
    properties["delay"] |= {"minimum": 0, "maximum": LONGEST_DELAY}
    properties["operation"] = {"type": "string", "const": operation.name}
    properties["params"] = params
    required = ["operation", *(["params"] if params.get("required") else [])]
    return {
        **closed(properties, *required),
        "title": operation.name,
        "not": {"required": ["delay", "due"]},
    }
