"""A clock that ran ahead and was set back: jobs come when they were meant to, none before."""

from typing import Any

import pytest

from app import Retry, Run
from app.clock.watch import Watch
from app.room.call import LOCAL
from app.room.circuit import ROW, Circuit
from app.room.job import Ending
from app.room.schedule import Plan
from app.room.set_back import righted, set_right, was_ahead
from app.testing import Testing

HOUR = 3600.0


class Bell:
    def hear(self) -> bool:
        return False


def set_back(lab: Testing, by: float = HOUR) -> None:
    """While all that runs is under way still."""
    lab.clock._now -= by


def look(lab: Testing) -> int:
    room = lab.room
    return set_right(room.registry, room.ports, room.engine.ledger)


def left(lab: Testing, id: str) -> float:
    """Seconds until somebody looks at it."""
    found = lab.room.ports.records.get("jobs", id)
    assert found is not None
    assert found.due is not None
    return found.due - lab.clock.now()


def napping(run: Run) -> str:
    run.sleep("10m")
    return "woke"


def waiting(run: Run) -> str:
    return str(run.wait_for("go", timeout="10m"))


def trying(run: Run) -> None:
    raise Retry("later", after=600)


def test_a_job_that_was_to_start_at_once(lab: Testing, declare: Any) -> None:
    declare(lambda: None)
    lab.advance("1h")
    job = lab.submit("tried")
    set_back(lab)
    assert was_ahead(lab.room.ports)
    assert lab.run_next() is None
    assert look(lab) == 1
    assert left(lab, job) == 0
    assert lab.run_next() == job


def test_a_job_that_was_asked_to_start_later(lab: Testing, declare: Any) -> None:
    """Stays as it was asked for: late by the jump at worst, never early."""
    declare(lambda: None)
    job = lab.submit("tried", delay="10m")
    assert look(lab) == 0
    assert left(lab, job) == 600


def test_a_run_that_died(lab: Testing, declare: Any) -> None:
    """Its lease ends when a lease does."""
    declare(lambda: None)
    lab.advance("1h")
    job = lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    set_back(lab)
    assert left(lab, job) == HOUR + lab.room.engine.lease
    assert look(lab) == 1
    assert left(lab, job) == lab.room.engine.lease
    assert look(lab) == 0
    found = lab.room.engine.ledger.look(claimed)  # it is still the one that holds it
    assert found.lease == claimed.lease


def test_a_run_that_lives(lab: Testing, declare: Any) -> None:
    """Its next sign of life gives it a lease of the usual length, should nobody look through."""
    declare(lambda: None)
    lab.advance("1h")
    job = lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    set_back(lab)
    lab.room.engine.renew(claimed)
    assert left(lab, job) == lab.room.engine.lease


@pytest.mark.parametrize("function", [napping, waiting, trying])
def test_a_pause(lab: Testing, declare: Any, function: Any) -> None:
    """Is as long as it was to be, and ends once: who looks again finds nothing to do."""
    declare(function, retries=5)
    lab.advance("1h")
    job = lab.submit("tried")
    lab.run_next()
    set_back(lab)
    assert left(lab, job) == pytest.approx(HOUR + 600)
    assert look(lab) == 1
    assert left(lab, job) == pytest.approx(600, abs=0.01)
    assert look(lab) == 0
    lab.advance("601s")
    assert lab.run_next() == job
    ended = {napping: "succeeded", waiting: "queued", trying: "queued"}
    assert lab.job(job)["status"] == ended[function]
    assert len(lab.room.ports.records.get("jobs", job).body["slices"]) == 2


def test_a_moment_that_a_function_named(lab: Testing, declare: Any) -> None:
    """Is not come before."""
    moment = lab.clock.now() + 2 * HOUR

    def until(run: Run) -> None:
        run.until(moment)

    declare(until)
    lab.advance("1h")
    job = lab.submit("tried")
    lab.run_next()
    set_back(lab)
    assert look(lab) == 0
    assert left(lab, job) == 2 * HOUR


def test_a_job_that_waits_for_its_turn(lab: Testing, declare: Any) -> None:
    """Is due at once when it has it."""
    declare(lambda: None, concurrency=1)
    lab.advance("1h")
    jobs = [lab.submit("tried") for _ in range(2)]
    (claimed,) = lab.room.engine.claim(2)
    set_back(lab)
    look(lab)
    (other,) = set(jobs) - {claimed.id}
    lab.run_once(claimed)
    assert lab.run_next() == other


def test_a_clock_that_was_right(lab: Testing, declare: Any) -> None:
    """Nothing is touched, whatever it waits for."""
    for name, function in (("nap", napping), ("wait", waiting), ("try", trying)):
        declare(function, name, retries=5)
        lab.submit(name)
    declare(lambda: None)
    lab.submit("tried", delay="1d")
    while lab.run_next():
        pass
    lab.submit("tried")
    lab.room.engine.claim()
    lease = lab.room.engine.lease
    for record in lab.room.ports.records.list("jobs").items:
        assert righted(record, lab.clock.now(), lease) is record
    assert not was_ahead(lab.room.ports)


def test_the_clock_notices(lab: Testing, declare: Any) -> None:
    """A step back of the time of day, while the monotonic one goes on; its schedules go on."""
    room = lab.room
    declare(lambda: None)
    room.calendar.put("each", Plan("tried", every="10s", catch_up="one"), LOCAL, "rest")
    watch = Watch(room, Bell())  # type: ignore[arg-type]
    watch._work()
    lab.advance("50m")
    watch._work()
    job = lab.submit("tried")
    count = len(lab.jobs())
    set_back(lab, 3000.0)
    watch._work()
    assert left(lab, job) == 0
    lab.advance("11s")
    watch._work()
    assert len(lab.jobs()) > count


def test_a_clock_that_begins_after_the_step(lab: Testing, declare: Any) -> None:
    """Sees it by the jobs."""
    declare(lambda: None)
    lab.advance("1h")
    job = lab.submit("tried")
    set_back(lab)
    Watch(lab.room, Bell())._work()  # type: ignore[arg-type]
    assert left(lab, job) == 0


def test_a_pause_that_was_over(lab: Testing, declare: Any) -> None:
    """Claimed by the clock that was wrong, and given back: it waits for nothing any more."""
    declare(trying, retries=5)
    job = lab.submit("tried")
    lab.run_next()
    lab.advance("1h")
    (claimed,) = lab.room.engine.claim()
    lab.room.engine.settle([(claimed, Ending("returned"))])
    set_back(lab)
    assert look(lab) == 1
    assert left(lab, job) == 0


@pytest.mark.parametrize("function", [napping, waiting])
def test_a_pause_that_a_run_by_the_right_clock_finds(
    lab: Testing, declare: Any, function: Any
) -> None:
    """It was over by the clock that was wrong, and whoever woke then died: the pause is kept once
    more at most, and that is remembered."""
    declare(function, retries=5)
    lab.advance("1h")
    job = lab.submit("tried")
    lab.run_next()
    lab.advance("601s")
    lab.room.engine.claim()
    set_back(lab)
    look(lab)
    lab.advance(lab.room.engine.lease + 1)
    assert lab.run_next() == job
    assert left(lab, job) == pytest.approx(600, abs=0.01)
    lab.advance("601s")
    assert lab.run_next() == job
    assert lab.job(job)["status"] in ("succeeded", "queued")


def test_a_line_that_a_rate_lets_in_goes_on(lab: Testing, declare: Any) -> None:
    """Nobody leaves a place behind there, so that only a look at the lane calls the next."""
    declare(lambda: None, rate="1/m")
    lab.advance("1h")
    jobs = [lab.submit("tried") for _ in range(3)]
    assert [lab.run_next(), lab.run_next()] == [jobs[0], None]
    set_back(lab)
    look(lab)
    ran = []
    for _ in range(13):
        lab.advance("10s")
        ran += [lab.run_next()]
    assert [each for each in ran if each] == jobs[1:]


def test_children_of_a_parent_that_ended_are_cancelled_at_once(lab: Testing, declare: Any) -> None:
    declare(waiting, "child")
    declare(lambda run: list(run.map("child", [{}] * 3)), "parent")
    lab.advance("1h")
    parent = lab.submit("parent")
    for _ in range(4):
        lab.run_next()
    lab.cancel(parent)
    set_back(lab)
    look(lab)
    while lab.room.engine.orphans.sweep():
        pass
    assert {child["status"] for child in lab.jobs("child")} == {"cancelled"}


def test_a_host_is_spared_no_longer_than_it_was_to_be(lab: Testing) -> None:
    """Neither one that hangs, nor one to which nothing gets through."""
    circuit = Circuit(lab.room.ports.records, lab.clock, "a", "example.com")
    lab.advance("2h")
    circuit.hung()
    for _ in range(ROW):
        circuit.given_up()
    assert circuit.state().until > lab.clock.now()
    assert circuit.turn(1) is not None
    set_back(lab, 2 * HOUR)
    assert circuit.state().until <= lab.clock.now()
    assert circuit.turn(1) is None
