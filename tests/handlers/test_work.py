"""Jobs that run in the function itself, in the time that it has."""

from typing import Any

import pytest

from app.room.call import LOCAL, Call
from app.room.job import RUNNING
from handlers.ask import NotDone
from tests.handlers.home import LEASE, Home, failed, sqs


def submitted(home: Home, operation: str, **params: Any) -> str:
    id = home.room.enter(Call(operation, params, asynchronous=True)).job
    assert id
    home.rings.rung.clear()
    return id


def status(home: Home, id: str) -> Any:
    return home.room.view(home.room.engine.get(id, LOCAL))["status"]


def tick(home: Home, seconds: float = 30.0) -> None:
    home.bring("schedule_tick", seconds)


def test_a_hint_runs_a_job_that_is_due(home: Home) -> None:
    """As many as there are hints, the most pressing first: a hint is not an order."""
    ids = [submitted(home, "greet", name=f"{n}") for n in range(3)]
    assert failed(home.bring(sqs({"job": ids[2]}, {"job": "job_that_never_was"}))) == []
    assert home.ran == ["0", "1"]
    assert [status(home, id) for id in ids] == ["succeeded", "succeeded", "queued"]


def test_a_task_runs_a_job(home: Home) -> None:
    submitted(home, "greet", name="Ada")
    assert home.bring("task") is None
    assert home.ran == ["Ada"]


def test_the_tick_runs_what_is_due(home: Home) -> None:
    """All of it; the name in the rule's ARN is nobody's."""
    for n in range(5):
        submitted(home, "greet", name=f"{n}")
    tick(home)
    assert len(home.ran) == 5


def test_what_needs_no_run_does_not_end_a_tick(home: Home) -> None:
    """A claim that only found an unwanted job is followed by another."""
    first, second = (submitted(home, "walk", steps=1, each=0.0) for _ in range(2))
    (claimed,) = home.room.engine.claim()
    home.room.engine.cancel(first, LOCAL)
    home.clock.sleep(LEASE + 1)
    tick(home)
    assert claimed.id == first
    assert [status(home, first), status(home, second)] == ["cancelled", "succeeded"]


def test_a_long_job_goes_on_in_the_next_slice(home: Home) -> None:
    """Near the end of the function's time it comes to a boundary, and is due at once."""
    id = submitted(home, "walk", steps=30, each=4.0)
    for _ in range(10):
        tick(home, seconds=40)
        if status(home, id) == "succeeded":
            break
        assert status(home, id) == "queued"
        assert home.rings.rung[-1] == (id, 0.0)
    job = home.room.view(home.room.engine.get(id, LOCAL))
    assert (job["status"], job["attempt"], job["result"]) == ("succeeded", 1, 30)


def test_some_time_is_kept_for_the_end(home: Home) -> None:
    """A run ends no later than its platform lets it."""
    submitted(home, "walk", steps=100, each=1.0)
    began = home.clock.monotonic()
    tick(home, seconds=30)
    assert 20 < home.clock.monotonic() - began <= 29


def test_without_time_a_hint_is_passed_on(home: Home) -> None:
    """It rings again, and counts as done; the job waits for nobody's minute."""
    long = submitted(home, "walk", steps=100, each=1.0)
    other = submitted(home, "greet", name="Ada")
    assert failed(home.bring(sqs({"job": long}, {"job": other}))) == []
    assert home.ran == []
    assert other in [id for id, _ in home.rings.rung]


def test_a_job_over_its_timeout_fails(home: Home) -> None:
    """In whichever slice it comes over it."""
    id = submitted(home, "stuck", each=4.0)
    for _ in range(4):
        tick(home, seconds=40)
    job = home.room.view(home.room.engine.get(id, LOCAL))
    assert (job["status"], job["error"]["kind"]) == ("failed", "timeout")


def test_whatever_a_job_raises_the_function_lives(home: Home) -> None:
    """Also what is no Exception; its neighbours run."""
    left, other = submitted(home, "leave"), submitted(home, "greet", name="Ada")
    tick(home)
    assert (status(home, left), status(home, other)) == ("failed", "succeeded")


def test_a_claim_lasts_as_long_as_the_function_may(home: Home) -> None:
    """None is renewed by a frozen process, and none ends while it may still run."""
    submitted(home, "greet", name="Ada")
    (claimed,) = home.room.engine.claim()
    assert claimed.label == RUNNING
    assert claimed.due == home.clock.now() + LEASE


def test_a_store_that_is_away_brings_the_hint_again(home: Home) -> None:
    """Before the run, or at its end: what ran is then found by its lease, and run again."""
    id = submitted(home, "greet", name="Ada")
    home.store.fails = lambda verb: verb == "take"
    assert failed(home.bring(sqs({"job": id}))) == ["m0"]
    with pytest.raises(NotDone):
        tick(home)
    home.store.fails = lambda verb: verb == "commit" and bool(home.ran)
    assert failed(home.bring(sqs({"job": id}))) == ["m0"]
    home.store.fails = lambda verb: False
    home.clock.sleep(LEASE + 1)
    assert failed(home.bring(sqs({"job": id}))) == []
    assert status(home, id) == "succeeded"


def test_a_short_trouble_at_the_end_of_a_run_is_waited_for(home: Home) -> None:
    """What was done is not done again."""
    id = submitted(home, "greet", name="Ada")
    times = iter([True, True])
    home.store.fails = lambda verb: verb == "commit" and bool(home.ran) and next(times, False)
    assert failed(home.bring(sqs({"job": id}))) == []
    assert (home.ran, status(home, id)) == (["Ada"], "succeeded")


def test_who_is_overtaken_writes_nothing(home: Home) -> None:
    """Another claimed it after the lease; this run is nobody's, and the hint is done."""
    id = submitted(home, "walk", steps=3, each=LEASE)
    commit = home.ports.records.commit
    taken: list[Any] = []

    def overtaken(*writes: Any) -> Any:
        if home.clock.now() > 1_767_225_600 + LEASE and not taken:
            taken.extend(home.room.engine.claim())
        return commit(*writes)

    home.ports.records.commit = overtaken  # type: ignore[method-assign]
    assert failed(home.bring(sqs({"job": id}), seconds=900)) == []
    assert [one.id for one in taken] == [id]
    assert status(home, id) == "running"


def test_messages_are_accepted_before_jobs_are_run(home: Home) -> None:
    """A job that takes all the time, or its process with it, keeps no message waiting."""
    id = submitted(home, "walk", steps=1, each=0.0)
    seen: list[int] = []
    execute = home.room.engine.execute
    home.room.engine.execute = lambda *a, **k: seen.append(len(home.jobs())) or execute(*a, **k)  # type: ignore[method-assign,func-returns-value]
    batch = sqs({"job": id}, {"order": 1}, {"order": 2})
    home.store.fails = lambda verb: verb == "take"
    assert failed(home.bring(batch)) == ["m0"]
    home.store.fails = lambda verb: False
    assert failed(home.bring(batch)) == []
    assert seen == [3]
