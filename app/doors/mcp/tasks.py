"""Jobs as tasks: the extension of the newest revision, and the form that the one before it had.

https://modelcontextprotocol.io/seps/2663-tasks-extension
https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/tasks
"""

from collections.abc import Mapping
from typing import Any

from app.doors.mcp.progress import Following
from app.doors.mcp.results import of_outcome, waiting
from app.doors.mcp.revision import RESERVED, TASKS, MissingCapability
from app.doors.mcp.visit import Visit, text_of
from app.ports import Body, Record
from app.room.call import LONGEST_WAIT
from app.room.errors import Conflict, TimedOut
from app.room.job import CANCELLED, FAILED, SUCCEEDED, TERMINAL

Result = dict[str, Any]

POLL = 2000  # milliseconds between two looks of a client
CANCELLING = 5.0  # seconds that a running job is given to notice

ENDED = {SUCCEEDED: "completed", FAILED: "failed", CANCELLED: "cancelled"}


def created(visit: Visit, job: Body) -> Result:
    """What a call is answered that became a job."""
    if visit.revision.modern:
        return {"resultType": "task", **_task(visit, job)}
    meta = {f"{RESERVED}model-immediate-response": waiting(visit, job)}
    return {"task": _task(visit, job), "_meta": meta}


def get(visit: Visit, params: Mapping[str, Any]) -> Result:
    """With the result, if there is one: then a task is completed, though a tool may have failed."""
    record = _record(visit, params)
    task = _task(visit, visit.jobs.view(record))
    if visit.revision.modern and record.label in (SUCCEEDED, FAILED):
        return {**task, "status": "completed", "result": _result(visit, record)}
    return task


def result(visit: Visit, params: Mapping[str, Any]) -> Result | Following:
    """Of a task of the older form: waits for it."""
    record = _record(visit, params)

    def of_task(outcome: Any) -> Result:
        operation = visit.room.registry.known(record.body["operation"])
        related = {f"{RESERVED}related-task": {"taskId": record.id}}
        return {**of_outcome(visit, outcome, operation), "_meta": related}

    if record.label not in TERMINAL and visit.may_stream:
        return Following(visit, record, of_task)
    record = visit.jobs.record(record.id, LONGEST_WAIT)
    if record.label not in TERMINAL:
        raise TimedOut("The task has not ended yet. Ask for its result again.", after=1)
    return of_task(visit.room.outcome(record, visit.base))


def listed(visit: Visit, params: Mapping[str, Any]) -> Result:
    """All jobs of the caller's, whichever door they came through."""
    cursor = text_of(params, "cursor") if "cursor" in params else None
    page = visit.jobs.list(cursor=cursor)
    tasks = {"tasks": [_task(visit, job) for job in page["items"]]}
    return tasks | ({"nextCursor": page["next"]} if page["next"] else {})


def update(visit: Visit, params: Mapping[str, Any]) -> Result:
    """Tasks ask nothing of their client, so there is nothing that an answer could be for."""
    _record(visit, params)
    return {}


def cancel(visit: Visit, params: Mapping[str, Any]) -> Result:
    """At once, or, while it runs, at its next boundary, for which the older form waits a while."""
    id = _record(visit, params).id
    try:
        job = visit.jobs.cancel(id)
    except Conflict:
        if visit.revision.modern:
            return {}
        raise
    if visit.revision.modern:
        return {}
    return _task(visit, job if job["status"] == CANCELLED else visit.jobs.get(id, CANCELLING))


def _record(visit: Visit, params: Mapping[str, Any]) -> Record:
    if visit.revision.modern and not visit.spoken.takes_tasks:
        wanted: Result = {"extensions": {TASKS: {}}}
        raise MissingCapability("Say that the client takes tasks.", requiredCapabilities=wanted)
    return visit.jobs.record(text_of(params, "taskId"))


def _result(visit: Visit, record: Record) -> Result:
    operation = visit.room.registry.known(record.body["operation"])
    return of_outcome(visit, visit.room.outcome(record, visit.base), operation)


def _task(visit: Visit, job: Body) -> Result:
    """It is kept for as long as its operation says, from its end on, so no time can be told."""
    latest = job["finished_at"] or job["started_at"] or job["created_at"]
    times = {"createdAt": job["created_at"], "lastUpdatedAt": max(latest, job["created_at"])}
    ends = {"ttlMs": None, "pollIntervalMs": POLL}
    if not visit.revision.modern:
        ends = {"ttl": None, "pollInterval": POLL}
    status = ENDED.get(job["status"], "working")
    message = _message(job)
    return {
        "taskId": job["id"],
        "status": status,
        **({"statusMessage": message} if message else {}),
        **times,
        **ends,
    }


def _message(job: Body) -> str:
    if job["error"]:
        return str(job["error"]["detail"])
    if job["waiting_for"]:
        awaited = job["waiting_for"]
        return f"waiting: {awaited['reason']} {awaited['name'] or ''}".rstrip()
    if job["progress"] and job["progress"]["note"]:
        return str(job["progress"]["note"])
    return str(job["status"])
