"""Runs jobs that are due, one after another, in this process and in the time that it has."""

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from app.ports import Record
from app.room.boundary import FOREVER, Control
from app.room.enter import Room
from app.room.errors import Problem, Unavailable, sayable
from app.room.job import Ending, Error
from app.room.job_error import DETAIL, TRACEBACK
from app.room.ledger import Lost
from app.room.notes import Notes

SHOW_EVERY = 1.0  # seconds
LOOK_EVERY = 5.0  # seconds between looks at whether the job is still wanted, and its own
FIRST_PAUSE = 0.1  # seconds before an ending that could not be written is written again
SWEPT = 10  # files that are over, at once
SWEEPS = 50  # of so many, at each tick
EMPTY_CLAIMS = 2  # a claim may find only what needs no run; of this many, nothing is due

log = logging.getLogger("manydoors.lambda")


def work(
    room: Room,
    until: float,
    most: int | None,
    slice: float | None = None,
    hint: str | None = None,
) -> int:
    """Runs up to `most` jobs, all that are due without it; none is begun after `until`, by the
    monotonic clock. Says how many. `hint`: the job that was rung for."""
    runs = empty = 0
    clock = room.ports.clock
    while clock.monotonic() < until and (most is None or runs < most) and empty < EMPTY_CLAIMS:
        claimed = room.engine.claim(hint=hint)
        empty = 0 if claimed or room.engine.has_more else empty + 1
        for record in claimed:
            _one(room, record, min(until, clock.monotonic() + (slice or FOREVER)), until)
            runs += 1
    if hint is None and clock.monotonic() < until:
        with suppress(Problem):  # at the next tick
            _sweep_files(room, until)
    return runs


def _sweep_files(room: Room, until: float) -> None:
    for _ in range(SWEEPS):
        if room.shelf.sweep(SWEPT) < SWEPT or room.ports.clock.monotonic() >= until:
            return


def _one(room: Room, record: Record, end: float, until: float) -> None:
    seen: list[Notes] = []
    try:
        ending = _ending(room, record, end, seen)
    except Lost:
        return
    _settle(room, seen[0].record if seen else record, ending, until)


def _ending(room: Room, record: Record, end: float, seen: list[Notes]) -> Ending:
    """How it ended; also of a run that ended by what is no Exception, or that the store left."""
    began, left = room.ports.clock.monotonic(), _left(room, record)
    control = Control(until=min(end, began + left))
    try:
        with _watched(room, record, control, seen):
            ending = room.engine.execute(record, control, seen.append)
    except (Lost, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - or this job would end each process that runs it
        return Ending("failed", error=_torn(error), own=_left_over(seen))
    if ending.what == "continued" and ending.ran >= left:
        return replace(ending, what="failed", error=_over_time(room, record))
    return ending


def _left(room: Room, record: Record) -> float:
    """Seconds that this attempt has still: nobody ends it with its process, but it is not
    continued past them."""
    body = record.body
    known = room.registry.known(body["operation"])
    if known is None:
        return FOREVER
    ran = float(body.get("spent", 0.0)) - float(body.get("wasted", 0.0))
    return known.policy.timeout - ran


def _over_time(room: Room, record: Record) -> Error:
    known = room.registry.known(record.body["operation"])
    limit = known.policy.timeout if known else 0.0
    return Error(
        "timeout",
        f"It ran longer than its timeout of {limit:g} s. Give the operation more time "
        "(timeout=…), or less to do.",
    )


def _torn(error: BaseException) -> Error:
    detail = sayable("".join(traceback.format_exception_only(error)).strip()[:DETAIL])
    told = sayable("".join(traceback.format_exception(error))[-TRACEBACK:])
    return Error("internal", detail, traceback=told)


def _left_over(seen: list[Notes]) -> dict[str, object]:
    with suppress(TypeError, ValueError):
        return seen[0].of_failure() if seen else {}
    return {}


@contextmanager
def _watched(room: Room, record: Record, control: Control, seen: list[Notes]) -> Iterator[None]:
    """Beside the run: what it says is shown, and a wish to cancel it is told to it."""
    over = threading.Event()

    def watch() -> None:
        shown = 0.0
        while not over.wait(SHOW_EVERY):
            with suppress(Problem):  # the run itself finds out what is wrong
                if seen:
                    seen[0].show()
                shown += SHOW_EVERY
                if shown >= LOOK_EVERY:
                    shown = 0.0
                    _look(room, record, control)

    watcher = threading.Thread(target=watch, name="watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _look(room: Room, record: Record, control: Control) -> None:
    try:
        if "cancel" in room.engine.renew(record).body:
            control.cancelled.set()
    except Lost:
        control.stop.set()


def _settle(room: Room, record: Record, ending: Ending, until: float) -> None:
    """Tried again while there is time; raises `Unavailable` after that, and the lease will end."""
    pause, clock = FIRST_PAUSE, room.ports.clock
    while True:
        try:
            room.engine.settle([(record, ending)])
            return
        except Unavailable:
            if clock.monotonic() + pause >= until:
                raise
            clock.sleep(pause)
            pause *= 2
        except Problem:
            raise
        except Exception as error:  # an ending that no store takes
            if ending.error is not None and ending.error.kind == "internal" and not ending.own:
                raise
            log.exception("an ending can not be written")
            unsaid = Error("internal", f"Its ending cannot be written: {error!r}"[:DETAIL])
            ending = Ending("failed", error=unsaid, ran=ending.ran)
