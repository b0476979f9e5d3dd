"""Every write of a whole life of jobs fails in turn, by a death of all processes or an answer lost.

Submissions with keys, alone and behind a gate, a map whose child fails once, a sleep, a signal, a
loop, a callback, a job that is put off, one that is alone: whatever write it is, all of them end as
if nothing had been, once each.
"""

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from app import Run
from app.ports import Record
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.engine import Engine
from app.room.errors import Conflict, Problem, Unavailable
from app.room.job import JOBS, TERMINAL
from app.room.ledger import Lost
from app.room.operation import Registry
from app.testing import Testing
from tests.room.fake_workers import Counted, Died
from tests.room.memory import stored_in_memory

URL = "https://example.com/hook"
LONG = bool(os.environ.get("MANYDOORS_TEST_LONG"))


class Life:
    """A service with one worker and one client, who says everything again until it is taken."""

    def __init__(self, service: Testing, cancelled: bool) -> None:
        self.service, self.cancelled = service, cancelled
        self.steps: Counter[int] = Counter()
        self.jobs: dict[str, str] = {}
        declare = service.room.registry.operation
        declare("leaf", long=True)(self._leaf)
        declare("tree", long=True)(self._tree)
        declare("late", long=True, debounce="5s")(lambda: "late")
        declare("alone", long=True, concurrency=1, singleton=True)(lambda: "alone")

    def _leaf(self, run: Run, n: int) -> int:
        got = run.step("count", self._count, n)
        if n == 2 and run.attempt == 1:
            raise ZeroDivisionError
        return int(got)

    def _count(self, n: int) -> int:
        self.steps[n] += 1
        return n * 10

    def _tree(self, run: Run) -> list[Any]:
        found = list(run.map("leaf", [{"n": n} for n in range(4)]))
        run.sleep(5)
        for n in run.each(range(4), every=1):
            run.state["sum"] = run.state.get("sum", 0) + n
        return [found, run.wait_for("go"), run.state["sum"]]

    def live(self) -> None:
        self.submit(Submission("tree", {}, key="tree", callback_url=URL))
        self.submit(*(Submission("leaf", {"n": n}, key=f"leaf {n}") for n in (7, 8)))
        for key in ("first", "second"):
            self.submit(Submission("late", {}, key=key))
            self.submit(Submission("alone", {}, key=key))
            self.work(3)
        self.ask(lambda: self.service.room.engine.signal(self.jobs["tree"], "go", 5, LOCAL))
        if self.cancelled:
            self.ask(lambda: self.service.room.engine.cancel(self.jobs["tree"], LOCAL))
        self.finish()
        for _ in range(2):  # what is at the same twice has a lease meanwhile
            self.service.advance(15)
            self.work(2)

    def submit(self, *some: Submission) -> None:
        engine = self.service.room.engine

        def submitted() -> None:
            made = engine.submit_all(some, LOCAL)
            self.jobs |= {str(one.key): job.id for one, job in zip(some, made, strict=True)}

        self.ask(submitted)

    def ask(self, act: Callable[[], Any]) -> None:
        for _ in range(100):
            try:
                act()
            except Unavailable:
                continue
            except Conflict as conflict:
                if "being used" in conflict.detail:
                    self.work(1)
                    continue
                return  # it was done before, and the answer lost
            return
        raise AssertionError("nobody takes it")

    def work(self, seconds: int) -> None:
        for _ in range(seconds):
            with suppress(Problem):
                while self.service.room.engine.orphans.sweep():
                    pass
            self.claim()
            self.service.advance(1)

    def claim(self) -> None:
        empty = 0
        while empty < 2:
            try:
                claimed = self.service.room.engine.claim(2)
            except Problem:
                return
            for record in claimed:
                self.run(record)
            empty = 0 if claimed or self.service.room.engine.has_more else empty + 1

    def run(self, record: Record) -> None:
        engine, seen = self.service.room.engine, list[Any]()
        try:
            ending = engine.execute(record, Control(), seen.append)
        except Lost:
            return
        for _ in range(3):
            with suppress(Unavailable):
                engine.settle([(seen[0].record if seen else record, ending)])
                return
        raise AssertionError("no store takes it")

    def outlive(self) -> None:
        room = self.service.room
        room.engine = Engine(room.registry, room.ports, room.engine.lease)

    def finish(self) -> None:
        for _ in range(40):
            self.work(5)
            if all(job["finished_at"] for job in self.service.jobs()):
                return
        raise AssertionError([job for job in self.service.jobs() if not job["finished_at"]])

    def check(self) -> None:
        service, records = self.service, self.service.room.ports.records
        names = Counter(job["operation"] for job in service.jobs())
        tree = service.job(self.jobs["tree"])
        if self.cancelled:
            assert tree["status"] in TERMINAL
        else:
            assert tree["result"] == [[0, 10, 20, 30], 5, 6]
            assert names["leaf"] == 6
            assert max(self.steps.values()) <= 2
        assert names["tree"] == 1
        assert names["webhooks.deliver"] == 1
        assert {letter.headers["webhook-id"] for letter in service.mailbox.letters} == {tree["id"]}
        for job in service.jobs():
            if job["parent"] is None:
                assert job["status"] == "succeeded" or job["id"] == tree["id"], job
        for collection in ("orphaned", "parked", "lanes"):
            assert records.list(collection).items == (), collection
        assert records.list(JOBS, label="queued").items == ()


def lived(number: int, when: str, fault: type[BaseException], cancelled: bool) -> bool:
    """Was there a write of that number?"""
    with stored_in_memory() as inner:
        records = Counted(inner)
        records.most_writes = 3  # more waits behind a gate
        records.fault = (number, when, fault)
        with Testing(Registry(), records=records) as service:
            life = Life(service, cancelled)
            try:
                life.live()
            except Died:
                life.outlive()
                records.fault = None
                life.live()
            life.check()
        return records.writes >= number


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", [Died, Unavailable])
@pytest.mark.parametrize("cancelled", [False, True])
def test_any_write_may_fail(cancelled: bool, fault: type[BaseException], when: str) -> None:
    """By default a few of them, in each of these lives others."""
    number = 1 if LONG else 1 + sum((cancelled, 2 * (fault is Died), 4 * (when == "after")))
    while lived(number, when, fault, cancelled):
        number += 1 if LONG else 8
    assert number > 60
