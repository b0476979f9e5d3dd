"""run.each: wherever a run dies, its sums are those of a run that nothing disturbed."""

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ports.local.records import LocalRecords
from app.room.operation import Registry
from app.testing import Crash, Testing
from tests.room.model_jobs import Flaky

# A program: what a function does, in order. Loops hold programs of their own.
LEAVES = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 9)),  # to the state
    st.tuples(st.just("nested"), st.integers(1, 9)),  # deep inside the state
    st.tuples(st.just("step"), st.integers(1, 9)),
    st.tuples(st.just("sleep"), st.integers(1, 50)),
    st.tuples(st.just("map"), st.integers(0, 3)),
    st.tuples(st.just("caught"), st.integers(1, 9)),
    st.tuples(st.just("time"), st.sampled_from([0.3, 1.5])),
)


def loops(inside: Any) -> Any:
    every = st.sampled_from([1, 2, "1s", "1h"])
    return st.tuples(st.just("each"), st.integers(0, 4), every, st.lists(inside, max_size=3))


NODES = st.recursive(LEAVES, loops, max_leaves=6)
PROGRAMS = st.lists(NODES, min_size=1, max_size=4)
TROUBLE = st.lists(st.tuples(st.integers(0, 25), st.sampled_from(["crash", "fail"])), max_size=6)


PLAYS = count()
IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


class Disturbed:
    """Dies or fails at given counts of the moments that programs pass."""

    def __init__(self, trouble: list[tuple[int, str]]) -> None:
        self._trouble = list(trouble)
        self._passed = 0

    def __call__(self) -> None:
        if self._trouble and self._passed == self._trouble[0][0]:
            _, how = self._trouble.pop(0)
            self._passed = 0
            raise Crash(how) if how == "crash" else ValueError(how)
        self._passed += 1


def play(run: Any, lab: Testing, program: Any, moment: Disturbed, path: str = "") -> None:
    for place, node in enumerate(program):
        moment()
        kind, here = node[0], f"{path}/{place}"
        total = run.state
        if kind == "add":
            total["sum"] += node[1]
        elif kind == "nested":
            total["deep"]["list"].append(node[1])
        elif kind == "step":
            total["sum"] += 10 * run.step(here, lambda node=node: moment() or node[1])
        elif kind == "sleep":
            run.sleep(node[1])
        elif kind == "map":
            given = [{"n": (total["sum"] + n) % 1_000_003} for n in range(node[1])]
            total["sum"] += sum(run.map("leaf", given))
        elif kind == "caught":
            try:
                run.step(here, lambda: 1 / 0)
            except ZeroDivisionError:
                total["sum"] += 1000 * node[1]
        elif kind == "time":
            lab.clock.sleep(node[1])
        else:
            for number in run.each(range(node[1]), note=here, every=node[2]):
                total["sum"] += number
                play(run, lab, node[3], moment, f"{here}.{number}")
                moment()


def outcome(
    records: LocalRecords, program: Any, trouble: list[tuple[int, str]], slice: float | None
) -> Any:
    """What the program gives, and how many children it made."""
    moment, registry = Disturbed(trouble), Registry()
    with Testing(registry, slice=slice, records=Flaky(records, f"play {next(PLAYS)}")) as lab:

        @registry.operation("leaf", long=True)
        def leaf(n: int) -> int:
            return 3 * n + 1

        @registry.operation("played", long=True, retries=20, backoff=0)
        def played(run) -> dict[str, Any]:
            run.state.update(sum=0, deep={"list": []})
            # What was counted before a loop stands in the state as a loop saves it.
            for _ in run.each(range(1), every=1):
                play(run, lab, program, moment)
            return dict(run.state)

        id = lab.submit("played")
        lab.run()
        return json.loads(json.dumps(lab.result(id))), len(lab.jobs("leaf"))


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalRecords]:
    """One store for all plays, in memory where there is a folder for it."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with TemporaryDirectory(dir=memory) as folder:
        records = LocalRecords(Path(folder) / "each.db", floor=1)
        yield records
        records.close()


@settings(
    max_examples=1500 if IN_CI else 150,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(program=PROGRAMS, trouble=TROUBLE, slice=st.sampled_from([None, None, 1.0, 20.0]))
def test_sums_are_those_of_an_undisturbed_run(shared, program, trouble, slice):
    """Loops in loops with steps, sleeps and maps inside: crashed and failed at any moment, cut into
    slices, the state ends as if nothing had been, and no child was made twice."""
    assert outcome(shared, program, trouble, slice) == outcome(shared, program, [], None)


def finished(lab, declare, function, **trouble):
    """The result of a job that crashes at some items."""
    declare(function)
    id = lab.submit("tried")
    if trouble:
        lab.crash_at("each", **trouble)
    lab.run()
    return lab.result(id)


def test_a_loop_goes_on_where_it_was_saved(lab, declare):
    """Items since the last save come again after a crash; those before it do not."""
    seen = []

    def tried(run):
        seen.extend(run.each(range(10), every=4))

    finished(lab, declare, tried, skip=6)
    assert seen == [*range(7), *range(4, 10)]


def test_a_loop_saves_by_the_clock(lab, declare):
    """`every="5s"`: no more often than that, however many items there are."""
    seen = []

    def tried(run):
        for number in run.each(range(20), every="5s"):
            seen.append(number)
            lab.clock.sleep(2)

    finished(lab, declare, tried, skip=10)
    assert seen == [*range(11), *range(9, 20)]  # saved after items 2, 5 and 8


def test_a_sum_that_is_set_before_its_loop_is_not_set_again(lab, declare):
    """The state of a loop that is resumed is the one that it was saved with."""

    def tried(run):
        run.state["sum"] = 0
        run.progress(0, 10)
        for number in run.each(range(10), every=1):
            run.state["sum"] += number
        run.state["sum"] *= 2
        run.sleep(60)
        return run.state["sum"]

    assert finished(lab, declare, tried, skip=4, times=3) == 90


def test_what_is_left_early_is_left_again(lab, declare):
    """A loop that the function breaks out of stays where it was left, and any number of steps may
    follow it."""
    seen = []

    def tried(run):
        for number in run.each(range(10), every=1):
            seen.append(number)
            if number == 2:
                break
        for _ in range(200):
            run.step("after", lambda: "x" * 600)
        run.sleep(60)
        return "done"

    assert finished(lab, declare, tried) == "done"
    assert seen == [0, 1, 2, 2]


def test_a_loop_that_was_left_must_not_go_on(lab, declare):
    """Once the journal has moved on from it, that is a misfit."""
    seen = []

    def tried(run):
        for number in run.each(range(10), every=1):
            seen.append(number)
            if seen.count(number) == 1 and number == 2:
                break
        for _ in range(5):
            run.step("after", lambda: "x" * 20_000)
        run.sleep(60)

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.error(id)["kind"] == "misfit"
    assert "a loop that was left" in lab.error(id)["detail"]


def test_a_finished_loop_is_not_read_again(lab, declare):
    """Its items cost nothing any more."""
    reads = []

    def items():
        reads.append(1)
        yield from range(3)

    def tried(run):
        total = sum(run.each(items()))
        run.sleep(60)
        return total, sum(run.each(items()))

    assert finished(lab, declare, tried) == [0, 3]
    assert reads == [1, 1]


def test_one_item_may_not_remember_too_much(lab, declare):
    """Until it is done its steps stay in the job's record; the error says what to do."""

    def tried(run):
        for _ in run.each(range(2)):
            for _ in range(5):
                run.step("large", lambda: "x" * 20_000)

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert "a job of its own by run.map" in lab.error(id)["detail"]


@pytest.mark.parametrize("every", [0, -1, True, "soon", 1.5j])
def test_every_is_a_number_or_a_duration(lab, declare, every):
    """Anything else is said at once."""
    declare(lambda run: list(run.each([1], every=every)), retries=0)
    id = lab.submit("tried")
    lab.run()
    assert lab.job(id)["status"] == "failed"
    assert "every" in lab.error(id)["detail"] or "duration" in lab.error(id)["detail"]


def test_a_loop_tells_how_far_it_is(lab, declare):
    """By itself: done, total if that is known, and its note; at its end all is done."""
    shown = []

    def tried(run):
        here = run.each([1, 2], note="drawing", every=1)
        shown.extend(lab.job(run.id)["progress"] for _ in here)
        list(run.each(iter([1]), note="sending"))

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert shown == [None, {"done": 1, "total": 2, "note": "drawing"}]
    assert lab.job(id)["progress"] == {"done": 1, "total": 1, "note": "sending"}


def test_a_slice_cuts_a_loop_between_items(lab, declare):
    """No item is begun after its end, and none comes twice."""
    seen = []
    lab.slice = 5

    def tried(run):
        for number in run.each(range(12), every="1h"):
            seen.append(number)
            lab.clock.sleep(2)
        return run.attempt

    assert finished(lab, declare, tried) == 1
    assert seen == list(range(12))
