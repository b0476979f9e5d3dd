"""Rates: how many begin in any stretch of time, who waits for a turn, and what calls are told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.ports import Hint
from app.room.call import Call
from app.room.engine import Engine
from app.room.errors import Busy
from app.room.job import Ending, Error, Wait
from app.room.lane import LANES
from app.room.policy import Rate
from app.room.window import count, opens, remembered, with_one
from app.testing import Testing
from tests.ports.stand_ins import Silent
from tests.room.fake_workers import Crowd

Declare = Callable[..., Any]


@pytest.fixture
def crowd(lab: Testing) -> Crowd:
    return Crowd(lab)


def work(n: int = 0) -> int:
    return n


def next_look(lab: Testing) -> float:
    """Seconds until the lane is looked at."""
    found = lab.room.ports.records.get(LANES, "tried")
    assert found is not None
    assert found.due is not None
    return found.due - lab.clock.now()


@pytest.mark.parametrize("calls", [1, 3, 50, 51, 700])
def test_no_window_has_more(calls: int) -> None:
    """Whatever moments one tries, no stretch of `per` seconds has more than so many starts, and of
    those that were let through none waits a fiftieth of the window longer than it has to."""
    rate, starts, begun = Rate(calls, 10.0), (), []
    moment = 1000.0
    for number in range(6 * calls + 40):
        moment += (number * 7 % 11) * 20.0 / calls / 11
        starts = remembered(starts, rate, moment)
        if count(starts) >= calls:
            later = opens(starts, rate)
            assert later is not None
            late = later - (begun[-calls] + rate.per)
            assert 0 <= late <= (0 if calls <= 50 else rate.per / 50)
            moment = max(moment, later)
            starts = remembered(starts, rate, moment)
        assert count(starts) < calls
        starts = with_one(starts, rate, moment)
        begun.append(moment)
        assert len([each for each in begun if moment < each + rate.per]) <= calls
    assert len(starts) <= 103


def test_starts_that_a_wrong_clock_wrote_count_no_more() -> None:
    """A day ahead of now there can be none."""
    rate = Rate(1, 1.0)
    starts = with_one((), rate, 90_000.0)
    assert remembered(starts, rate, 90_000.5) == starts
    assert remembered(starts, rate, 3_600.0) == ()


def test_jobs_begin_as_the_rate_lets_them(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Three a second: each is put aside once, its turn comes at its second, in order."""
    declare(work, rate="3/s")
    jobs = [lab.submit("tried", n=n) for n in range(8)]
    for _ in range(2):
        crowd.claim_all()
    assert crowd.begun == jobs[:3]
    assert lab.job(jobs[5])["waiting_for"] == {"reason": "rate", "name": "tried"}
    assert next_look(lab) == 1.0
    lab.advance(0.999)
    crowd.claim_all()
    assert crowd.begun == jobs[:3]
    lab.advance(0.001)
    crowd.claim_all()
    assert crowd.begun == jobs[:6]
    lab.advance(1)
    crowd.claim_all()
    assert crowd.begun == jobs
    for record in [*crowd.running]:
        crowd.end(record)
    assert max(record.takes for record in lab._records()) == 2


def test_the_most_pressing_gets_the_next_turn(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Also before those that were put aside earlier."""
    declare(work, rate="1/s")
    jobs = [lab.submit("tried", priority=priority) for priority in (0, 0, 5)]
    crowd.claim_all()
    high = lab.submit("tried", priority=9)
    crowd.claim_all()
    for _ in range(3):
        lab.advance(1)
        crowd.claim_all()
    assert crowd.begun == [jobs[2], high, jobs[0], jobs[1]]


def test_turns_that_nobody_took_do_not_pile_up(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """While all workers stand still, no more is called than one window lets through; and what is
    begun late counts from when it begins."""
    declare(work, rate="3/s")
    for n in range(20):
        lab.submit("tried", n=n)
    crowd.claim_all()
    for _ in range(5):
        lab.advance(1)
        lab.room.engine.flow.sweep()
    begun = len(crowd.begun)
    crowd.claim_all()
    assert len(crowd.begun) - begun == 3
    lab.advance(0.9)
    crowd.claim_all()
    assert len(crowd.begun) - begun == 3
    lab.advance(0.1)
    crowd.claim_all()
    assert len(crowd.begun) - begun == 6


def test_a_turn_is_given_back(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Whose job is cancelled before it begins, its turn is the next one's."""
    declare(work, rate="1/s")
    jobs = [lab.submit("tried") for _ in range(3)]
    crowd.claim_all()
    lab.advance(1)
    lab.room.engine.flow.sweep()
    lab.cancel(jobs[1])
    crowd.claim_all()
    assert crowd.begun == [jobs[0], jobs[2]]


def test_another_attempt_is_a_start_and_going_on_is_none(
    lab: Testing, declare: Declare, crowd: Crowd
) -> None:
    """After a failure or a crash a job waits for its turn again; after a sleep or a slice not."""
    declare(work, rate="1/m", retries=5)
    job = lab.submit("tried")
    crowd.claim_all()
    crowd.end(crowd.running[0], Ending("continued"))
    crowd.claim_all()
    crowd.end(crowd.running[0], Ending("waiting", wait=Wait("sleep", until=lab.clock.now())))
    crowd.claim_all()
    assert crowd.begun == [job] * 3
    crowd.end(crowd.running[0], Ending("failed", error=Error("internal", "boom", after=0.0)))
    crowd.claim_all()
    assert crowd.begun == [job] * 3
    lab.advance(60)
    crowd.claim_all()
    assert crowd.begun == [job] * 4
    crowd.running.clear()  # it crashed
    lab.advance(11)
    crowd.claim_all()
    assert crowd.begun == [job] * 4
    lab.advance(49)
    crowd.claim_all()
    assert crowd.begun == [job] * 5
    assert lab.job(job)["attempt"] == 3


def test_calls_over_the_rate_are_told_when_to_come_again(lab: Testing, declare: Declare) -> None:
    """Exactly when the oldest start leaves the window, and then they are let in."""
    declare(work, long=False, rate="2/m")
    for pause in (10, 5):
        lab.call("tried")
        lab.advance(pause)
    with pytest.raises(Busy) as busy:
        lab.call("tried")
    assert busy.value.after == 45.0
    lab.advance(44.5)
    with pytest.raises(Busy):
        lab.call("tried")
    lab.advance(0.5)
    lab.call("tried")
    with pytest.raises(Busy) as busy:
        lab.call("tried")
    assert busy.value.after == 10.0


def test_calls_come_after_the_jobs_that_wait(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """A call takes no turn from a job in the line, and is told how long the line is."""
    declare(work, long=False, rate="2/s")
    for _ in range(6):
        assert lab.room.enter(Call("tried", asynchronous=True)).problem is None
    crowd.claim_all()
    lab.advance(1)
    with pytest.raises(Busy) as busy:
        lab.call("tried")
    assert busy.value.after == 2.0
    lab.room.engine.flow.sweep()
    crowd.claim_all()
    assert len(crowd.begun) == 4


def test_a_rate_and_a_limit(lab: Testing, declare: Declare, crowd: Crowd) -> None:
    """Both hold: a job needs a place and a start."""
    declare(work, rate="2/s", concurrency=3)
    for n in range(6):
        lab.submit("tried", n=n)
    crowd.claim_all()
    assert len(crowd.running) == 2
    lab.advance(1)
    crowd.claim_all()
    assert len(crowd.running) == 3
    for record in [*crowd.running]:
        crowd.end(record)
    crowd.claim_all()
    assert len(crowd.begun) == 4
    lab.advance(1)
    crowd.claim_all()
    assert len(crowd.begun) == 6


def test_a_rate_keeps_no_idle_lane_for_long(lab: Testing, declare: Declare) -> None:
    """Of a key that was used once, its starts are kept for about a day."""
    declare(work, long=False, rate="5/h", key="n")
    lab.call("tried", n=7)
    (kept,) = lab.room.ports.records.list(LANES).items
    assert kept.due is None
    assert kept.expires == lab.clock.now() + 3600 + 86400
    assert len(kept.id) == len("tried/") + 32  # a hash: keys may be secret


def test_a_hint_names_the_lane_that_opens(lab: Testing, declare: Declare) -> None:
    """Rung for at the moment and a second later; whoever hears it calls the next job, also a
    process that has just looked for lanes."""
    declare(work, rate="1/s")
    heard: list[Hint] = []
    queue = Silent()
    queue.ring = lambda *hints: heard.extend(hints)  # type: ignore[method-assign]
    ports = replace(lab.room.ports, queue=queue)
    one, other = (Engine(lab.room.registry, ports) for _ in range(2))
    first, second = lab.submit("tried"), lab.submit("tried")
    assert [record.id for record in one.claim(2)] == [first]
    hints = [hint for hint in heard if hint.id == "tried"]
    assert [hint.delay for hint in hints] == [1.0, 2.0]
    lab.advance(0.5)
    other.flow.sweep()
    lab.advance(0.5)
    assert [record.id for record in other.claim(1, hints[0].id)] == [second]
