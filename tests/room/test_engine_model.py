"""The engine under every fault at once, held to a plain model of what jobs come to.

TORTURE_STEPS=1000000 tries longer; without it, as many as CI has time for there, and few elsewhere.
"""

import os
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.ports import Ports, Queue, Record, Records
from app.ports.local.files import LocalFiles
from app.ports.local.records import LocalRecords
from app.room import job
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.children import MAPS
from app.room.engine import Engine
from app.room.errors import Conflict, Invalid, Unavailable
from app.room.job import JOBS, Ending, Error, Wait
from app.room.ledger import Lost
from app.room.notes import Notes
from app.room.operation import Registry
from app.testing import Crash
from tests.ports.stand_ins import HandClock, Silent
from tests.room.model_jobs import CURRENT, OVERTAKEN, SETTLED, Flaky, Job, Jobs

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
STEPS = int(os.environ.get("TORTURE_STEPS") or (100_000 if IN_CI else 8_000))
EACH = 80  # steps of one history
RETRIES = {"plain": 2, "hasty": 0, "story": 1, "parent": 1}
BOOM = Error("internal", "boom")

faults = st.sampled_from([("", 0)] * 7 + [("lost", 1), ("lost", 2), ("refused", 1), ("refused", 2)])
some = st.integers(0, 1000)
endings = st.sampled_from(
    [
        Ending("succeeded", result="made"),
        Ending("failed", error=BOOM),
        Ending("failed", error=replace(BOOM, final=True)),
        Ending("failed", error=replace(BOOM, after=30.0)),
        Ending("cancelled"),
        Ending("continued"),
        Ending("returned"),
        Ending("waiting", wait=Wait("sleep", until=1.0)),
        Ending("waiting", wait=Wait("signal", "go")),
        Ending("waiting", wait=Wait("signal", "go", until=1_700_000_100.0)),
    ]
)


@dataclass
class Hand:
    """A claim in a worker's hand, which may have been overtaken long ago."""

    record: Record
    notes: Notes
    ending: Ending | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def tells(self) -> bool:
        """Has the function a story of its own, or is it made up as it goes?"""
        return self.record.body["operation"] in ("story", "parent")

    @property
    def lease(self) -> str:
        return self.record.lease


def operations() -> Registry:
    registry = Registry()
    operation = registry.operation

    @operation("plain", long=True, retries=RETRIES["plain"])
    def plain(n: int) -> int:
        return n

    @operation("hasty", long=True, retries=RETRIES["hasty"])
    def hasty(n: int) -> int:
        return n

    @operation("story", long=True, retries=RETRIES["story"])
    def story(run, n: int) -> Any:
        first = run.step("first", lambda: n)
        for _ in run.each(range(3), every=1):
            run.state["n"] = run.state.get("n", 0) + first
        run.sleep(5)
        value = run.wait_for("go", 1000)
        return [first, run.state["n"], value, run.step("last", lambda: n + 1)]

    @operation("parent", long=True, retries=RETRIES["parent"])
    def parent(run, n: int) -> Any:
        run.step("first", lambda: n)
        return [*run.map("plain", [{"n": i} for i in range(n + 1)])]

    return registry


class Torture(RuleBasedStateMachine):
    shared: Records
    queue: Queue = Silent()
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        self.records = Flaky(self.shared, f"history {next(self.numbers)}")
        self.clock = HandClock()
        ids = count(1)
        new_id = lambda kind: f"{kind}_{next(ids):06}"  # noqa: E731
        files = LocalFiles(Path("nowhere"), floor=1)
        ports = Ports(self.records, self.clock, new_id, self.queue, files)
        self.engine = Engine(operations(), ports)
        self.jobs = Jobs()
        self.hands: list[Hand] = []
        self.done: list[Hand] = []
        self.results: dict[str, Any] = {}

    # What people ask for

    @rule(
        operation=st.sampled_from(sorted(RETRIES)),
        n=st.integers(0, 2),
        key=st.sampled_from([None, None, "k1", "k2"]),
        delay=st.sampled_from([0, 0, 0, 5]),
        priority=st.integers(-1, 1),
        fault=faults,
    )
    def submit(self, operation, n, key, delay, priority, fault):
        due = self.clock.now() + delay
        asked = Submission(operation, {"n": n}, key=key, due=due, priority=priority)
        known = [one for one in self.jobs.values() if key and one.named == (key, operation)]
        try:
            record = self.under(fault, lambda: self.engine.submit(asked, LOCAL))
        except Invalid:
            assert known
            assert known[0].params != {"n": n}
            return
        except Unavailable:
            return  # found by `learn`, if it landed
        if known:
            assert (record.id, known[0].params) == (known[0].id, {"n": n})
        else:
            self.know(record)

    @precondition(lambda self: self.jobs)
    @rule(which=some, fault=faults)
    def cancel(self, which, fault):
        one = self.one(which)

        def model():
            if one.status == "running":
                one.cancel = True
            else:
                self.jobs.end(one, "cancelled", self.clock.now())
            self.jobs.follow(one, self.clock.now())

        self.ask(one, lambda: self.engine.cancel(one.id, LOCAL), model, fault)

    @precondition(lambda self: self.jobs)
    @rule(which=some, name=st.sampled_from(["go", "go", "come"]), value=st.integers(0, 9))
    def signal(self, which, name, value):
        one = self.one(which)

        def model():
            if name == "go":
                one.signals.append(value)
                if one.status == "waiting" and one.waits == "signal":
                    one.status, one.due = "queued", self.clock.now()

        self.ask(one, lambda: self.engine.signal(one.id, name, value, LOCAL), model)

    @precondition(lambda self: self.jobs)
    @rule(which=some)
    def retry(self, which):
        one = self.one(which)
        if not one.ended:
            with pytest.raises(Conflict):
                self.engine.retry(one.id, LOCAL)
            return
        record = self.engine.retry(one.id, LOCAL)
        assert record.body["retry_of"] == one.id
        assert record.body["params"] == one.params
        self.know(record)

    # What workers do

    @rule(limit=st.integers(1, 3), fault=faults)
    def claim(self, limit, fault):
        """A hint came, or came twice, or none did."""
        now = self.clock.now()
        expected = self.jobs.due(now)[:limit]
        before = deepcopy(self.jobs)
        try:
            claimed = self.under(fault, lambda: self.engine.claim(limit))
        except Unavailable:
            claimed = []
            self.accept_claims(expected)
        else:
            found = self.found()
            for one in expected:
                self.jobs.take(one, found[one.id].lease, now + self.engine.lease)
            taken = deepcopy(self.jobs)
            ready = [one.id for one in expected if self.jobs.decide(one, now)]
            assert [record.id for record in claimed] == ready
            if fault[0]:  # what was decided may not have been written: then it is, a lease later
                self.accept(before, taken)
        for record in claimed:
            assert 1 <= job.attempt(record) <= self.jobs[record.id].retries + 1
            notes = Notes(self.engine.ledger, record, self.clock)
            self.hands.append(Hand(record, notes))

    def accept_claims(self, expected):
        """The take landed or not; whoever asked for it holds nothing."""
        found = self.found()
        for one in expected:
            if found[one.id].lease != one.lease:
                self.jobs.take(one, found[one.id].lease, self.clock.now() + self.engine.lease)

    @precondition(lambda self: self.hands)
    @rule(which=some, fault=faults)
    def checkpoint(self, which, fault):
        hand = self.hands[which % len(self.hands)]
        one = self.jobs[hand.id]
        if hand.notes.trouble is not None:
            return
        before = deepcopy(self.jobs)
        if not hand.tells:
            hand.notes.state["by"] = hand.lease
        standing = self.jobs.standing(one, hand.lease)
        if standing == CURRENT:
            now, lease = self.clock.now(), self.engine.lease
            if self.fades(one):  # a sign of life, where one is needed
                one.due = now + lease
            one.state = one.state if hand.tells else {"by": hand.lease}
        try:
            self.under(fault, hand.notes.save)
        except Lost:
            assert standing in (OVERTAKEN, SETTLED)
        except Unavailable:
            self.accept(before)
        else:
            assert standing == CURRENT

    def fades(self, one):
        """Is its lease nearly over, or longer than any, by a clock that has been set back?"""
        now, lease = self.clock.now(), self.engine.lease
        return not now + 0.6 * lease < one.due <= now + 1.2 * lease

    @precondition(lambda self: self.hands)
    @rule(which=some)
    def renew(self, which):
        hand = self.hands[which % len(self.hands)]
        one, now, lease = self.jobs[hand.id], self.clock.now(), self.engine.lease
        standing = self.jobs.standing(one, hand.lease)
        try:
            record = self.engine.renew(hand.record)
        except Lost:
            assert standing == OVERTAKEN
            return
        assert standing != OVERTAKEN
        if standing == CURRENT and one.parent is not None and self.jobs[one.parent].ended:
            one.cancel = True
        assert ("cancel" in record.body) == one.cancel
        if standing == CURRENT and self.fades(one):
            one.due = now + lease

    @precondition(lambda self: self.hands)
    @rule(which=some, crash=st.sampled_from(["", "", "first", "last"]), fault=faults)
    def execute(self, which, crash, fault):
        """Runs the real function; how it ended is settled later, or never."""
        hand = self.hands[which % len(self.hands)]
        if hand.ending is not None or not hand.tells:
            return
        one = self.jobs[hand.id]
        standing = self.jobs.standing(one, hand.lease)

        def watch(moment, name):
            if (moment, name) == ("end", crash):
                raise Crash(name)

        def host(notes):
            hand.notes = notes

        def run():
            return self.engine.execute(hand.record, Control(watch=watch), host)

        try:
            hand.ending = self.under(fault, run)
        except Crash:
            self.hands.remove(hand)
        except Lost:
            assert standing != CURRENT
            self.hands.remove(hand)
        record = self.found()[hand.id]
        if standing == CURRENT:
            one.due, one.state = record.due, record.body.get("state")
            one.taken = len(one.signals) - len(record.body.get("signals", {}).get("go", []))

    @precondition(lambda self: self.hands)
    @rule(which=st.lists(some, min_size=1, max_size=3), ending=endings, fault=faults)
    def settle(self, which, ending, fault):
        """Several at once, some of them overtaken."""
        hands = {hand.id: hand for hand in (self.hands[n % len(self.hands)] for n in which)}
        chosen = [hand for hand in hands.values() if self.may_settle(hand, ending)]
        for hand in chosen:
            self.hands.remove(hand)
            self.done.append(hand)
        self.settle_all(chosen, fault)

    def may_settle(self, hand: Hand, ending: Ending) -> bool:
        """What a function asks for itself is settled as its run ended."""
        if not hand.tells:
            wait = ending.wait
            if wait is not None and wait.reason == "sleep":
                wait = replace(wait, until=self.clock.now() + 7)
            hand.ending = replace(ending, wait=wait)
        return hand.ending is not None

    @precondition(lambda self: self.done)
    @rule(which=some)
    def settle_again(self, which):
        """The answer was lost, or somebody is not sure."""
        self.settle_all([self.done[which % len(self.done)]], ("", 0))

    def settle_all(self, hands, fault):
        now, before = self.clock.now(), deepcopy(self.jobs)
        standings = [self.jobs.standing(self.jobs[hand.id], hand.lease) for hand in hands]
        for hand, standing in zip(hands, standings, strict=True):
            one = self.jobs[hand.id]
            if standing == CURRENT:
                self.jobs.settle(one, hand.ending, now)
            if standing in (CURRENT, SETTLED):
                self.jobs.follow(one, now)
        told = [(hand.record, hand.ending) for hand in hands]
        try:
            stored = self.under(fault, lambda: self.engine.settle(told))
        except Unavailable:
            self.learn_pauses(now)
            self.accept(before)
            return
        self.learn_pauses(now)
        for record, standing in zip(stored, standings, strict=True):
            assert (record is None) == (standing == OVERTAKEN)

    @precondition(lambda self: self.hands)
    @rule(which=some)
    def crash(self, which):
        """Nobody ever hears of this run again."""
        self.hands.pop(which % len(self.hands))

    @rule(seconds=st.sampled_from([1, 6, 6, 11, 11, 61, 400, -1, -30]))
    def pass_time(self, seconds):
        """Over leases, over pauses; and a clock may be set back."""
        self.clock.time += seconds

    # How it is held to the model

    def one(self, which: int) -> Job:
        return [*self.jobs.values()][which % len(self.jobs)]

    def under(self, fault, act):
        self.records.fault, self.records.countdown = fault
        try:
            return act()
        finally:
            self.records.fault = ""

    def ask(self, one: Job, act, model, fault=("", 0)):
        """Something from outside; refused with a conflict once the job has ended."""
        ended, before = one.ended, deepcopy(self.jobs)
        if not ended:
            model()
        try:
            self.under(fault, act)
        except Conflict:
            assert ended
        except Unavailable:
            self.accept(before)
        else:
            assert not ended

    def accept(self, *others: Jobs) -> None:
        """After a fault each job is as it was, or as it should have become."""
        found = self.found()
        for id in self.jobs:
            for jobs in (self.jobs, *others):
                if self.differences(jobs[id], found[id]) == {}:
                    self.jobs[id] = jobs[id]
                    break

    def learn_pauses(self, now: float) -> None:
        """A failed attempt's pause is drawn; here it is only bounded."""
        found = self.found()
        for one in self.jobs.values():
            if one.status == "queued" and one.due is None:
                one.due = found[one.id].due
                assert found[one.id].label != "queued" or now <= one.due <= now + 30.0

    def know(self, record: Record) -> None:
        body = record.body
        self.jobs[record.id] = Job(
            record.id,
            body["operation"],
            body["params"],
            RETRIES[body["operation"]],
            record.priority,
            record.due,
            key=body.get("key"),
            parent=body.get("parent"),
        )

    def found(self) -> dict[str, Record]:
        found: dict[str, Record] = {}
        cursor = None
        while True:
            page = self.records.list(JOBS, cursor=cursor, limit=200)
            found |= {record.id: record for record in page.items}
            if (cursor := page.next) is None:
                return found

    @staticmethod
    def differences(one: Job, record: Record) -> dict[str, Any]:
        pairs = {
            "status": (one.status, record.label),
            "due": (one.due, record.due),
            "claims": (one.counted, record.takes - record.body["free"]),
            "cancel": (one.cancel, "cancel" in record.body),
            "state": (one.state, record.body.get("state")),
            "priority": (one.priority, record.priority),
        }
        if one.status == "running":
            pairs["lease"] = (one.lease, record.lease)
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @invariant()
    def everything_is_as_it_should_be(self):
        found = self.found()
        for id in found.keys() - self.jobs.keys():  # children, or an answer was lost
            self.know(found[id])
        assert found.keys() == self.jobs.keys()  # nothing that was accepted is missing
        for id, one in self.jobs.items():
            assert self.differences(one, found[id]) == {}, id
            attempt = job.attempt(found[id])
            assert one.status == "running" or attempt <= one.retries + 1
            if one.ended:
                kept = self.results.setdefault(id, found[id])
                assert kept == found[id]  # one result, which never changes
        self.tallies_are_what_children_came_to(found)

    def tallies_are_what_children_came_to(self, found):
        for tally in self.records.list(MAPS, limit=200).items:
            children = [r for r in found.values() if r.body.get("parent") == tally.label]
            ended = [child for child in children if child.label in job.TERMINAL]
            failed = [child for child in ended if child.label != "succeeded"]
            assert (tally.body["ended"], tally.body["failed"]) == (len(ended), len(failed))

    def teardown(self):
        """Left alone at last, with signals for those who wait, everything comes to its end."""
        for _ in range(400):
            if all(one.ended for one in self.jobs.values()):
                break
            self.clock.time += 31
            for one in [one for one in self.jobs.values() if one.status == "waiting"]:
                self.signal_if_waiting(one)
            for record in self.engine.claim(10):
                ending = self.engine.execute(record, Control())
                assert self.engine.settle([(record, ending)]) != [None]
            self.adopt()
        assert all(one.ended for one in self.jobs.values())
        self.check_stories()

    def signal_if_waiting(self, one: Job) -> None:
        if one.waits == "signal":
            one.signals.append(0)
            self.engine.signal(one.id, "go", 0, LOCAL)

    def adopt(self) -> None:
        for id, record in self.found().items():
            if id not in self.jobs:
                self.know(record)
            self.jobs[id].status = record.label
            self.jobs[id].waits = record.body.get("wait", {}).get("for", "")

    def check_stories(self):
        """What succeeded has the one right result, whatever it went through."""
        for id, record in self.found().items():
            one = self.jobs[id]
            if record.label != "succeeded":
                continue
            n, result = one.params["n"], record.body["result"]
            if one.operation == "story":
                assert result == [n, 3 * n, one.signals[0], n + 1]
            elif one.operation == "parent":
                assert len(result) == n + 1
                assert all(value in (place, "made") for place, value in enumerate(result))


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[LocalRecords]:
    """One store for all histories, in memory where there is a folder for it: a kill is not what
    is tried here, and a sync costs milliseconds."""
    memory = Path("/dev/shm") / f"manydoors-{os.getpid()}"
    folder = memory if os.access("/dev/shm", os.W_OK) else tmp_path
    records = LocalRecords(folder / "torture.db", floor=1)
    yield records
    records.close()
    for path in folder.glob("torture.db*"):
        path.unlink()
    if folder is memory:
        memory.rmdir()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_lost_whatever_goes_wrong(shared: LocalRecords) -> None:
    """Crashes, lost answers, workers overtaken, clocks set back: nothing accepted is missing, one
    result each, no stale lease lands, attempts and tallies are right, claims come in order."""
    torture(type("Tortured", (Torture,), {"shared": shared}), STEPS)


def torture(machine: type[Torture], steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, steps // EACH),
            stateful_step_count=EACH,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=[Phase.reuse, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
