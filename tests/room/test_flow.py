"""Concurrency: who may run, who waits, and in which order they go on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.room.acceptance import Submission
from app.room.call import LOCAL, Call
from app.room.engine import Engine
from app.room.errors import Busy
from app.room.job import Ending, Error, Wait
from app.room.lane import LANES, Lane
from app.room.operation import Registry
from app.room.parking import PARKED
from app.testing import Testing
from tests.room.fake_workers import Crowd
from tests.room.memory import stored_in_memory
from tests.room.model_jobs import Flaky

Declare = Callable[..., Any]


@pytest.fixture
def crowd(lab: Testing) -> Crowd:
    return Crowd(lab)


def work(n: int = 0) -> int:
    return n


def lane(lab: Testing, id: str = "tried") -> Lane:
    records = lab.room.ports.records
    return Lane.read(id, records.get(LANES, id), None, lab.clock.now())


def parked(lab: Testing) -> int:
    return len(lab.room.ports.records.list(PARKED, limit=200).items)


def redeclare(lab: Testing, **options: Any) -> None:
    """The code has changed."""
    del lab.room.registry._operations["tried"]
    lab.room.registry.operation("tried", long=True, **options)(work)


def test_never_more_than_the_limit(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Of ten jobs three run at once, all end, and nothing is left in the books."""
    declare(work, concurrency=3)
    jobs = [lab.submit("tried", n=n) for n in range(10)]
    crowd.claim_all()
    assert len(crowd.running) == 3
    assert parked(lab) == 7
    crowd.drain()
    assert [lab.job(id)["status"] for id in jobs] == ["succeeded"] * 10
    assert crowd.begun == jobs
    assert crowd.most == 3
    assert parked(lab) == 0
    assert lab.room.ports.records.get(LANES, "tried") is None


def test_two_thousand_at_a_limit_of_twenty() -> None:
    """Each job is claimed twice at most, to be put aside and to run, however long the line."""
    with stored_in_memory() as records, Testing(Registry(), records=records) as service:
        service.room.registry.operation("tried", long=True, concurrency=20)(work)
        for _ in range(2):
            service.room.enter_all([Call("tried", asynchronous=True)] * 1000)
        crowd = Crowd(service)
        crowd.drain()
        found = list(service._records())
    assert len(found) == 2000
    assert {record.label for record in found} == {"succeeded"}
    assert crowd.most == 20
    assert max(record.takes for record in found) == 2
    assert {record.body["attempt"] for record in found} == {1}


def test_a_waiting_job_says_what_it_waits_for(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Queued, with a reason while it waits, and none once it may run."""
    declare(work, concurrency=1)
    first, second = lab.submit("tried"), lab.submit("tried")
    crowd.claim_all()
    told = lab.job(second)
    assert told["status"] == "queued"
    assert told["waiting_for"] == {"reason": "concurrency", "name": "tried"}
    assert told["due_at"] == told["created_at"]
    assert lab.job(first)["waiting_for"] is None
    crowd.end(crowd.running[0])
    assert lab.job(second)["waiting_for"] is None


def test_the_most_pressing_goes_first(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """By priority, then by when it was due, also before who was put aside long ago."""
    declare(work, concurrency=1)
    first = lab.submit("tried")
    crowd.claim_all()
    lab.advance(1)
    low = [lab.submit("tried", priority=-5) for _ in range(2)]
    crowd.claim_all()
    lab.advance(1)
    usual, high = lab.submit("tried"), lab.submit("tried", priority=7)
    crowd.claim_all()
    crowd.drain()
    assert crowd.begun == [first, high, usual, *low]


def test_a_key_has_a_lane_of_its_own(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """The limit holds for each value of the parameter, and its default counts as that value."""
    declare(work, concurrency=1, key="n")
    for params in ({"n": 1}, {"n": 1}, {"n": 2}, {}, {"n": 0}):
        lab.submit("tried", params)
    crowd.claim_all()
    assert [record.body["params"] for record in crowd.running] == [{"n": 1}, {"n": 2}, {}]
    crowd.drain()
    assert {job["status"] for job in lab.jobs()} == {"succeeded"}


def test_a_key_may_be_a_function(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Of the parameters; whose key cannot be told share one lane, and are not lost."""
    declare(work, concurrency=1, key=lambda params: "even" if 6 // params["n"] % 2 == 0 else "odd")
    for n in (1, 2, 3, 0, 0):
        lab.submit("tried", n=n)
    crowd.claim_all()
    assert [record.body["params"]["n"] for record in crowd.running] == [1, 2, 0]
    crowd.drain()
    assert {job["status"] for job in lab.jobs()} == {"succeeded"}


@pytest.mark.parametrize(
    "ending",
    [
        Ending("waiting", wait=Wait("sleep", until=2e9)),
        Ending("waiting", wait=Wait("signal", "go")),
        Ending("waiting", wait=Wait("children", "map")),
        Ending("failed", error=Error("internal", "boom", after=60.0)),
        Ending("failed", error=Error("internal", "boom", final=True)),
        Ending("cancelled"),
    ],
)
def test_who_does_not_run_gives_its_place_on(
    lab: Testing, declare: Declare, crowd: Crowd, ending: Ending
) -> None:
    """Asleep, waiting, pausing before another attempt or ended: the next one runs."""
    declare(work, concurrency=1)
    first, second = lab.submit("tried"), lab.submit("tried")
    crowd.claim_all()
    crowd.end(crowd.running[0], ending)
    crowd.claim_all()
    assert crowd.begun == [first, second]
    assert set(lane(lab).holders) == {second}


@pytest.mark.parametrize("what", ["continued", "returned"])
def test_who_goes_on_at_once_keeps_its_place(
    lab: Testing, declare: Declare, crowd: Crowd, what: Any
) -> None:
    """Out of time, or not begun: nobody overtakes it."""
    declare(work, concurrency=1)
    first, second = lab.submit("tried"), lab.submit("tried")
    crowd.claim_all()
    crowd.end(crowd.running[0], Ending(what))
    crowd.claim_all()
    assert crowd.begun == [first, first]
    assert lab.job(second)["waiting_for"]


def test_a_crashed_run_goes_on_in_its_place(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Once its lease has ended, with no write more; and when its attempts are over, its place goes
    on."""
    declare(work, concurrency=1, retries=1)
    first, second = lab.submit("tried"), lab.submit("tried")
    for _ in range(3):
        crowd.claim_all()
        crowd.running.clear()
        lab.advance(11)
    assert crowd.begun == [first, first, second]
    assert lab.error(first)["kind"] == "crashed"


def test_a_stopped_worker_gives_nobodys_place_away(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """Past its lease its ending counts no more, nor for the lane."""
    declare(work, concurrency=1)
    first = lab.submit("tried")
    lab.submit("tried")
    crowd.claim_all()
    stopped = crowd.running.pop()
    lab.advance(11)
    crowd.claim_all()
    assert lab.room.engine.settle([(stopped, Ending("succeeded"))]) == [None]
    assert set(lane(lab).holders) == {first}
    assert parked(lab) == 1


def test_cancelling_a_job_in_the_line(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """It ends at once, and is counted out of the line."""
    declare(work, concurrency=1)
    jobs = [lab.submit("tried") for _ in range(3)]
    crowd.claim_all()
    lab.cancel(jobs[1])
    assert lab.job(jobs[1])["status"] == "cancelled"
    assert lab.job(jobs[1])["waiting_for"] is None
    assert (lane(lab).waiting, parked(lab)) == (1, 1)
    crowd.drain()
    assert crowd.begun == [jobs[0], jobs[2]]
    assert lab.retry(jobs[1]) != jobs[1]
    crowd.drain()
    assert lane(lab).record is None


def test_cancelling_a_job_that_was_called(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Its place goes on to the next one."""
    declare(work, concurrency=1)
    jobs = [lab.submit("tried") for _ in range(3)]
    crowd.claim_all()
    crowd.end(crowd.running[0])
    lab.cancel(jobs[1])
    crowd.drain()
    assert crowd.begun == [jobs[0], jobs[2]]
    assert lane(lab).record is None


@pytest.mark.parametrize(("limit", "running"), [(4, 4), (None, 6), (1, 1)])
def test_the_limit_changes_in_the_code(
    lab: Testing, declare: Declare, crowd: Crowd, limit: int | None, running: int
) -> None:
    """Raised or gone, those in the line are called within a minute; lowered, it holds as runs
    end."""
    declare(work, concurrency=2)
    for _ in range(6):
        lab.submit("tried")
    crowd.claim_all()
    assert len(crowd.running) == 2
    redeclare(lab, concurrency=limit)
    lab.advance(61)
    for record in crowd.running:
        lab.room.engine.renew(record)
    if limit == 1:
        crowd.end(crowd.running[0])
    crowd.claim_all()
    assert len(crowd.running) == running
    crowd.drain()
    assert {job["status"] for job in lab.jobs()} == {"succeeded"}
    assert lane(lab).record is None


def test_a_limit_becomes_a_rate_while_a_job_runs(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """A job that crashed, and is taken up by the new code, holds no place any more."""
    declare(work, concurrency=2)
    job = lab.submit("tried")
    crowd.claim_all()
    redeclare(lab, rate="5/s")
    crowd.running.clear()  # it crashed
    lab.advance(11)
    crowd.claim_all()
    assert lane(lab).holders == {}
    crowd.drain()
    assert lab.job(job)["status"] == "succeeded"


def test_an_operation_without_limits_pays_nothing(lab: Testing, declare: Declare) -> None:
    """Its jobs know no lane, and no record tells of one."""
    declare(work)
    job = lab.submit("tried")
    lab.run()
    assert lab.result(job) == 0
    assert lab.room.ports.records.list(LANES).items == ()


def test_calls_have_places_too(lab: Testing, declare: Declare) -> None:
    """A plain call has one for its time; with none free it is busy, and told when to come again:
    by how long they took of late, shared among so many."""
    outcomes: list[Any] = []

    def nested(depth: int) -> int:
        lab.advance(8)
        if depth:
            outcomes.append(lab.room.enter(Call("tried", {"depth": depth - 1})))
        return depth

    declare(nested, long=False, concurrency=2)
    assert lab.call("tried", depth=2) == 2
    assert lane(lab).record is None
    refused, let_in = (outcome.problem for outcome in outcomes)
    assert let_in is None
    assert isinstance(refused, Busy)
    assert refused.after == 0.5  # nothing is known yet: a second
    flow = lab.room.engine.flow
    flow._come("tried", lab.room.registry.get("tried"), "call_a", 99.0)
    flow._come("tried", lab.room.registry.get("tried"), "call_b", 99.0)
    lab.advance(8)
    flow._go("tried", "call_a")
    flow._come("tried", lab.room.registry.get("tried"), "call_a", 99.0)
    with pytest.raises(Busy) as busy:
        lab.call("tried", depth=0)
    assert busy.value.after == 4.0


def test_a_call_that_died_gives_its_place_back_in_time(lab: Testing, declare: Declare) -> None:
    """Nobody has to help: after the time that it may take, it is not counted any more."""
    declare(work, long=False, concurrency=1, timeout=5)
    operation = lab.room.registry.get("tried")
    lab.room.engine.flow._come("tried", operation, "call_1", 5.0)
    with pytest.raises(Busy):
        lab.call("tried")
    lab.advance(16)
    assert lab.call("tried") == 0


def test_jobs_wait_for_calls_and_are_called_at_their_end(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """Calls and jobs share the lane; a call that ends, or dies, calls the next job."""
    declare(work, long=False, concurrency=1, timeout=5)
    operation, flow = lab.room.registry.get("tried"), lab.room.engine.flow
    flow._come("tried", operation, "call_1", 5.0)
    first, second = (lab.submit("tried") for _ in range(2))
    crowd.claim_all()
    assert crowd.running == []
    flow._go("tried", "call_1")
    crowd.drain()
    assert crowd.begun == [first, second]
    flow._come("tried", operation, "call_2", 5.0)
    third = lab.submit("tried")
    crowd.claim_all()
    lab.advance(16)
    crowd.drain()
    assert crowd.begun[2:] == [third]


def test_a_mapped_job_waits_in_its_lane(lab: Testing, declare: Declare) -> None:
    """A parent's children keep to the limit, and the parent gives its own place while it waits."""

    def parent(run) -> Any:
        return list(run.map("tried", [{"n": n} for n in range(7)], batch=2))

    declare(work, concurrency=1)
    declare(parent, "parent", concurrency=1)
    job = lab.submit("parent")
    lab.run()
    assert lab.result(job) == list(range(7))
    assert lab.room.ports.records.list(LANES).items == ()


def test_signals_reach_a_job_in_the_line(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """They are kept until it asks."""
    declare(lambda run: run.wait_for("go"), concurrency=1)
    first, second = lab.submit("tried"), lab.submit("tried")
    crowd.claim_all()
    lab.signal(second, "go", 5)
    lab.room.engine.cancel(first, LOCAL)
    crowd.end(crowd.running[0], Ending("cancelled"))
    lab.run()
    assert lab.result(second) == 5


@pytest.mark.parametrize("kind", ["lost", "refused"])
def test_a_store_that_fails_at_the_admission_costs_no_attempt(
    lab: Testing, declare: Declare, kind: str
) -> None:
    """Nobody has begun it: a job without a second attempt is run all the same, and others that
    were claimed with it run at once."""
    declare(work, concurrency=1, retries=0)
    declare(work, "free")
    records = Flaky(lab.room.ports.records, "here")
    engine = Engine(lab.room.registry, replace(lab.room.ports, records=records))
    limited, free = (engine.submit(Submission(name), LOCAL).id for name in ("tried", "free"))
    engine.flow.sweep()
    records.fault, records.countdown = kind, 2  # the take, and then the admission
    (claimed,) = engine.claim(2)
    assert claimed.id == free
    engine.settle([(claimed, Ending("succeeded"))])
    (claimed,) = engine.claim(2)
    assert claimed.id == limited
    engine.settle([(claimed, Ending("succeeded"))])
    assert engine.get(limited, LOCAL).body["attempt"] == 1
