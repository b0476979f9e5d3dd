"""Runs a job's function, here and now, and says how that ended. Writes only what the run itself
asks to write.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.ports import Ports, Record
from app.room.boundary import Boundary, Control, Stopped, Suspended
from app.room.capture import captured
from app.room.children import Children
from app.room.errors import Internal, Invalid, Problem, UnknownOperation
from app.room.job import Ending, Error
from app.room.journal import Misfit
from app.room.ledger import Ledger, Lost
from app.room.notes import Notes
from app.room.operation import Operation, Registry
from app.room.records import opened
from app.room.run import Run
from app.room.schema.plain import plain
from app.room.strict_json import write_json

LARGEST_RESULT = 102_400  # encoded bytes that a job's record keeps
TRACEBACK = 8000  # characters, of which the last are the interesting ones


@dataclass(frozen=True)
class Work:
    """A claimed job that is ready to run here."""

    record: Record
    operation: Operation
    notes: Notes
    run: Run
    boundary: Boundary


def execute(
    registry: Registry,
    ports: Ports,
    ledger: Ledger,
    record: Record,
    control: Control,
    host: Callable[[Notes], None] | None = None,
) -> Ending:
    """How one run of a claimed job ended. `Lost` when another has claimed it meanwhile.

    `host` is shown the notes, to have them shown by a thread of its own.
    """
    began = ports.clock.monotonic()
    try:
        operation = registry.get(record.body["operation"])
    except UnknownOperation:
        return Ending("failed", error=Error("unknown", _GONE, final=True))
    notes = Notes(ledger, record, ports.clock)
    boundary = Boundary(notes, control, ports.clock)
    children = Children(registry, ports, ledger, notes, boundary)
    run = Run(notes, boundary, children, control, ports.clock)
    if host is not None:
        host(notes)
    with opened(ports), captured(notes.log):
        ending = _ending(Work(record, operation, notes, run, boundary))
    ran = ports.clock.monotonic() - began
    try:
        own = notes.of_failure() if ending.what == "failed" else notes.own()
    except (TypeError, ValueError) as error:  # a state that does not fit into JSON
        own = {}
        ending = Ending("failed", error=_error(error))
    return Ending(ending.what, ending.result, ending.error, ending.wait, own, ran)


_GONE = (
    "There is no operation of that name any more: declare it again and retry, or submit the job "
    "to another."
)


def _ending(work: Work) -> Ending:
    try:
        result = _call(work)
        if work.boundary.parting is not None:
            return Ending("failed", error=Error("internal", _SWALLOWED, final=True))
        work.notes.journal.check_spent()
        return Ending("succeeded", result=result)
    except Suspended as parting:
        return Ending("waiting", wait=parting.wait)
    except Stopped as parting:
        return Ending(parting.what)
    except (Lost, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it does, the job has an ending
        return Ending("failed", error=_error(error))
    except SystemExit as error:
        return Ending("failed", error=Error("internal", f"It called sys.exit({error.code})."))


_SWALLOWED = (
    "The function caught what ends a run at a boundary: write `except Exception`, for a bare "
    "`except` or `except BaseException` stops a run from sleeping, waiting and being continued."
)


def _call(work: Work) -> Any:
    operation, body = work.operation, work.record.body
    first = (work.run,) if operation.takes_run else ()
    if "batch" in body:
        return [_one(operation, first, params) for params in body["params"]]
    return _one(operation, first, body["params"])


def _one(operation: Operation, first: tuple[Run, ...], params: Any) -> Any:
    result = operation.result.dump(operation.function(*first, **operation.params.load(params)))
    size = len(write_json(result))
    if size > LARGEST_RESULT:
        raise ValueError(
            f"the result has {size:,} bytes, and a job's record keeps {LARGEST_RESULT:,}: keep "
            "what is large in records(…), and give back where"
        )
    return result


def _error(error: Exception) -> Error:
    """What a failed attempt says. An unknown error may be mended by another try."""
    if isinstance(error, Misfit):
        return Error("misfit", str(error), final=True)
    if isinstance(error, Problem) and not isinstance(error, Internal):
        final = not error.retry or isinstance(error, Invalid)
        return Error(
            getattr(error, "kind", "internal"),
            error.detail,
            final,
            error.after,
            "" if final else _traceback(error),
            _members(error),
        )
    return Error("internal", f"{type(error).__name__}: {error}", traceback=_traceback(error))


def _members(error: Problem) -> dict[str, Any]:
    try:
        return dict(plain(error.members))
    except (TypeError, ValueError):
        return {}


def _traceback(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    return text if len(text) <= TRACEBACK else f"…{text[-TRACEBACK:]}"
