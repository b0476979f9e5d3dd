"""Lanes under everything at once: workers that die, are overtaken or stopped, writes that fail,
cancels, calls, limits that change; the books are checked after each step.

TORTURE_STEPS=1000000 tries longer.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.ports import Ports, Record
from app.ports.local.no_files import NoFiles
from app.ports.local.records import LocalRecords
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.engine import Engine
from app.room.errors import Busy, Conflict, Unavailable
from app.room.job import RUNNING, TERMINAL, Ending, Error, Wait
from app.room.lane import lane_id
from app.room.operation import Registry
from tests.ports.stand_ins import HandClock, Silent
from tests.room.lane_books import check_books, listed
from tests.room.memory import stored_in_memory
from tests.room.model_jobs import Flaky

STEPS = int(os.environ.get("TORTURE_STEPS") or 10_000)
EACH = 50  # steps of one play

faults = st.sampled_from(
    [("", 0)] * 5 + [(kind, n) for kind in ("lost", "refused") for n in (1, 2)]
)
some = st.integers(0, 1000)
endings = st.sampled_from(
    [
        Ending("succeeded", result=1),
        Ending("succeeded", result=1),
        Ending("failed", error=Error("internal", "boom", after=5.0)),
        Ending("failed", error=Error("internal", "boom", final=True)),
        Ending("continued"),
        Ending("returned"),
        Ending("waiting", wait=Wait("sleep", until=1_700_000_050.0)),
        Ending("waiting", wait=Wait("signal", "go", until=1_700_000_090.0)),
    ]
)
limits = st.sampled_from([1, 2, 3, None])
rates = st.sampled_from([None, None, "2/s", "3/m"])


def work(n: int = 0) -> int:
    return n


class Busyness(RuleBasedStateMachine):
    shared: LocalRecords
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        self.records = Flaky(self.shared, f"play {next(self.numbers)}")
        self.clock, self.registry = HandClock(), Registry()
        ids = count(1)
        new_id = lambda kind: f"{kind}_{next(ids):06}"  # noqa: E731
        ports = Ports(self.records, self.clock, new_id, Silent(), NoFiles("a play"))
        self.engines = [Engine(self.registry, ports) for _ in range(2)]
        self.hands: list[Record] = []
        self.calls: dict[str, tuple[str, float]] = {}
        self.options: dict[str, Any] = {}
        self.began: dict[str, list[float]] = {}
        self.uncounted: set[str] = set()  # leases of runs that began while there was no limit
        self.declare(2, None)

    @rule(limit=limits, rate=rates)
    def change_the_code(self, limit, rate):
        if (limit, rate) == (None, None):
            rate = "2/s"
        self.declare(limit, rate)

    def declare(self, limit, rate):
        self.registry._operations.clear()
        self.options = {"concurrency": limit, "rate": rate}
        options = {"key": "n", "retries": 3, "timeout": 20, **self.options}
        self.registry.operation("tried", long=True, **options)(work)
        self.began.clear()

    @rule(n=st.integers(0, 1), delay=st.sampled_from([0, 0, 0, 4]), priority=st.integers(-1, 1))
    def submit(self, n, delay, priority):
        due = self.clock.now() + delay
        asked = Submission("tried", {"n": n}, due=due, priority=priority)
        self.engines[0].submit(asked, LOCAL)

    @rule(limit=st.integers(1, 4), who=st.integers(0, 1), fault=faults)
    def claim(self, limit, who, fault):
        with suppress(Unavailable):
            claimed = self.under(fault, lambda: self.engines[who].claim(limit))
            self.hands += claimed
            for record in claimed:
                self.check_admission(record)

    def check_admission(self, record: Record) -> None:
        """At the moment of each begin, the limit holds among all runs that are alive."""
        lane = lane_id("tried", str(record.body["params"]["n"]))
        alive = [each for each in self.hands if self.is_alive(each) and self.lane_of(each) == lane]
        calls = [until for id, until in self.calls.values() if id == lane]
        alive = [each for each in alive if each.lease not in self.uncounted]
        limit = self.options["concurrency"]
        if limit is None:
            self.uncounted.add(record.lease)
        elif record.id not in self.kept:
            assert len(alive) + sum(until > self.clock.now() for until in calls) <= limit
        if "midway" not in record.body and self.options["rate"]:
            self.check_rate(lane)

    def check_rate(self, lane: str) -> None:
        policy, now = self.registry.get("tried").policy, self.clock.now()
        began = self.began.setdefault(lane, [])
        began.append(now)
        assert policy.rate is not None
        recent = [each for each in began if now - policy.rate.per < each <= now]
        assert len(recent) <= policy.rate.calls

    @staticmethod
    def lane_of(record: Record) -> str:
        return lane_id("tried", str(record.body["params"]["n"]))

    @property
    def kept(self) -> set[str]:
        """Jobs that had their place before this limit, for it was lowered since."""
        lanes = listed(self.records, "lanes")
        limit = self.options["concurrency"] or 0
        full = [lane for lane in lanes if len(lane.body["holders"]) > limit]
        return {who for lane in full for who in lane.body["holders"]}

    def is_alive(self, hand: Record) -> bool:
        found = self.records.get("jobs", hand.id)
        return bool(found and found.lease == hand.lease and found.label == RUNNING)

    @rule(which=some, ending=endings, fault=faults)
    def end(self, which, ending, fault):
        if self.hands:
            hand = self.hands.pop(which % len(self.hands))
            with suppress(Unavailable):
                self.under(fault, lambda: self.engines[0].settle([(hand, ending)]))

    @rule(ending=endings, fault=faults)
    def end_all(self, ending, fault):
        hands = [*{hand.id: hand for hand in self.hands}.values()]  # the last claim of each
        self.hands = []
        with suppress(Unavailable):
            self.under(fault, lambda: self.engines[1].settle([(hand, ending) for hand in hands]))

    @rule(which=some)
    def die(self, which):
        if self.hands:
            self.hands.pop(which % len(self.hands))

    @rule(which=some, fault=faults)
    def cancel(self, which, fault):
        jobs = listed(self.records, "jobs")
        if jobs:
            one = jobs[which % len(jobs)]
            with suppress(Unavailable, Conflict):
                self.under(fault, lambda: self.engines[0].cancel(one.id, LOCAL))

    @rule(n=st.integers(0, 1))
    def call(self, n):
        operation, who = self.registry.get("tried"), f"call_{next(self.numbers)}"
        lane = lane_id("tried", str(n))
        with suppress(Busy):
            self.engines[0].flow._come(lane, operation, who, 5.0)
            if self.options["concurrency"] is not None:
                self.calls[who] = lane, self.clock.now() + 15.0
            if self.options["rate"]:
                self.check_rate(lane)

    @rule(which=some, dies=st.booleans())
    def end_call(self, which, dies):
        if self.calls:
            who = sorted(self.calls)[which % len(self.calls)]
            lane, _ = self.calls[who]
            if not dies:
                del self.calls[who]
                self.engines[1].flow._go(lane, who)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1, 6, 11, 61]))
    def pass_time(self, seconds):
        self.clock.time += seconds

    def under(self, fault, act):
        self.records.fault, self.records.countdown = fault
        try:
            return act()
        finally:
            self.records.fault = ""

    @invariant()
    def the_books_agree(self):
        check_books(self.records)

    def teardown(self):
        """Left alone at last, everything comes to its end, and the books are empty."""
        for _ in range(400):
            jobs = listed(self.records, "jobs")
            if all(job.label in TERMINAL for job in jobs):
                break
            self.clock.time += 31
            for record in self.engines[1].claim(10):
                self.engines[1].settle([(record, Ending("succeeded", result=1))])
        assert all(job.label in TERMINAL for job in listed(self.records, "jobs"))
        assert listed(self.records, "parked") == []
        check_books(self.records)


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalRecords]:
    with stored_in_memory() as records:
        yield records


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_lanes_hold_whatever_happens(shared: LocalRecords) -> None:
    """The limit and the rate hold at each begin, the books agree after each step, and no job is
    left behind."""
    machine = type("Played", (Busyness,), {"shared": shared})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, STEPS // EACH),
            stateful_step_count=EACH,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
