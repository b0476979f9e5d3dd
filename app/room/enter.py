"""The one way in: whatever the door, the same call has the same outcome."""

import logging
from collections.abc import Mapping
from typing import Any

from app.ports import Ports
from app.room.access import check_scope
from app.room.call import Call, Outcome
from app.room.deadline import CallTimedOut, deadline
from app.room.errors import Internal, Invalid, Problem, TimedOut, Unavailable, Wrong, kinds
from app.room.operation import Operation, Registry
from app.room.records import opened
from app.room.schema.plain import plain, pointer
from app.room.schema.text import read_text
from app.room.strict_json import check_text, write_json

log = logging.getLogger("manydoors.room")


class Room:
    """What takes a call and gives an outcome."""

    def __init__(self, registry: Registry, ports: Ports) -> None:
        self.registry = registry
        self.ports = ports

    def enter(self, call: Call) -> Outcome:
        """Known? Allowed? Valid? Then runs it, or makes it a job.

        Never raises, except for the KeyboardInterrupt of whoever sits at the terminal.
        """
        try:
            operation = self.registry.get(call.operation)
            check_scope(call.caller, operation.policy.scope)
            arguments = operation.params.load(_params(operation, call))
            if operation.long or operation.takes_run:
                raise Unavailable("This operation runs as a job, and jobs are not here yet.")
            return Outcome(json=self._run(operation, arguments))
        except Problem as problem:
            if not _is_sayable(problem):
                problem = self._internal(call, problem)
            return Outcome(problem=problem)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it does, a door gets an outcome
            return Outcome(problem=self._internal(call, error))

    def _run(self, operation: Operation, arguments: Mapping[str, Any]) -> bytes:
        try:
            with opened(self.ports), deadline(operation.policy.timeout, operation.name):
                value = operation.function(**arguments)
        except CallTimedOut:
            raise TimedOut(
                f"The operation did not end within {operation.policy.timeout:g} s. "
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


def _params(operation: Operation, call: Call) -> Mapping[str, Any]:
    """A call's parameters by name: from JSON by name or position, and from text."""
    params = call.params
    if not isinstance(params, Mapping):
        params = _named(operation, params)
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


def _named(operation: Operation, values: Any) -> dict[str, Any]:
    names = operation.params.names
    if len(values) > len(names):
        extra = range(len(names), len(values))
        raise Invalid(
            f"There are {len(names)} parameters.",
            errors=[Wrong(f"/{index}", "One parameter too many.") for index in extra],
        )
    return dict(zip(names, values, strict=False))
