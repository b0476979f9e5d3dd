"""What callers ask of jobs, whichever door they came through: who may, which job, what is shown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from marshmallow import validate

from app.doors.submission import JOB, call_of, pointed
from app.doors.wishes import NONE, Wishes
from app.ports import PAGE_CAP, Body, Page, Record
from app.room.acceptance import Submission
from app.room.access import check_scope
from app.room.call import LOCAL, LONGEST_WAIT, Caller
from app.room.engine import Engine
from app.room.enter import Room
from app.room.errors import Conflict
from app.room.job import SUCCEEDED
from app.room.schema.hints import fields_of
from app.room.schema.params import Params
from app.room.strict_json import write_json

MOST_RETRIES = 1000  # jobs that one request retries
TOGETHER = 50  # of them in one commit
LOOKED = 200  # that are read at once

Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
Limit = Annotated[int, validate.Range(1, 200)]
Seconds = Annotated[float, validate.Range(0)]
Name = Annotated[str, validate.Length(1, 128)]


@dataclass(frozen=True)
class Jobs:
    """The jobs of a room, for one caller. `prefix` stands before the links' paths."""

    room: Room
    caller: Caller = LOCAL
    prefix: str = ""
    source: str = "python"
    request_id: str = ""
    wishes: Wishes = NONE

    @property
    def engine(self) -> Engine:
        return self.room.engine

    def get(self, id: str, wait: Seconds = 0) -> Body:
        """Tell of a job.

        With `wait`, when it has ended, or as it is after so many seconds; over 25 count as 25.
        """
        return self.view(self.record(id, wait))

    def list(
        self,
        status: Status | None = None,
        operation: str | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
        parent: str | None = None,
    ) -> Body:
        """List the jobs, the newest first.

        All, or those of one status or operation; with `parent` the children of that job, or, if it
        is "none", those that are nobody's children. `next` is the cursor of the next page; a page
        of large jobs is short, one of a filtered list may be empty, and yet have one.
        """
        check_scope(self.caller, "read")
        page = self.engine.list(
            self.caller,
            status=status,
            operation=operation,
            parent=parent,
            cursor=cursor,
            limit=limit,
        )
        return {"items": [self.view(record) for record in page.items], "next": page.next}

    def cancel(self, id: str) -> Body:
        """Cancel a job.

        At once, or, while it runs, at its next boundary.
        """
        check_scope(self.caller, "run")
        return self.view(self.engine.cancel(id, self.caller))

    def retry(self, id: str) -> Body:
        """Run a job that has ended once more, as a new job."""
        return self.view(self.retried(id, None))

    def signal(self, id: str, name: Name, value: Any = None) -> Body:
        """Bring a value to the job's `run.wait_for(name)`."""
        check_scope(self.caller, "run")
        return self.view(self.engine.signal(id, name, value, self.caller))

    def submit(self, **job: Any) -> Any:
        """Make a job of an operation.

        It is run now, after a `delay`, or when it is `due`; its end is told to a `callback_url`. If
        it was waited for and has succeeded, this is its result.
        """
        call = call_of(job, self.wishes, self.room.ports.clock.now())._replace(
            caller=self.caller,
            source=self.source,
            request_id=self.request_id,
            prefix=self.prefix,
        )
        outcome = pointed(self.room.enter(call))
        if outcome.problem:
            raise outcome.problem
        return outcome.value

    def view(self, record: Record) -> Body:
        return self.room.view(record, self.prefix)

    def record(self, id: str, wait: float = 0) -> Record:
        check_scope(self.caller, "read")
        if not wait:
            return self.engine.get(id, self.caller)
        return self.engine.wait(id, self.caller, min(wait, LONGEST_WAIT, self.room.answer_within))

    def result(self, id: str) -> Any:
        """The result, or `{"file", "url"}` of a large one.

        Raises `Conflict`, which tells the status and the error, while there is none.
        """
        record = self.record(id)
        if record.label == SUCCEEDED:
            return self.view(record)["result"]
        raise Conflict(
            f"There is no result: the job is {record.label}.",
            job_status=record.label,
            error=record.body.get("error"),
        )

    def retried(self, id: str, key: str | None) -> Record:
        check_scope(self.caller, "run")
        name = self.engine.get(id, self.caller).body["operation"]
        if known := self.room.registry.known(name):
            check_scope(self.caller, known.policy.scope)
        return self.engine.retry(
            id, self.caller, key=key, source=self.source, request_id=self.request_id
        )

    def retry_all(
        self,
        status: Literal["failed", "cancelled"] = "failed",
        operation: str | None = None,
        cursor: str | None = None,
    ) -> Page:
        """The new jobs of up to a thousand that ended so, of fewer large ones, and where to go on.

        Each is retried once, however often this is asked. Children are left to their parents,
        and what this caller may not run, or nobody any more, is passed over.
        """
        check_scope(self.caller, "run")
        made: list[Record] = []
        looked = size = 0
        while True:
            page = self.engine.list(
                self.caller, status=status, operation=operation, cursor=cursor, limit=LOOKED
            )
            for some in _together([each for each in page.items if self._may_retry(each)]):
                again = self.engine.submit_all([self._again(each) for each in some], self.caller)
                made += (new := [record for record in again if not record.version])
                size += sum(len(write_json(record.body["params"])) for record in new)
            cursor, looked = page.next, looked + len(page.items)
            if cursor is None or looked + LOOKED > MOST_RETRIES or size >= PAGE_CAP:
                return Page(tuple(made), cursor)

    def _may_retry(self, record: Record) -> bool:
        known = self.room.registry.known(record.body["operation"])
        if record.body.get("parent") is not None or known is None:
            return False
        if not self.caller.may(known.policy.scope):
            return False
        return not self.engine.acceptance.was_accepted(self._again(record), self.caller)

    def _again(self, record: Record) -> Submission:
        key = f"retry:{record.id}"
        return self.engine.again(record, key=key, source=self.source, request_id=self.request_id)


# What each takes, read of the signatures above.
_UNBOUND = Jobs(None)  # type: ignore[arg-type]
GET, LIST, CANCEL, RETRY, RETRY_ALL, SIGNAL = (
    Params.of(fields_of(method, name=f"jobs.{method.__name__}"))
    for method in (
        _UNBOUND.get,
        _UNBOUND.list,
        _UNBOUND.cancel,
        _UNBOUND.retry,
        _UNBOUND.retry_all,
        _UNBOUND.signal,
    )
)


METHODS: Mapping[str, tuple[Callable[..., Any], Params]] = {
    "jobs.submit": (Jobs.submit, JOB),
    "jobs.get": (Jobs.get, GET),
    "jobs.list": (Jobs.list, LIST),
    "jobs.cancel": (Jobs.cancel, CANCEL),
    "jobs.retry": (Jobs.retry, RETRY),
    "jobs.signal": (Jobs.signal, SIGNAL),
}
"""What a protocol of methods can ask of jobs, and what each takes."""


def _together(records: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(records), TOGETHER):
        yield records[start : start + TOGETHER]
