"""Long jobs and their children on DynamoDB, in slices as Lambda has them."""

import uuid
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from app import Run
from app.ports.aws.records import AwsRecords
from app.room.operation import Registry
from app.testing import Testing
from tests.engines import dynamo as engine
from tests.long.answers import answer_of_story, answer_of_walk, chained

pytestmark = pytest.mark.engine

ITEMS, EVERY, ROUNDS, WIDTH = 120, 10, 4, 5


@pytest.fixture
def service(dynamo: str) -> Iterator[Testing]:
    """In slices of two seconds, by a clock that the functions move themselves."""
    name = f"table-{uuid.uuid4().hex}"
    engine.make_table(dynamo, name)
    records = AwsRecords(name, url=dynamo)
    with Testing(Registry(), records=records, slice=2.0) as made:
        yield made
    records.close()


def test_a_walk_of_many_slices(service: Testing) -> None:
    """Its answer is exact, whatever crashed; what came again is a checkpoint's after each crash,
    and nothing where a slice ended in good order."""
    runs: list[list[int]] = []

    def walk(run: Run) -> list[int]:
        runs.append([])
        for item in run.each(range(ITEMS), note="walk", every=EVERY):
            runs[-1].append(item)
            run.state["count"] = run.state.get("count", 0) + 1
            run.state["chain"] = chained(run.state.get("chain", 0), item)
            service.clock.sleep(0.2)
        return [run.state["count"], run.state["chain"]]

    service.room.registry.operation("walk", long=True, retries=9, backoff=0.01)(walk)
    for skip in (3, 58, 107):
        service.crash_at("walk", skip=skip)
    id = service.submit("walk")
    service.run()
    assert service.result(id) == answer_of_walk(ITEMS)
    assert len(runs) > ITEMS * 0.2 / 2
    repeats = [before[-1] + 1 - after[0] for before, after in pairwise(runs)]
    assert service.crashes == 3
    assert sorted(repeats)[:-3] == [0] * (len(repeats) - 3)
    assert max(repeats) <= EVERY


def test_a_story_of_steps_sleeps_and_maps(service: Testing) -> None:
    """A step runs again only where its crash came before it was remembered, a child not at all."""
    steps: Counter[str] = Counter()
    leaves: Counter[int] = Counter()

    def leaf(n: int) -> int:
        leaves[n] += 1
        return 2 * n

    def story(run: Run) -> int:
        def step(name: str, n: int) -> int:
            steps[f"{name}{n}"] += 1
            service.clock.sleep(0.7)
            return n * n

        for n in run.each(range(ROUNDS), every=1):
            first = run.step("first", step, "first", n)
            run.sleep("1h")
            given = ({"n": n * WIDTH + place} for place in range(WIDTH))
            doubled = run.map("leaf", given, batch=1 + n % 3)
            last = run.step("last", step, "last", n)
            run.state["chain"] = chained(run.state.get("chain", 0), first, *doubled, last)
        ends = [run.step(f"end{n}", step, "end", n) for n in range(ROUNDS)]
        return chained(run.state["chain"], *ends)

    for function in (leaf, story):
        service.room.registry.operation(function.__name__, long=True, backoff=0.01)(function)
    service.crash_at("last", skip=1)
    service.crash_at("end2")
    id = service.submit("story")
    service.run()
    assert service.result(id) == answer_of_story(ROUNDS, WIDTH)
    assert {name for name, times in steps.items() if times > 1} == {"last1", "end2"}
    assert set(leaves.values()) == {1}


def test_a_cancel_takes_all_children_along(service: Testing) -> None:
    """Those that are queued, and those that would wait for ever."""

    def leaf(run: Run, n: int) -> int:
        return int(run.wait_for("go") if n % 2 else n)

    def parent(run: Run) -> int:
        return len(run.map("leaf", ({"n": n} for n in range(150))))

    for function in (leaf, parent):
        service.room.registry.operation(function.__name__, long=True)(function)
    id = service.submit("parent")
    for _ in range(12):
        service.run_next()
    assert Counter(each["status"] for each in service.jobs("leaf"))["waiting"] > 2
    service.cancel(id)
    service.run_next()
    ended = Counter(each["status"] for each in service.jobs("leaf"))
    assert ended["cancelled"] > 100
    assert set(ended) == {"cancelled", "succeeded"}
