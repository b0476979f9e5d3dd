"""The one way in: whatever the door, the same call has the same outcome."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.ports import Body, Ports, Record
from app.room.acceptance import Submission
from app.room.access import Access, check_scope
from app.room.boundary import FOREVER
from app.room.calendar import Calendar
from app.room.call import Call, Outcome
from app.room.callback import AT_ONCE
from app.room.claim import Claims, result_file
from app.room.deadline import CallTimedOut, deadline
from app.room.engine import LEASE, Engine
from app.room.errors import Internal, Invalid, Problem, TimedOut, Wrong, kinds
from app.room.files import finding, linked
from app.room.hush import hush, hushed
from app.room.job import SUCCEEDED, TERMINAL
from app.room.job_view import described, problem_of
from app.room.keyed import run_keyed, runs_here
from app.room.operation import Operation, Registry
from app.room.rate import Limit, Rates
from app.room.records import opened
from app.room.schema.plain import plain, pointer
from app.room.schema.text import read_text
from app.room.shelf import Shelf
from app.room.strict_json import check_text, write_json
from app.room.tally import Tally
from app.room.uploads import Uploads
from app.room.webhook import BadCallback, check_callback

DEFAULT_LIMIT = Limit()
LONGEST_WAIT = 25.0  # seconds that a caller may wait for a job
LARGEST_ANSWER = 10 * 1024 * 1024  # bytes of a result that was waited for; what is larger is a file

log = logging.getLogger("manydoors.room")


class Room:
    """What takes a call and gives an outcome."""

    def __init__(
        self,
        registry: Registry,
        ports: Ports,
        lease: float = LEASE,
        *,
        counts: bool = True,
        limit: Limit | None = DEFAULT_LIMIT,
        admin_key: str = "",
        deliveries: int = AT_ONCE,
    ) -> None:
        """`lease`: seconds of a claim; as long as a platform may run, where none are renewed.
        `counts`: are there statistics? They make of each ending a commit of several records.
        `limit`: how often each key may call. `admin_key`: one that is good beside the store's.
        `deliveries`: how many callbacks are sent at once."""
        self.registry = registry
        self.ports = ports
        self.claims = Claims(ports)
        tally = Tally(ports.records, ports.clock) if counts else None
        self.engine = Engine(registry, ports, lease, tally, deliveries)
        self.shelf = Shelf(ports, Uploads(registry, ports, self.engine.acceptance.accept))
        self.calendar = Calendar(registry, ports, self.engine)
        self.access = Access(ports, admin_key)
        self.rates = Rates(ports.records, ports.clock, limit)
        self.answer_within = FOREVER  # seconds that a platform lets an answer take
        self.answer_most = LARGEST_ANSWER  # bytes that one may have

    def enter(self, call: Call) -> Outcome:
        """Known? Allowed? Valid? Then runs it, or makes it a job.

        Never raises, except for the KeyboardInterrupt of whoever sits at the terminal.
        """
        return self.told(call, lambda: self._enter(call))

    def enter_all(self, calls: Sequence[Call]) -> list[Outcome]:
        """A job for each call, all or none. Raises the `Problem` of the first that is wrong."""
        submissions = []
        for index, call in enumerate(calls):
            try:
                submissions.append(self._submission(call, *self._checked(call)[:2]))
            except Problem as problem:
                raise _at(index, problem) from None
        if not calls:
            return []
        made = self.engine.submit_all(submissions, calls[0].caller)
        return [self._job(call, record) for call, record in zip(calls, made, strict=True)]

    def told(self, call: Call, enter: Callable[[], Outcome]) -> Outcome:
        """What `enter` gives; whatever it raises is an outcome too."""
        try:
            return enter()
        except Problem as problem:
            if not _is_sayable(problem):
                problem = self._internal(call, problem)
            problem.detail = hushed(problem.detail)
            return Outcome(problem=problem)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it does, a door gets an outcome
            return Outcome(problem=self._internal(call, error))

    def _enter(self, call: Call) -> Outcome:
        operation, params, arguments = self._checked(call)
        is_job = operation.long or call.asynchronous
        if not is_job and call.key is None and call.wait is None:
            return Outcome(json=self._with_links(call, self._run(operation, arguments)))
        submission = self._submission(call, operation, params)
        if is_job and call.wait is None:
            return self._job(call, self.engine.submit(submission, call.caller))
        return self._job(call, self._waited(call, operation, submission), waited=True)

    def _waited(self, call: Call, operation: Operation, submission: Submission) -> Record:
        """The job once it has ended, or as it is when its caller has waited for long enough."""
        clock, policy = self.ports.clock, operation.policy
        wait = LONGEST_WAIT if call.wait is None else call.wait
        longest = min(wait, LONGEST_WAIT, self.answer_within)
        until = clock.monotonic() + longest
        if call.wait is None and runs_here(policy):  # only for its key is it a job
            record = run_keyed(self.engine, submission, call.caller, policy.timeout, longest)
        else:
            record = self.engine.submit(submission, call.caller)
        if record.label in TERMINAL:
            return record
        return self.engine.wait(record.id, call.caller, max(0.0, until - clock.monotonic()))

    def _checked(self, call: Call) -> tuple[Operation, Mapping[str, Any], dict[str, Any]]:
        operation = self.registry.get(call.operation)
        check_scope(call.caller, operation.policy.scope)
        params = _params(operation, call)
        hush(params, operation)
        with finding(self.shelf.finder(call.caller.owner)):
            return operation, params, operation.params.load(params)

    def _submission(
        self, call: Call, operation: Operation, params: Mapping[str, Any]
    ) -> Submission:
        check_callback(call.callback_url, self.ports)
        return Submission(
            operation=operation.name,
            params=params,
            key=call.key,
            due=call.due,
            priority=call.priority,
            source=call.source,
            request_id=call.request_id,
            callback_url=call.callback_url,
        )

    def _job(self, call: Call, record: Record, *, waited: bool = False) -> Outcome:
        view = self.view(record, call.prefix)
        if not waited or record.label not in TERMINAL:
            return Outcome(write_json(view), job=record.id, pending=True)
        if record.label == SUCCEEDED:
            return self._given(record, view, call.prefix)
        return Outcome(problem=problem_of(record, view), job=record.id)

    def _given(self, record: Record, view: Body, prefix: str) -> Outcome:
        """A result, or where it is, for what is too large to be answered."""
        file = result_file(record.body)
        if file is None:
            return Outcome(write_json(view["result"]), job=record.id)
        if self.claims.size_of(file) > self.answer_most:
            return Outcome(write_json(view), job=record.id, elsewhere=view["result"]["url"])
        whole = self.linked(self.claims.result(record), record.owner, prefix)
        return Outcome(write_json(whole), job=record.id)

    def view(self, record: Record, prefix: str = "") -> Body:
        """A job as its readers see it."""
        view = described(record, self.registry, prefix, self.engine.lease)
        if isinstance(record.body["params"], str):  # the id of the file that they are in
            view["params"] = self.linked(view["params"], record.owner, prefix)
        return {**view, "result": self.linked(view["result"], record.owner, prefix)}

    def linked(self, result: Any, owner: str, prefix: str = "") -> Any:
        """A result in which each file has a fresh URL."""
        return linked(result, self.shelf.linker(owner, prefix))

    def _with_links(self, call: Call, result: bytes) -> bytes:
        """Of a plain call; most results name no file."""
        if b'"file_' not in result:
            return result
        return write_json(self.linked(json.loads(result), call.caller.owner, call.prefix))

    def _run(self, operation: Operation, arguments: Mapping[str, Any]) -> bytes:
        own, here = operation.policy.timeout, self.answer_within
        longest = min(own, here)
        try:
            with (
                self.engine.flow.call(operation, arguments, longest),
                opened(self.ports, self.engine.changes),
                deadline(longest, operation.name),
            ):
                value = operation.function(**arguments)
        except CallTimedOut:
            told = f"The operation did not end within {longest:g} s"
            if here < own:
                raise TimedOut(
                    f"{told}, and no answer can take longer here. Call it as a job "
                    "(Prefer: respond-async), or declare it as one (long=True)."
                ) from None
            raise TimedOut(
                f"{told}. "
                "Its author can give it more time (timeout=…); hours belong to a job (long=True)."
            ) from None
        return write_json(operation.result.dump(value))

    def _internal(self, call: Call, error: BaseException) -> Internal:
        """The caller gets an id; the log has the traceback under the same id."""
        error_id = self.ports.new_id("err")
        known = {"operation": call.operation, "request_id": call.request_id, "error_id": error_id}
        log.error("an operation failed", exc_info=error, extra=known)
        return Internal("Something went wrong here; the log has it.", error_id=error_id)


def _is_sayable(problem: Problem) -> bool:
    """Can every door say it? An operation may raise a kind of its own, or members of any type:
    these become JSON here."""
    if getattr(problem, "kind", None) not in kinds() or isinstance(problem, Internal):
        return False
    if not problem.members:
        return True
    try:
        problem.members = plain(problem.members)
    except (TypeError, ValueError):
        return False
    return True


def _at(index: int, problem: Problem) -> Problem:
    """The problem of one of many, its pointers leading into the list."""
    if not isinstance(problem, Invalid):
        problem.members = {**problem.members, "index": index}
        return problem
    at = f"/jobs/{index}" if isinstance(problem, BadCallback) else f"/jobs/{index}/params"
    moved = [Wrong(at + e.pointer, e.detail) for e in problem.errors]
    return Invalid(problem.detail, errors=moved)


def _params(operation: Operation, call: Call) -> Mapping[str, Any]:
    """A call's parameters by name: from JSON by name or position, and from text."""
    params = call.params
    if not isinstance(params, Mapping):
        params = by_name(operation.params.names, params)
    if not call.texts:
        return params
    for name, texts in call.texts.items():
        check_text(name, *texts)
    if doubled := call.texts.keys() & params.keys():
        raise Invalid(
            "A parameter is given twice: in the path and in the body.",
            errors=[Wrong(pointer(name), "Already given in the path.") for name in sorted(doubled)],
        )
    return {**params, **read_text(operation.params.schema, call.texts)}


def by_name(names: Sequence[str], values: Any) -> dict[str, Any]:
    """Parameters that were given by position."""
    if len(values) > len(names):
        extra = range(len(names), len(values))
        raise Invalid(
            f"There are {len(names)} parameters.",
            errors=[Wrong(f"/{index}", "One parameter too many.") for index in extra],
        )
    return dict(zip(names, values, strict=False))
