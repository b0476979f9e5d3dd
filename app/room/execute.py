"""Runs a job's function, here and now, and says how that ended. Writes only what the run itself
asks to write.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.ports import Ports, Record
from app.room.boundary import Boundary, Control, Stopped, Suspended
from app.room.capture import captured
from app.room.children import Children
from app.room.claim import INLINE, RESULT, RESULT_FILE, Claims
from app.room.deadline import undisturbed
from app.room.errors import Problem, Unavailable, sayable
from app.room.file_uses import note_uses
from app.room.files import finding, ids_in
from app.room.hush import hush
from app.room.job import Ending, Error, Wait, attempt
from app.room.job_error import DETAIL, error_of
from app.room.ledger import Ledger, Lost
from app.room.notes import Notes
from app.room.operation import Operation, Registry
from app.room.records import opened
from app.room.run import Run
from app.room.run_files import RunFiles
from app.room.shelf import Shelf
from app.room.strict_json import write_json

if TYPE_CHECKING:
    from app.room.change import Changes

LOOK_FOR_OPERATION = 60.0  # seconds between looks whether a job's operation is declared again
LONGEST_UNDECLARED = 86400.0


@dataclass(frozen=True)
class Work:
    """A claimed job that is ready to run here."""

    record: Record
    operation: Operation
    notes: Notes
    run: Run
    boundary: Boundary
    ports: Ports
    files: RunFiles


def execute(
    registry: Registry,
    ports: Ports,
    ledger: Ledger,
    changes: "Changes",
    record: Record,
    control: Control,
    host: Callable[[Notes], None] | None = None,
    *,
    alone: bool = True,
) -> Ending:
    """How one run of a claimed job ended. `Lost` when another has claimed it meanwhile.

    `host` is shown the notes, to have them shown by a thread of its own. `alone`: nothing else
    runs in this process, so what is logged and printed is the job's.
    """
    began = ports.clock.monotonic()
    operation = registry.known(record.body["operation"])
    if operation is None:
        return _undeclared(record, ports.clock.now())
    try:
        notes = Notes(ledger, record, ports.clock)
    except Problem as error:  # a page of its journal can't be read
        return Ending("failed", error=error_of(error))
    boundary = Boundary(notes, control, ports.clock)
    children = Children(registry, ports, ledger, notes, boundary)
    files = RunFiles(ports, notes)
    run = Run(notes, boundary, children, control, ports.clock, files, ports.tracer)
    if host is not None:
        host(notes)
    find = Shelf(ports).finder(record.owner)
    log = captured(notes.log) if alone else nullcontext()
    with opened(ports, lambda: changes), log, finding(find):
        ending = _traced(Work(record, operation, notes, run, boundary, ports, files))
    return _with_notes(ending, notes, ports.clock.monotonic() - began)


def _with_notes(ending: Ending, notes: Notes, ran: float) -> Ending:
    if notes.trouble is not None:
        ending = _troubled(ending, notes.trouble)
    try:
        own = notes.of_failure() if ending.what == "failed" else notes.own()
    except (TypeError, ValueError) as error:  # a state that does not fit into JSON
        own = {}
        ending = Ending("failed", error=error_of(error))
    return replace(ending, own=own | ending.own, ran=ran)


def _undeclared(record: Record, now: float) -> Ending:
    """Somebody may have started the service without its modules: the job waits for them, for a day
    from when they were missed, however long ago it was to start."""
    name, wait = record.body["operation"], record.body.get("wait", {})
    since = wait.get("since", now) if wait.get("for") == "operation" else now
    if now < since + LONGEST_UNDECLARED:
        until = now + LOOK_FOR_OPERATION
        return Ending("waiting", wait=Wait("operation", name, until, since))
    text = (
        f"There was no operation {name} for a day: declare it again (MANYDOORS_OPERATIONS names "
        "the modules) and retry, or submit the job to another."
    )
    return Ending("failed", error=Error("unknown", text, final=True))


def _traced(work: Work) -> Ending:
    """Under what asked for the job, however long ago."""
    record, name, tracer = work.record, work.operation.name, work.ports.tracer
    if not tracer.on:
        return _ending(work)
    facts = {
        "messaging.system": "manydoors",
        "messaging.operation.type": "process",
        "messaging.destination.name": name,
        "messaging.message.id": record.id,
        "manydoors.attempt": attempt(record),
        "manydoors.source": record.body.get("source", ""),
    }
    with tracer.span(f"run {name}", "consumer", facts, record.body.get("trace")) as span:
        ending = _ending(work)
        span.tell({"manydoors.ending": ending.what})
        if ending.error is not None:
            span.fail(ending.error.kind)
        return ending


def _ending(work: Work) -> Ending:
    try:
        result = _call(work)
        if work.boundary.parting is not None:
            return Ending("failed", error=Error("internal", _SWALLOWED, final=True))
        work.notes.journal.check_spent()
        with undisturbed():
            return _succeeded(work, result)
    except Suspended as parting:
        return Ending("waiting", wait=parting.wait)
    except Stopped as parting:
        return Ending(parting.what)
    except (Lost, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it does, the job has an ending
        return Ending("failed", error=error_of(error))
    except SystemExit as error:
        text = sayable(f"It called sys.exit({error.code})."[:DETAIL])
        return Ending("failed", error=Error("internal", text))


def _troubled(ending: Ending, trouble: Exception) -> Ending:
    """Of a run whose write went wrong, whatever it made of that. It waits for no longer than the
    job's own backoff: whoever claims it next has found the store at work."""
    if ending.what == "failed" and not isinstance(trouble, Unavailable):
        return ending
    return Ending("failed", error=replace(error_of(trouble), after=None))


_SWALLOWED = (
    "The function caught what ends a run at a boundary: write `except Exception`, for a bare "
    "`except` or `except BaseException` stops a run from sleeping, waiting and being continued."
)


def _call(work: Work) -> Any:
    operation, body = work.operation, work.record.body
    first = (work.run,) if operation.takes_run else ()
    with undisturbed():  # a late call must not keep what it holds of the store
        params = Claims(work.ports).of_job(work.record, operation)
    work.notes.log.secrets = hush(params, operation)
    if "batch" in body:
        return [_one(operation, first, each) for each in params]
    return _one(operation, first, params)


def _succeeded(work: Work, result: Any) -> Ending:
    """With the result, or with the file that it is in, which is there before the job says so."""
    written = write_json(result)
    note_uses(work.ports, work.record.owner, [(work.record.id, ids_in(written))])
    if len(written) <= INLINE:
        return Ending("succeeded", result=result)
    return Ending("succeeded", own={RESULT_FILE: work.files.keep(written, RESULT).id})


def _one(operation: Operation, first: tuple[Run, ...], params: Any) -> Any:
    with undisturbed():
        arguments = operation.params.load(params)
    return operation.result.dump(operation.function(*first, **arguments))
