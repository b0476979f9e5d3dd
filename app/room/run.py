"""Run: what a function may ask of its job. Every ask is a boundary, where a run can stop and later
go on as if nothing had been.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from decimal import Decimal
from io import BufferedIOBase
from itertools import islice
from math import isfinite
from numbers import Integral, Real
from os import PathLike
from typing import Any, BinaryIO, Literal

from app.ports import Body, Clock
from app.ports.spans import NOTHING, Tracer
from app.room import job
from app.room.boundary import Boundary, Control
from app.room.children import Children, Results
from app.room.duration import seconds
from app.room.errors import TimedOut, sayable
from app.room.files import File
from app.room.hush import hushed
from app.room.job import Wait
from app.room.journal import Misfit, Oversized, copied
from app.room.ledger import Lost
from app.room.notes import WRITE_EVERY, Notes
from app.room.records import Collection, records
from app.room.run_files import RunFiles
from app.room.schema.plain import plain
from app.room.step_error import remembered, revived
from app.room.strict_json import write_json

NOTE = 200  # characters of what progress says
SIGNAL_NAME = 128  # characters of a name that a signal can come by

STEP = "step.json"  # the file of a value that the journal can't hold


class Run:
    """A job's own side of it, given to a function whose first parameter is called `run`."""

    def __init__(
        self,
        notes: Notes,
        boundary: Boundary,
        children: Children,
        control: Control,
        clock: Clock,
        files: RunFiles,
        tracer: Tracer,
    ) -> None:
        self._notes, self._boundary, self._children = notes, boundary, children
        self._files, self._tracer = files, tracer
        self._watch, self._clock = control.watch, clock

    @property
    def id(self) -> str:
        """The job's id."""
        return self._notes.record.id

    @property
    def operation(self) -> str:
        return str(self._notes.record.body["operation"])

    @property
    def owner(self) -> str:
        """Whose job it is."""
        return self._notes.record.owner

    @property
    def key(self) -> str | None:
        """The idempotency key, if the job was given one."""
        return self._notes.record.body.get("key")

    @property
    def attempt(self) -> int:
        """1 for the first; continuations and wake-ups do not count."""
        return job.attempt(self._notes.record)

    @property
    def state(self) -> dict[str, Any]:
        """A dict of your own, saved with each checkpoint, in the same write."""
        return self._notes.state

    @property
    def remaining(self) -> float:
        """Seconds of this slice that are left; infinite where nothing limits it."""
        return self._boundary.remaining

    @property
    def cancelled(self) -> bool:
        """Was the job asked to stop? The next boundary stops it; a long loop may ask itself."""
        return self._boundary.cancelled

    def step(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """What `function` gives, as JSON has it; from then on it is remembered, and not run again.

        It may run twice if the process dies after it and before it is remembered. What it raises
        is remembered too, if you catch it and go on; else the next attempt runs it again.
        """
        self._boundary.check()
        if not callable(function):
            raise TypeError(
                f"run.step({name!r}, …): give it the function itself, and what it "
                "takes behind it: run.step(name, function, *args)"
            )
        journal = self._notes.journal
        if (entry := journal.ask("step", name)) is not None:
            if "e" in entry:
                raise revived(entry["e"])
            return self._files.kept(entry["f"]) if "f" in entry else copied(entry["v"])
        began = self._clock.now()
        self._watch("begin", name)
        try:
            with journal.inside(name), self._span(name):
                value = plain(function(*args, **kwargs))
            self._watch("end", name)
            times = [_milli(began), _milli(self._clock.now())]
            try:
                journal.add("step", name, v=value, t=times)
            except Oversized:
                kept = self._files.keep(write_json(value), STEP, journal.spot())
                journal.add("step", name, f=kept.id, t=times)
        except (Misfit, Lost):
            raise
        except Exception as error:
            journal.add("step", name, e=remembered(error))
            self._notes.note()
            raise
        self._notes.save()
        return copied(value)

    def each(
        self, items: Iterable[Any], *, note: str = "", every: int | float | str | timedelta = "1s"
    ) -> Iterator[Any]:
        """Each item, beginning where an earlier run of this job came to.

        The place and `run.state` are saved after every so many items, or every so much time; the
        items since then come again after a crash. So `items` must read the same each time. A
        later run finds `run.state` here as it was saved, whatever it did to it before the loop.
        """
        self._boundary.check()
        pace = _every(every)
        journal = self._notes.journal
        total = len(items) if isinstance(items, Sized) else None
        if (entry := journal.ask("each", "each")) is None:
            entry = journal.add("each", "each", at=0)
        else:
            self._notes.restore()
        if entry.get("done"):
            return
        yield from self._rest(items, entry, pace, total, note)
        entry["done"] = True
        self._notes.note()
        self._notes.save()

    def sleep(self, duration: float | str | timedelta) -> None:
        """Goes on after so much time; the worker is free meanwhile, however long it is."""
        self._pause(self._clock.now() + _seconds(duration), "sleep")

    def until(self, moment: datetime | float) -> None:
        """Goes on at a time: a datetime with a zone, or seconds since the epoch."""
        self._pause(_moment(moment), "until")

    def map(
        self,
        operation: str | Callable[..., Any],
        items: Iterable[Any],
        *,
        batch: int = 1,
        failures: Literal["stop", "collect"] = "stop",
    ) -> Results:
        """Runs an operation on each of `items`, its parameters, as jobs of their own.

        They run wherever there is room, while this one waits in the store. The results come in
        order, read one by one. `failures`: "stop" ends this job with the first that failed for
        good; "collect" puts the error in its place.
        """
        self._boundary.check()
        return self._children.map(operation, items, batch, failures)

    def wait_for(self, name: str, timeout: float | str | timedelta | None = None) -> Any:
        """The value that `POST /v1/jobs/{id}/signals/{name}` brings; `TimedOut` if none comes."""
        self._boundary.check()
        _check_signal(name)
        journal, now = self._notes.journal, self._clock.now()
        until = None if timeout is None else now + _seconds(timeout)
        entry = journal.ask("signal", name) or journal.add("signal", name, until=until)
        if "v" in entry:
            return copied(entry["v"])
        self._bound(entry, until)
        if not entry.get("done"):
            self._take_signal(entry, name, now)
        if "v" in entry:
            return copied(entry["v"])
        raise TimedOut(f"No signal {name!r} came in time.")

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """How far it is; shown live, written at most each second."""
        self._tell(_number(done), None if total is None else _number(total), note)
        self._notes.save_if(WRITE_EVERY)

    def log(self, *words: object) -> None:
        """A line that is kept with the job."""
        self._notes.log.add("INFO", " ".join(map(str, words)))

    def records(self, collection: str) -> Collection:
        """State of your own that outlives the job; as `from app import records`."""
        return records(collection)

    def open(self, file: File | str | Mapping[str, Any]) -> BufferedIOBase:
        """The bytes of a file as a stream to read, and to seek in; never all in memory.

        Close it, or open it by `with`.
        """
        return self._files.open(file)

    def save(
        self,
        content: bytes | str | PathLike[str] | BinaryIO,
        *,
        name: str | None = None,
        type: str | None = None,
    ) -> File:
        """Keeps the bytes, or those of the file at a path or of a stream, as a file.

        It is kept as long as its job. When the run comes here again, it writes the same file anew.
        """
        return self._files.save(content, name, type)

    def _rest(
        self,
        items: Iterable[Any],
        entry: Body,
        pace: tuple[int, float],
        total: int | None,
        note: str,
    ) -> Iterator[Any]:
        """The items that are left; the entry keeps count."""
        many, pause = pace
        journal, shown = self._notes.journal, note or "each"
        mark = journal.mark()
        self._notes.begin_item()
        self._tell(entry["at"], total, note)
        for item in _since(items, entry["at"]):
            self._boundary.check()
            self._watch("begin", shown)
            try:
                yield item
            except GeneratorExit:
                journal.leave(entry)
                raise
            self._watch("end", shown)
            journal.cut(mark)
            entry["at"] += 1
            self._tell(entry["at"], total, note)
            self._notes.begin_item()
            if many and entry["at"] % many == 0:
                self._notes.save()
            elif not many:
                self._notes.save_if(pause)
        self._tell(entry["at"], entry["at"], note)

    def _pause(self, until: float, kind: str) -> None:
        self._boundary.check()
        journal = self._notes.journal
        entry = journal.ask(kind, kind) or journal.add(kind, kind, until=until)
        self._bound(entry, until)
        if self._clock.now() < entry["until"]:
            self._boundary.suspend(Wait("sleep", until=entry["until"]))

    def _bound(self, entry: Body, until: float | None) -> None:
        """No pause is longer than it would be if it began now: the clock was ahead when it did."""
        if until is not None and entry["until"] is not None and until < entry["until"]:
            entry["until"] = until
            self._notes.journal.measure(entry)

    def _take_signal(self, entry: Body, name: str, now: float) -> None:
        """Into the journal, and out of the signals that wait, in one write."""
        waiting = self._notes.look().body.get("signals", {})
        late = entry["until"] is not None and now >= entry["until"]
        if name in waiting:
            entry.update(v=waiting[name][0], done=True)
            self._notes.journal.measure(entry)
            self._notes.save(lambda found: job.taken(found, name))
        elif late:
            entry["done"] = True
            self._notes.save()
        else:
            self._boundary.suspend(Wait("signal", name, entry["until"]))

    def _span(self, step: str) -> AbstractContextManager[object]:
        if not self._tracer.on:
            return NOTHING
        return self._tracer.span(f"step {hushed(str(step), self._notes.log.secrets)}")

    def _tell(self, done: float, total: float | None, note: str) -> None:
        text = sayable(hushed(str(note), self._notes.log.secrets)[:NOTE])
        self._notes.tell([plain(done), plain(total), text])


def _since(items: Iterable[Any], place: int) -> Iterator[Any]:
    """A map's results are read one by one, so that those before are passed by."""
    if isinstance(items, Results):
        return items.since(place)
    return islice(iter(items), place, None)


def _check_signal(name: Any) -> None:
    """One that cannot come would be waited for in vain."""
    if not (isinstance(name, str) and 1 <= len(name) <= SIGNAL_NAME):
        raise ValueError(
            f"run.wait_for({name!r}): a signal's name has 1 to {SIGNAL_NAME} characters"
        )


def _moment(value: Any) -> float:
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError("run.until needs a datetime with a zone, or nobody knows when")
        return value.timestamp()
    if not isinstance(value, Real):
        raise TypeError(f"run.until({value!r}): give it a datetime with a zone, or seconds")
    return float(value)


def _number(value: Any) -> float:
    """Whoever looks at jobs reckons with it."""
    if not (isinstance(value, Real | Decimal) and isfinite(value)):
        raise ValueError(f"run.progress has {value!r}: give it numbers, as in (3, 10, 'drawing')")
    return int(value) if isinstance(value, Integral) else float(value)


def _milli(moment: float) -> float:
    """In a tenth of the time of `round`."""
    return int(moment * 1000) / 1000


def _every(every: int | float | str | timedelta) -> tuple[int, float]:
    """Items, or else seconds, between two saves."""
    if isinstance(every, bool) or (isinstance(every, int) and every < 1):
        raise ValueError(f"every={every!r}: give a number of items, or a duration such as '5s'")
    return (every, 0.0) if isinstance(every, int) else (0, _seconds(every))


def _seconds(duration: float | str | timedelta) -> float:
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    return seconds(duration)
