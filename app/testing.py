"""For tests of your own operations: a room in this process, with a clock that you own.

    from app.testing import Testing

    def test_the_sheet_survives_a_crash():
        with Testing() as service:
            job = service.submit("cats.sheet", pics=["a", "b"])
            service.crash_at("draw")
            service.run()
            assert service.result(job) == "sheet.png"
            assert service.crashes == 1

Jobs run when `run` is called, one after another, to their end; what sleeps is woken by moving the
clock, so a day takes no time. The store is the embedded one, in a folder that is taken away; inside
the block `records(…)` means it, for the test as for the operations.
"""

import io
import json
import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from app.config import Settings
from app.ports import Hint, Letter, Ports, Record, Records, Reply
from app.room.boundary import Control
from app.room.call import LOCAL, Call, Outcome
from app.room.duration import seconds
from app.room.enter import Room
from app.room.errors import Invalid, Problem
from app.room.files import by_id, guessed_type
from app.room.job import JOBS, QUEUED, RUNNING, SUCCEEDED, WAITING, Ending, waits_for
from app.room.lane import LANES
from app.room.ledger import Lost
from app.room.operation import REGISTRY, Registry
from app.room.records import opened
from app.room.schema.plain import plain
from app.room.shelf import Wish
from app.room.standing import tend
from app.room.tick import Ticker
from app.room.walk import walked

BEGIN = 1_767_225_600.0  # 2026-01-01T00:00:00Z
MOST_RUNS = 100_000


class Crash(BaseException):
    """Stands for the death of the process: nothing after it is written."""


class OwnClock:
    """Time that only moves when it is told to."""

    def __init__(self, now: float = BEGIN) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


class Silent:
    """A queue that tells nobody."""

    def ring(self, *hints: Hint) -> None:
        """Nobody sleeps here."""


class Mailbox:
    """A post that keeps what it is given, and answers as it is told to: 200, unless it is."""

    local = False

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.answers: list[Reply | Problem] = []

    def send(self, letter: Letter, *, refuse: Callable[[str], str | None], within: float) -> Reply:
        self.letters.append(letter)
        answer = self.answers.pop(0) if self.answers else Reply(200)
        if isinstance(answer, Problem):
            raise answer
        return answer


@dataclass
class _Plan:
    """The crashes that a test has asked for, at one step."""

    step: str
    times: int
    skip: int
    seen: int = 0
    crashed: int = 0

    def is_turn(self) -> bool:
        self.seen += 1
        is_turn = self.skip < self.seen <= self.skip + self.times
        self.crashed += is_turn
        return is_turn


class Testing(AbstractContextManager["Testing"]):
    """A service without processes."""

    __test__ = False  # pytest takes names that begin so for tests

    def __init__(
        self,
        registry: Registry = REGISTRY,
        *,
        slice: float | None = None,
        records: Records | None = None,
    ) -> None:
        """`slice`: seconds after which a run must go on in another, as MANYDOORS_SLICE sets it.
        `records`: a store of your own, which stays open."""
        self.clock = OwnClock()
        self.slice = slice
        self.crashes = 0
        self._open = ExitStack()
        numbers = count(1)
        store = self._fresh_ports()
        ports = replace(
            store,
            records=store.records if records is None else records,
            clock=self.clock,
            new_id=lambda prefix: f"{prefix}_{next(numbers):026}",
            queue=Silent(),
            post=(mailbox := Mailbox()),
        )
        self.mailbox = mailbox
        self.room = Room(registry, ports)
        self._plans: list[_Plan] = []
        self._reached: Counter[str] = Counter()  # how often runs came to the end of each step

    def __enter__(self) -> "Testing":
        self._open.enter_context(opened(self.room.ports, lambda: self.room.engine.changes))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()
        if kind is None:
            self._check_plans()

    # What callers do

    def call(self, name: str, /, **params: Any) -> Any:
        """What the operation gives at once; raises the problem, if it has one."""
        return self._enter(Call(name, plain(by_id(params)))).value

    def submit(
        self,
        name: str,
        params: Mapping[str, Any] | None = None,
        /,
        *,
        key: str | None = None,
        delay: str | float | timedelta = 0.0,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> str:
        """A job's id. It runs when `run` is called; what is told of its end is in `mailbox`."""
        due = self.clock.now() + _seconds(delay)
        call = Call(
            name,
            plain(by_id({**(params or {}), **more})),
            key=key,
            due=due,
            priority=priority,
            callback_url=callback_url,
            asynchronous=True,
        )
        return str(json.loads(self._enter(call).json)["id"])

    def job(self, id: str) -> dict[str, Any]:
        """The job as GET /v1/jobs/{id} shows it."""
        return self.room.view(self.room.engine.get(id, LOCAL))

    def jobs(self, operation: str | None = None) -> list[dict[str, Any]]:
        """All jobs, or those of one operation, the oldest first: children of `run.map` too."""
        found = [record for record in self._records() if record.owner == LOCAL.owner]
        return [
            self.room.view(record)
            for record in found
            if operation in (None, record.body["operation"])
        ]

    def result(self, id: str) -> Any:
        """Of a job that succeeded; an AssertionError tells why it did not."""
        record = self.room.engine.get(id, LOCAL)
        if record.label != SUCCEEDED:
            raise AssertionError(_why_not(record))
        return self.room.linked(self.room.claims.result(record), record.owner)

    def error(self, id: str) -> dict[str, Any]:
        """Why it failed, or its last attempt did: kind, detail and the like; {} if none did."""
        return dict(self.room.engine.get(id, LOCAL).body.get("error") or {})

    def log(self, id: str) -> list[str]:
        """The lines that the job has logged or printed."""
        record = self.room.engine.get(id, LOCAL)
        return [text for _, _, text in record.body.get("log", {}).get("lines", [])]

    def file(self, content: bytes, name: str = "file", type: str | None = None) -> str:
        """The id of a new file, for a parameter that takes one."""
        wish = Wish(name, type or guessed_type(name), len(content))
        return self.room.shelf.keep(wish, io.BytesIO(content), LOCAL.owner).id

    def content(self, file: str | Mapping[str, Any]) -> bytes:
        """The bytes of a file, named by its id or as a result names it."""
        id = file if isinstance(file, str) else file["file"]
        with self.room.shelf.open(id, LOCAL.owner) as stream:
            return stream.read()

    def signal(self, id: str, name: str, value: Any = None) -> None:
        """Brings a value to `run.wait_for(name)`."""
        self.room.engine.signal(id, name, value, LOCAL)

    def cancel(self, id: str) -> None:
        self.room.engine.cancel(id, LOCAL)

    def retry(self, id: str) -> str:
        """The id of a new job like that one, which has ended."""
        return self.room.engine.retry(id, LOCAL).id

    # What goes wrong, and what time it is

    def crash_at(self, step: str, *, times: int = 1, skip: int = 0) -> None:
        """The next `times` that a run comes to the end of that step, its process dies: after the
        step's function, and before its result is remembered. The first `skip` times go well.

        An item of `run.each` is a step of that kind too, by the loop's note, or else "each". A
        crash that never came is an AssertionError at the end of the block.
        """
        self._plans.append(_Plan(step, times, skip))

    def advance(self, duration: str | float | timedelta) -> None:
        """Moves the clock. What has become due by that runs at the next `run`."""
        self.clock.sleep(_seconds(duration))

    # What clocks and workers do

    def tick(self) -> int:
        """Makes the jobs of schedules that are due by now, those of `on=[Cron(…), Every(…)]` too,
        whose first due time comes after the first tick. Says how many."""
        tend(self.room.registry, self.room.ports)
        return Ticker(self.room.registry, self.room.ports).tick().jobs

    def run(self) -> None:
        """Runs what is due, and what becomes due, until nothing is left but to wait for signals.

        The clock moves as far as that takes, but never to the timeout of a `run.wait_for`: there
        `advance` goes.
        """
        for _ in range(MOST_RUNS):
            if self.run_next() is None:
                if (due := self._next_due()) is None:
                    return
                self.clock.sleep(due - self.clock.now())
        raise RuntimeError(f"After {MOST_RUNS:,} runs there is still more to run.")

    def run_next(self) -> str | None:
        """One run of the most pressing job that is due, to its end or to where it waits; its id.
        None when nothing is due now."""
        while self.room.engine.orphans.sweep():
            pass
        claimed = self.room.engine.claim()
        if not claimed:
            return None if self._next_due(self.clock.now()) is None else self.run_next()
        self.run_once(claimed[0])
        return claimed[0].id

    def run_only(self, id: str) -> None:
        """Runs that job alone while it is due, its children not; others stay as they are."""
        others: list[tuple[Record, Ending]] = []
        while claimed := self.room.engine.claim():
            if claimed[0].id == id:
                self.run_once(claimed[0])
            else:
                others.append((claimed[0], Ending("returned")))
        self.room.engine.settle(others)

    def run_once(self, claimed: Record) -> None:
        until = float("inf") if self.slice is None else self.clock.monotonic() + self.slice
        engine = self.room.engine
        try:
            ending = engine.execute(claimed, Control(until, self._watch))
            engine.settle([(claimed, ending)])
        except Crash:
            self.crashes += 1  # found again once the lease is over
        except Lost:
            return

    def _watch(self, moment: str, name: str) -> None:
        if moment != "end":
            return
        self._reached[name] += 1
        for plan in self._plans:
            if plan.step == name and plan.is_turn():
                raise Crash(name)

    def _check_plans(self) -> None:
        """A test of a crash that never came would show nothing."""
        vain = next((plan for plan in self._plans if not plan.crashed), None)
        if vain is None:
            return
        ends = ", ".join(f"{name!r} ({count})" for name, count in self._reached.items())
        raise AssertionError(
            f"crash_at({vain.step!r}, skip={vain.skip}) crashed nothing. The steps whose end runs "
            f"came to, and how often: {ends or 'none'}."
        )

    def _enter(self, call: Call) -> Outcome:
        """Raises its problem: with each parameter that is wrong, or what callers are not told."""
        errors = _Errors()
        logger = logging.getLogger("manydoors.room")
        logger.addHandler(errors)
        try:
            outcome = self.room.enter(call)
        finally:
            logger.removeHandler(errors)
        if outcome.problem is None:
            return outcome
        if isinstance(outcome.problem, Invalid):
            for wrong in outcome.problem.errors:
                outcome.problem.add_note(f"{wrong.pointer}: {wrong.detail}")
        raise outcome.problem from errors.last

    def _next_due(self, until: float = float("inf")) -> float | None:
        """When something is to be looked at again; None when all wait for somebody outside."""
        lanes = walked(self.room.ports.records, LANES)
        active = [one for label in (QUEUED, RUNNING, WAITING) for one in self._records(label)]
        dues = [one.due for one in (*lanes, *active) if not waits_for(one, "signal")]
        return min((due for due in dues if due is not None and due <= until), default=None)

    def _records(self, label: str | None = None) -> Iterator[Record]:
        return walked(self.room.ports.records, JOBS, label=label, newest_first=False)

    def _fresh_ports(self) -> Ports:
        from app.wiring import make_ports

        folder = Path(tempfile.mkdtemp(prefix="manydoors-"))
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        ports = make_ports(Settings(data=folder, min_free=1))
        self._open.callback(ports.records.close)
        return ports


class _Errors(logging.Handler):
    """Catches what the room logs of an operation that failed."""

    last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.last = record.exc_info[1]


def _why_not(record: Record) -> str:
    wait = record.body.get("wait", {})
    if waits_for(record, "signal"):
        return f"the job waits for a signal: service.signal({record.id!r}, {wait['name']!r}, …)"
    error = record.body.get("error") or {}
    told = f"the job is {record.label}"
    if error:
        told += f"; {error['kind']}: {error['detail']}"
    if "traceback" in error:
        told += f"\n{error['traceback']}"
    return told if error or record.label not in (QUEUED, WAITING) else f"{told}: call service.run()"


def _seconds(duration: str | float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else seconds(duration)
