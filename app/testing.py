"""For tests of your own operations: a room in this process, with a clock that you own.

    from app.testing import Testing

    def test_the_sheet_survives_a_crash():
        with Testing() as service:
            job = service.submit("cats.sheet", pics=["a", "b"])
            service.crash_at("draw")
            service.run()
            assert service.job(job)["status"] == "succeeded"

Jobs run when `run` is called, one after another, to their end; what sleeps is woken by moving the
clock, so a day takes no time. The store is the embedded one, in a folder that is taken away.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from app.config import Settings
from app.ports import Ports, Record
from app.room.boundary import Control
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.job import TERMINAL
from app.room.ledger import Lost
from app.room.operation import REGISTRY, Registry

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

    def ring(self, id: str, delay: float = 0.0) -> None:
        """Nobody sleeps here."""


class Testing(AbstractContextManager["Testing"]):
    """A service without processes."""

    __test__ = False  # for pytest, which takes any Test… for tests

    def __init__(self, registry: Registry = REGISTRY, *, slice: float | None = None) -> None:
        """`slice`: seconds after which a run must go on in another, as MANYDOORS_SLICE sets it."""
        from app.wiring import make_ports

        self.clock = OwnClock()
        self.slice = slice
        self._folder = Path(tempfile.mkdtemp(prefix="manydoors-"))
        records = make_ports(Settings(data=self._folder, min_free=1)).records
        numbers = count(1)
        ports = Ports(records, self.clock, lambda prefix: f"{prefix}_{next(numbers):026}", Silent())
        self.room = Room(registry, ports)
        self._crashes: list[tuple[str, int]] = []

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.room.ports.records.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def call(self, name: str, **params: Any) -> Any:
        """What the operation gives at once; raises the problem, if it has one."""
        outcome = self.room.enter(Call(name, params))
        if outcome.problem:
            raise outcome.problem
        return outcome.value

    def submit(self, name: str, **params: Any) -> str:
        """A job's id. It runs when `run` is called."""
        outcome = self.room.enter(Call(name, params, asynchronous=True))
        if outcome.problem:
            raise outcome.problem
        return str(json.loads(outcome.json)["id"])

    def job(self, id: str) -> dict[str, Any]:
        """The job as GET /v1/jobs/{id} shows it."""
        return self.room.view(self.room.engine.get(id, LOCAL))

    def result(self, id: str) -> Any:
        """Of a job that succeeded; an AssertionError says why it did not."""
        job = self.job(id)
        assert job["status"] == "succeeded", f"the job is {job['status']}: {job['error']}"  # noqa: S101
        return job["result"]

    def log(self, id: str) -> list[str]:
        """The lines that the job has logged or printed."""
        record = self.room.engine.get(id, LOCAL)
        return [text for _, _, text in record.body.get("log", {}).get("lines", [])]

    def signal(self, id: str, name: str, value: Any = None) -> None:
        self.room.engine.signal(id, name, value, LOCAL)

    def cancel(self, id: str) -> None:
        self.room.engine.cancel(id, LOCAL)

    def crash_at(self, step: str, *, times: int = 1) -> None:
        """The next `times` that a run comes to the step's end, its process dies: after the step's
        function, and before that is remembered."""
        self._crashes.append((step, times))

    def run(self) -> None:
        """Runs what is due, and what becomes due, until nothing is left but to wait for signals."""
        for _ in range(MOST_RUNS):
            if not (claimed := self.room.engine.claim()):
                if (due := self._next_due()) is None:
                    return
                self.clock.sleep(due - self.clock.now())
                continue
            self.run_once(claimed[0])
        raise RuntimeError(f"After {MOST_RUNS:,} runs there is still more to run.")

    def run_once(self, claimed: Record) -> None:
        """One slice of one job."""
        until = float("inf") if self.slice is None else self.clock.monotonic() + self.slice
        engine = self.room.engine
        try:
            ending = engine.execute(claimed, Control(until, self._watch))
            engine.settle([(claimed, ending)])
        except (Crash, Lost):
            return  # found again once the lease is over

    def _watch(self, moment: str, name: str) -> None:
        for place, (step, times) in enumerate(self._crashes):
            if moment == "end" and step == name:
                self._crashes[place : place + 1] = [(step, times - 1)] if times > 1 else []
                raise Crash(name)

    def _next_due(self) -> float | None:
        """When something is to be looked at again; None when all wait for somebody outside."""
        dues = [record.due for record in self._active() if not _waits_for_a_signal(record)]
        return min((due for due in dues if due is not None), default=None)

    def _active(self) -> Sequence[Record]:
        records = self.room.ports.records
        found: list[Record] = []
        for label in ("queued", "running", "waiting"):
            cursor: str | None = None
            while True:
                page = records.list("jobs", label=label, cursor=cursor, limit=200)
                found += page.items
                if (cursor := page.next) is None:
                    break
        return found


def _waits_for_a_signal(record: Record) -> bool:
    wait = record.body.get("wait", {})
    return record.label not in TERMINAL and wait.get("for") == "signal"
