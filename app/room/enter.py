"""The one way in: whatever the door, the same call has the same outcome."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.ports import Body, Record
from app.room.access import check_scope
from app.room.call import Call, Outcome
from app.room.deadline import CallTimedOut, deadline
from app.room.duration import FOREVER
from app.room.errors import Internal, Invalid, Problem, TimedOut, Wrong, kinds
from app.room.files import finding, linked
from app.room.hush import hush, hush_problem
from app.room.operation import Operation
from app.room.parts import Parts
from app.room.records import opened
from app.room.schema.plain import plain, pointer
from app.room.schema.text import read_text
from app.room.strict_json import check_text, write_json

if TYPE_CHECKING:
    from app.room.change import Changes
    from app.room.job_call import JobCalls

LARGEST_ANSWER = 10 * 1024 * 1024  # bytes of a result that was waited for; what is larger is a file

log = logging.getLogger("manydoors.room")


class Room(Parts):
    """What takes a call and gives an outcome."""

    answer_within = FOREVER
    """Seconds that a platform lets an answer take."""

    answer_most = LARGEST_ANSWER
    """Bytes that one may have."""

    def enter(self, call: Call) -> Outcome:
        """Known? Allowed? Valid? Then runs it, or makes it a job.

        Never raises, except for the KeyboardInterrupt of whoever sits at the terminal.
        """
        try:
            return self._enter(call)
        except BaseException as error:  # noqa: BLE001 - whatever it does, a door gets an outcome
            return self.told(call, error)

    def enter_all(self, calls: Sequence[Call]) -> list[Outcome]:
        """A job for each call, all or none. Raises the `Problem` of the first that is wrong, with
        every field that is invalid."""
        try:
            return self._jobs().submit_all(calls, lambda call: self._checked(call)[:2])
        except Problem as problem:
            hush_problem(problem)
            raise

    def told(self, call: Call, error: BaseException) -> Outcome:
        """Whatever was raised is an outcome too."""
        if isinstance(error, KeyboardInterrupt):
            raise error
        if not isinstance(error, Problem):
            return Outcome(problem=self._internal(call, error))
        problem = error if _is_sayable(error) else self._internal(call, error)
        hush_problem(problem)
        return Outcome(problem=problem)

    def _enter(self, call: Call) -> Outcome:
        operation, params, arguments = self._checked(call)
        is_job = operation.long or call.asynchronous
        if not is_job and call.key is None and call.wait is None:
            return Outcome(json=self._with_links(call, self._run(operation, arguments)))
        return self._jobs().submit(call, operation, params)

    def _checked(self, call: Call) -> tuple[Operation, Mapping[str, Any], dict[str, Any]]:
        operation = self.registry.get(call.operation)
        check_scope(call.caller, operation.policy.scope)
        params = _params(operation, call)
        hush(params, operation)
        if (found := operation.params.at_a_glance(params)) is not None:
            return operation, params, found
        with finding(self.shelf.finder(call.caller.owner)):
            return operation, params, operation.params.load(params)

    def view(self, record: Record, prefix: str = "") -> Body:
        """A job as its readers see it."""
        return self._jobs().view(record, prefix)

    def outcome(self, record: Record, prefix: str = "") -> Outcome:
        """What whoever waited for a job is told of it."""
        return self._jobs().outcome(record, prefix)

    def linked(self, result: Any, owner: str, prefix: str = "") -> Any:
        """A result in which each file has a fresh URL."""
        return linked(result, self.shelf.linker(owner, prefix))

    def _jobs(self) -> "JobCalls":
        from app.room.job_call import JobCalls

        return JobCalls(self, self.answer_within, self.answer_most)

    def _with_links(self, call: Call, result: bytes) -> bytes:
        """Of a plain call; most results name no file."""
        if b'"file_' not in result:
            return result
        return write_json(self.linked(json.loads(result), call.caller.owner, call.prefix))

    def _run(self, operation: Operation, arguments: Mapping[str, Any]) -> bytes:
        own, here = operation.policy.timeout, self.answer_within
        longest = min(own, here)
        try:
            if operation.policy.is_limited:
                with self.engine.flow.call(operation, arguments, longest):
                    value = self._called(operation, arguments, longest)
            else:
                value = self._called(operation, arguments, longest)
        except CallTimedOut:
            if here < own:
                raise TimedOut(
                    f"The operation did not end within {round(here, 1):g} s, and no answer can "
                    "take longer here. Call it as a job (Prefer: respond-async), or declare it as "
                    "one (long=True)."
                ) from None
            raise TimedOut(
                f"The operation did not end within {own:g} s. "
                "Its author can give it more time (timeout=…); hours belong to a job (long=True)."
            ) from None
        return operation.result.written(value)

    def _called(self, operation: Operation, arguments: Mapping[str, Any], longest: float) -> Any:
        with opened(self.ports, self._changes), deadline(longest, operation.name):
            return operation.function(**arguments)

    def _changes(self) -> "Changes":
        return self.engine.changes

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


def _params(operation: Operation, call: Call) -> Mapping[str, Any]:
    """A call's parameters by name: from JSON by name or position, and from text."""
    params = call.params
    if type(params) is not dict and not isinstance(params, Mapping):  # which takes its time
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
