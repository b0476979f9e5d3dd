"""A job as people and programs read it, whichever door they came through."""

from typing import Any

from app.ports import Body, Record
from app.room import job
from app.room.claim import result_file
from app.room.errors import Conflict, Internal, Invalid, Problem, Wrong, kinds
from app.room.moment import moment
from app.room.operation import Registry
from app.room.schema.secret import MASK, mask

UNREADABLE = "inbox.unreadable"  # no operation: what came and could not become a job
HTTP_ONLY = frozenset(("not_allowed", "not_acceptable", "precondition", "unsupported", "range"))


def described(record: Record, registry: Registry, prefix: str = "", lease: float = 0.0) -> Body:
    """The job, flat. Secret parameters are masked. `prefix` is what stands before /v1."""
    body = record.body
    here = f"{prefix}/v1/jobs/{record.id}"
    due = record.due if record.label in (job.QUEUED, job.WAITING) else None
    return {
        "id": record.id,
        "operation": body["operation"],
        "status": record.label,
        "params": _shown(record, registry),
        "result": claimed(file) if (file := result_file(body)) else body.get("result"),
        "error": body.get("error"),
        "waiting_for": _awaited(record),
        "signals": sorted(body.get("signals", ())),
        "progress": progress_of(body.get("progress")),
        "attempt": job.attempt(record),
        "retries": body["retries"],
        "priority": record.priority,
        "key": body.get("key"),
        "owner": record.owner,
        "source": body.get("source"),
        "parent": body.get("parent"),
        "index": body.get("index"),
        "retry_of": body.get("retry_of"),
        "callback_url": body.get("callback_url"),
        "created_at": moment(body["created"]),
        "due_at": moment(body["due"] if due is None else due),
        "started_at": moment(job.begun(record, lease)),
        "finished_at": moment(body.get("finished")),
        "links": {
            "self": here,
            **{name: f"{here}/{name}" for name in ("result", "events", "cancel", "retry")},
            **({"callback": f"{prefix}/v1/jobs/{body['delivery']}"} if "delivery" in body else {}),
        },
    }


def claimed(file: str) -> Body:
    """What stands for parameters or a result that are in a file."""
    return {"file": file, "url": None}


def _awaited(record: Record) -> Body | None:
    wait = record.body.get("wait")  # stays in the body until the run that it woke writes
    if wait is None or not (record.label == job.WAITING or "parked" in record.body):
        return None
    return {"reason": wait["for"], "name": wait["name"] or None}


def problem_of(record: Record, view: Body) -> Problem:
    """What a caller who waited is told of a job that gave no result."""
    if record.label == job.CANCELLED:
        return Conflict("The job was cancelled.", job=view)
    error = dict(record.body.get("error") or {})
    kind, detail = error.pop("kind", "internal"), error.pop("detail", "")
    error.pop("traceback", None)
    known = kinds().get(kind)
    if known is None or known is Internal or kind in HTTP_ONLY:
        return Internal("The job failed; it tells why.", job=view)
    if known is Invalid:
        wrongs = [Wrong(each["pointer"], each["detail"]) for each in error.get("errors", [])]
        invalid = Invalid(detail, errors=wrongs)
        invalid.members = {**invalid.members, "job": view}
        return invalid
    return known(detail, **{**error, "job": view})


def progress_of(progress: list[Any] | None) -> Body | None:
    return None if progress is None else dict(zip(("done", "total", "note"), progress, strict=True))


def _shown(record: Record, registry: Registry) -> Any:
    params, name = record.body["params"], record.body["operation"]
    if isinstance(params, str):
        return claimed(params)
    if name == UNREADABLE:
        return params
    known = registry.known(name)
    if known is None:  # nobody knows any more which of them are secret
        return dict.fromkeys(params, MASK) if isinstance(params, dict) else []
    schema = known.params.schema
    if not known.params.secrets:
        return params
    if isinstance(params, list):
        return [mask(schema, each) for each in params]
    return mask(schema, params)
