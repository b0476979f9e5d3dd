"""`singleton` and `debounce`: which job stands for another submission."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from app.ports import Ports
from app.room.acceptance import UsedKey
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.errors import TooLarge
from app.room.job import Ending
from app.testing import Testing
from tests.ports.stand_ins import HandClock
from tests.room.fake_workers import Crowd

Declare = Callable[..., Any]


@pytest.fixture
def crowd(lab: Testing) -> Crowd:
    return Crowd(lab)


def work(n: int = 0) -> int:
    return n


def due(lab: Testing, id: str) -> float:
    found = lab.room.ports.records.get("jobs", id)
    assert found is not None
    assert found.due is not None
    return found.due


def test_one_job_until_it_ends(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """While it waits, runs or sleeps, another submission is that job, whatever its parameters."""
    declare(work, singleton=True)
    first = lab.submit("tried", n=1)
    assert lab.submit("tried", n=2) == first
    crowd.claim_all()
    assert lab.submit("tried") == first
    crowd.end(crowd.running[0], Ending("continued"))
    assert lab.submit("tried") == first
    crowd.drain()
    second = lab.submit("tried", n=3)
    assert second != first
    assert lab.job(second)["params"] == {"n": 3}


def test_the_callback_of_the_newest_is_told(lab: Testing, declare: Declare) -> None:
    """Of a job that is put off; who brings none leaves the one that there is."""
    declare(work, debounce="5s")
    for n, host in ((1, "one"), (2, "two"), (3, None)):
        lab.submit("tried", n=n, callback_url=host and f"https://{host}.example.com/")
    lab.run()
    assert [letter.host for letter in lab.mailbox.letters] == ["two.example.com"]
    assert lab.jobs("tried")[0]["result"] == 3


def test_one_job_for_each_key_and_owner(lab: Testing, declare: Declare) -> None:
    """Of another key, or another owner, it is another job."""
    declare(work, singleton=True, key="n")
    assert len({lab.submit("tried", n=n) for n in (1, 2, 1)}) == 2
    bob = Call("tried", {"n": 1}, caller=replace(LOCAL, owner="bob"), asynchronous=True)
    assert json.loads(lab.room.enter(bob).json)["owner"] == "bob"


def test_an_idempotency_key_of_a_job_that_was_there(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """It stands for that job from then on, also after its end; and for no other parameters."""
    declare(work, singleton=True)
    first = lab.submit("tried")
    assert lab.submit("tried", key="k", n=5) == first
    crowd.drain()
    assert lab.submit("tried", key="k", n=5) == first
    with pytest.raises(UsedKey):
        lab.submit("tried", key="k", n=6)
    assert lab.submit("tried", n=5) != first


def test_a_repeated_submission_costs_no_write(lab: Testing, declare: Declare) -> None:
    """What is there already is only read."""
    declare(work, singleton=True)
    job = lab.submit("tried")
    before = lab.room.engine.get(job, LOCAL)
    lab.submit("tried", n=4)
    assert lab.room.engine.get(job, LOCAL) == before


@pytest.mark.parametrize("options", [{"singleton": True}, {"debounce": "5s"}])
def test_all_of_a_batch(lab: Testing, declare: Declare, options: Any) -> None:
    """Those of one key are one job, in their order; more than one commit takes go together too."""
    declare(work, key="n", **options)
    calls = [Call("tried", {"n": n % 3}, key=f"k{n}", asynchronous=True) for n in range(9)]
    jobs = [json.loads(outcome.json)["id"] for outcome in lab.room.enter_all(calls)]
    assert jobs == jobs[:3] * 3
    again = [json.loads(outcome.json)["id"] for outcome in lab.room.enter_all(calls)]
    assert again == jobs
    lab.run()
    assert [lab.result(id) for id in jobs[:3]] == [0, 1, 2]


def test_the_last_of_a_flurry(lab: Testing, declare: Declare) -> None:
    """Each submission replaces the parameters and puts the job off; one run is made of all."""
    declare(work, debounce="5s")
    first = lab.submit("tried", n=1)
    assert due(lab, first) == lab.clock.now() + 5
    lab.advance(3)
    assert lab.submit("tried", n=2) == first
    assert due(lab, first) == lab.clock.now() + 5
    lab.run()
    assert lab.result(first) == 2
    assert lab.submit("tried", n=3) != first


def test_a_flurry_does_not_put_off_for_ever(lab: Testing, declare: Declare) -> None:
    """Ten times the pause after the first submission it begins."""
    declare(work, debounce="5s")
    begin = lab.clock.now()
    first = lab.submit("tried")
    for n in range(20):
        lab.advance(2)
        assert lab.submit("tried", n=n) == first
    lab.advance(4)
    assert lab.submit("tried", n=99) == first
    assert due(lab, first) == begin + 49 or due(lab, first) == begin + 50
    lab.run()
    assert lab.result(first) == 99


def test_what_has_begun_is_not_changed(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """The next submission is another job; with `singleton` too it is the one that runs."""
    declare(work, debounce="5s")
    declare(work, "both", debounce="5s", singleton=True)
    for name, is_same in (("tried", False), ("both", True)):
        first = lab.submit(name, n=1)
        lab.advance(5)
        crowd.claim_all()
        assert (lab.submit(name, n=2) == first) is is_same
        assert lab.job(first)["params"] == {"n": 1}


def test_a_repeated_key_replaces_nothing(lab: Testing, declare: Declare) -> None:
    """The same submission, sent again, is answered and not obeyed twice."""
    declare(work, debounce="5s")
    first = lab.submit("tried", key="a", n=1)
    lab.submit("tried", key="b", n=2)
    lab.advance(3)
    assert lab.submit("tried", key="a", n=1) == first
    assert due(lab, first) == lab.clock.now() + 2
    lab.run()
    assert lab.result(first) == 2


def test_a_job_that_waits_in_a_lane_is_replaced_in_its_place(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """It keeps its place in the line, and runs with the last parameters."""
    declare(work, debounce="1s", concurrency=1)
    lab.submit("tried", n=1)
    lab.advance(1)
    crowd.claim_all()
    second = lab.submit("tried", n=2)
    lab.advance(1)
    crowd.claim_all()
    assert lab.job(second)["waiting_for"]
    assert lab.submit("tried", n=3) == second
    assert lab.job(second)["waiting_for"]
    crowd.end(crowd.running[0])
    assert lab.submit("tried", n=4) == second
    crowd.claim_all()
    assert crowd.running[0].body["params"] == {"n": 4}


def test_a_batch_behind_a_gate_replaces_nothing(lab: Testing, declare: Declare) -> None:
    """What can't be stored in one commit must all be new; the answer says so."""
    declare(work, debounce="5s", key="n")
    lab.submit("tried", n=0)
    lab.room.ports.records.most_writes = 100
    with pytest.raises(TooLarge, match="debounce"):
        lab.room.enter_all([Call("tried", {"n": n}, asynchronous=True) for n in range(80)])
    assert len(lab.jobs()) == 1
    made = lab.room.enter_all([Call("tried", {"n": n}, asynchronous=True) for n in range(1, 80)])
    assert len(made) == 79


@pytest.mark.parametrize("options", [{"singleton": True}, {"debounce": "50s"}])
def test_many_at_once_are_one_job(ports: Ports, room: Room, options: Any) -> None:
    """Whoever submits at the same moment: one job, and somebody's parameters."""
    room.registry.operation("tried", long=True, **options)(work)
    clock = HandClock()
    others = [Room(room.registry, replace(ports, clock=clock)) for _ in range(4)]

    def submit(number: int) -> str:
        call = Call("tried", {"n": number}, asynchronous=True)
        outcome = others[number % 4].enter(call)
        assert outcome.problem is None, outcome.problem
        return str(json.loads(outcome.json)["id"])

    with ThreadPoolExecutor(4) as threads:
        made = set(threads.map(submit, range(24)))
    assert len(made) == 1
    assert len(ports.records.list("jobs").items) == 1
