"""A plain call with an idempotency key: run at once, by whoever took it, and only once."""

import time
from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Event, Thread, get_ident
from typing import Any

import pytest

from app import Refused, Retry
from app.room import deadline, job_call, keyed
from app.room.call import LOCAL, Call
from app.room.deadline import CallTimedOut
from app.room.enter import Room
from app.room.errors import Internal, TimedOut
from app.room.job import FAILED, QUEUED, RUNNING, SUCCEEDED
from app.room.policy import Policy, Rate
from app.testing import Testing

CALL = Call("tried", {}, key="a key")


@pytest.fixture
def rung(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The hints that were given, in a room without any worker."""
    given: list[Any] = []
    monkeypatch.setattr(room.ports.queue, "ring", lambda *hints: given.extend(hints))
    return given


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is waited for where nobody works."""
    monkeypatch.setattr(job_call, "LONGEST_WAIT", 0.2)


def test_it_is_answered_with_no_worker_at_all(room: Room, rung: list[Any]) -> None:
    """Whoever took it runs it; nobody else is told of it."""
    runs: list[int] = []
    room.registry.operation("tried")(lambda: runs.append(1) or len(runs))
    first, again = room.enter(CALL), room.enter(CALL)
    assert (first.json, again.json) == (b"1", b"1")
    assert first.job == again.job
    assert rung == []
    job = room.engine.get(str(first.job), LOCAL)
    assert (job.label, job.body["attempt"], job.body["result"]) == (SUCCEEDED, 1, 1)


def test_of_calls_at_once_one_runs_and_all_get_its_answer(room: Room) -> None:
    runs: list[int] = []
    all_there, outcomes = Barrier(8), []

    def slow() -> int:
        runs.append(1)
        time.sleep(0.05)
        return len(runs)

    def call() -> None:
        all_there.wait()
        outcomes.append(room.enter(CALL))

    room.registry.operation("tried")(slow)
    threads = [Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.json for outcome in outcomes] == [b"1"] * 8
    assert len(runs) == 1


def refuse() -> None:
    raise Refused("Not today.")


def stumble() -> None:
    raise ZeroDivisionError


def ask_again() -> None:
    raise Retry("Later.", after=60)


@pytest.mark.parametrize(
    ("function", "label", "retried"),
    [(refuse, FAILED, False), (stumble, QUEUED, True), (ask_again, QUEUED, True)],
)
@pytest.mark.usefixtures("patient")
def test_a_failed_attempt_is_as_any_jobs(
    room: Room, rung: list[Any], function: Callable[[], None], label: str, retried: bool
) -> None:
    """What another try may help goes to the workers."""
    room.registry.operation("tried")(function)
    outcome = room.enter(CALL)
    job = room.engine.get(str(outcome.job), LOCAL)
    assert job.label == label
    assert bool(rung) == retried
    assert outcome.pending == retried


@pytest.mark.usefixtures("patient")
def test_one_over_its_own_time_has_failed(room: Room) -> None:
    room.registry.operation("tried", timeout=0.1)(lambda: Event().wait(0.01) or _forever())
    outcome = room.enter(CALL)
    assert outcome.problem is not None
    assert outcome.problem.kind == "timeout"
    assert room.engine.get(str(outcome.job), LOCAL).label == FAILED


@pytest.mark.usefixtures("patient")
def test_one_that_has_more_time_than_an_answer_goes_on_with_a_worker(room: Room) -> None:
    """From its beginning, as the same attempt."""
    runs: list[int] = []
    room.registry.operation("tried")(lambda: runs.append(1) or len(runs) > 1 or _forever())
    outcome = room.enter(CALL)
    assert outcome.pending
    (job,) = room.engine.claim()
    assert job.id == outcome.job
    ending = room.engine.execute(job, keyed.Control())
    (settled,) = room.engine.settle([(job, ending)])
    assert settled is not None
    assert (settled.label, settled.body["attempt"]) == (SUCCEEDED, 1)


def test_what_a_dead_process_ran_is_run_by_a_worker(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the time of the call, which is the claim's, is over; it counts as an attempt."""

    def dies(*_: Any, **__: Any) -> None:
        raise SystemExit

    room.registry.operation("tried")(lambda: 1)
    with monkeypatch.context() as patched:
        patched.setattr(room.engine, "execute", dies)
        assert isinstance(room.enter(CALL).problem, Internal)
    assert room.engine.claim() == []
    (held,) = room.engine.list(LOCAL).items
    assert held.label == RUNNING
    now, clock = room.ports.clock.now(), room.ports.clock
    monkeypatch.setattr(clock, "now", lambda: now + 30 + keyed.MARGIN)
    (job,) = room.engine.claim()
    assert (job.id, job.takes) == (held.id, 2)


@pytest.mark.parametrize(
    "wish",
    [
        {"concurrency": 1}, {"rate": Rate(1, 1.0)}, {"singleton": True}, {"debounce": 1.0},
        {"memory": 1}, {"offload": "queue"},
    ],
)  # fmt: skip
def test_whose_author_says_where_or_when_runs_there_and_then(wish: dict[str, Any]) -> None:
    assert keyed.runs_here(Policy())
    assert not keyed.runs_here(replace(Policy(), **wish))


def _forever() -> bool:
    while True:
        time.sleep(0.01)


def test_what_took_long_to_store_is_left_to_the_workers(
    lab: Testing, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    """Its claim would end while it runs here, and a worker would run it beside."""
    lab.room.registry.operation("tried", timeout=10)(lambda: 1)
    commit = lab.room.ports.records.commit

    def slow(*writes: Any) -> Any:
        lab.advance(keyed.MARGIN / 2 + 1)
        return commit(*writes)

    monkeypatch.setattr(lab.room.ports.records, "commit", slow)
    outcome = lab.room.enter(CALL)
    assert outcome.job
    job = lab.job(outcome.job)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    monkeypatch.setattr(keyed, "MARGIN", 1.0)
    outcome = lab.room.enter(Call("tried", {}, key="another"))
    assert outcome.job
    assert lab.job(outcome.job)["status"] == "queued"
    lab.run()
    job = lab.job(outcome.job)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)


def test_a_late_call_is_not_torn_out_of_the_store(
    room: Room, monkeypatch: pytest.MonkeyPatch, patient: None
) -> None:
    """It would keep what it holds of it, and the process would have no store any more."""
    file = f"file_{0:026}"
    room.registry.operation("tried", timeout=0.2)(lambda: file)
    get, seen = room.ports.records.get, list[str]()

    def slow(collection: str, id: str) -> Any:
        until = time.monotonic() + 30
        while id == file and time.monotonic() < until and not seen:
            try:
                time.sleep(0.01)
                if deadline._watch._shielded.get(get_ident()) is not None:
                    seen.append("shielded")
            except CallTimedOut:
                seen.append("torn")
                raise
        return get(collection, id)

    monkeypatch.setattr(room.ports.records, "get", slow)
    assert isinstance(room.enter(CALL).problem, TimedOut)
    assert seen == ["shielded"]
