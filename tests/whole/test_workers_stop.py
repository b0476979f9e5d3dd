"""Workers that are told to stop, killed, stopped, revived; jobs that are cancelled and sliced."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.room.call import LOCAL
from tests.whole.workers import Worker, Workshop, is_alive, runner_of, until, workshop

STEADY = "tests.whole.steady"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workshop]:
    """With one worker."""
    with workshop(tmp_path, STEADY, workers=1) as up:
        yield up


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with workshop(tmp_path_factory.mktemp("steady"), STEADY) as up:
        yield up


def seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


def test_a_function_without_boundaries_is_cancelled_by_the_end_of_its_process(
    pair: Workshop,
) -> None:
    """It gets five seconds to come to a boundary, for it may."""
    id = pair.submit("sleeps", seconds=60)
    pair.running(id)
    pair.engine.cancel(id, LOCAL)
    took = seconds(lambda: pair.ended(id))
    assert pair.job(id).label == "cancelled"
    print(f"cancelled after {took:.2f} s")
    assert took < 10


def test_a_function_with_boundaries_is_cancelled_at_the_next(pair: Workshop) -> None:
    """It is told at once."""
    id = pair.submit("walks", count=10_000, pause=0.01)
    pair.running(id)
    until(lambda: pair.job(id).body.get("progress"))
    pair.engine.cancel(id, LOCAL)
    took = seconds(lambda: pair.ended(id))
    assert pair.job(id).label == "cancelled"
    print(f"cancelled after {took * 1000:.0f} ms")
    assert took < 4


def test_what_a_job_tells_is_shown_while_it_computes(pair: Workshop, tmp_path: Path) -> None:
    """Its progress, and what it printed."""
    end = tmp_path / "end"
    id = pair.submit("computes", file=str(end))
    until(lambda: pair.lines(id) == ["it begins"])
    until(lambda: pair.job(id).body.get("progress") == [3, 7, "on the way"])
    assert pair.job(id).label == "running"
    end.touch()
    pair.result(id)


def test_a_job_begins_as_soon_as_it_is_submitted(pair: Workshop) -> None:
    """A ring wakes a worker: nothing here waits for the look of each second."""
    waits = []
    for _ in range(30):
        before = time.time()
        waits.append(pair.result(pair.submit("moment")) - before)
    late = statistics.median(waits)
    print(f"begun after {late * 1000:.1f} ms (median)")
    assert late < 0.5


def test_idle_workers_cost_next_to_nothing(pair: Workshop) -> None:
    """Less than a hundredth of a core each, as `-s` shows; a loaded machine is given more."""
    pair.result(pair.submit("moment"))
    until(lambda: not pair.room.ports.records.count("jobs", label="running"))
    pids = [pid for worker in pair.workers for pid in (worker.pid, runner_of(worker)) if pid]
    before, began = sum(map(cpu, pids)), time.monotonic()
    time.sleep(3)  # what is measured is time that passes
    share = (sum(map(cpu, pids)) - before) / (time.monotonic() - began) / len(pair.workers)
    print(f"an idle worker takes {share:.2%} of a core")
    assert share < 0.05


def cpu(pid: int) -> float:
    """Seconds of it that a process has used."""
    facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize(
    ("operation", "params", "result"),
    [
        ("walks", {"count": 120, "pause": 0.02}, sum(range(120))),
        ("sleeps", {"seconds": 9.0}, "slept"),
    ],
)
@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_leaves_its_job_to_another(
    shop: Workshop, operation: str, params: dict[str, float], result: object
) -> None:
    """It leaves within ten seconds, and this is no attempt of the job's."""
    id = shop.submit(operation, **params)
    shop.running(id)
    if operation == "walks":
        until(lambda: shop.job(id).body.get("progress"))
    first = shop.workers[0]
    shop.start()
    first.terminate()
    took = seconds(lambda: first.wait(timeout=10))
    print(f"gone after {took:.2f} s")
    assert first.returncode == 0
    assert shop.result(id, 25) == result
    assert shop.job(id).body["attempt"] == 1


@pytest.mark.slow
def test_a_runner_dies_with_its_keeper_and_the_job_goes_on_elsewhere(shop: Workshop) -> None:
    """When the lease is over; that attempt counts."""
    id = shop.submit("walks", count=100, pause=0.02)
    until(lambda: shop.job(id).body.get("progress"))
    runner = runner_of(shop.workers[0])
    assert runner
    shop.workers[0].kill()
    until(lambda: not is_alive(runner), 5)
    shop.start()
    assert shop.result(id, 25) == sum(range(100))
    assert shop.job(id).body["attempt"] == 2


@pytest.mark.slow
def test_a_revived_worker_lands_nothing_of_a_job_that_another_has(
    shop: Workshop, tmp_path: Path
) -> None:
    """It was stopped past its lease: what it ran is ended, and the other's result stays."""
    signed = tmp_path / "signed"
    id = shop.submit("signs", seconds=6.0, file=str(signed))
    until(signed.exists)
    first = shop.workers[0]
    runner = runner_of(first)
    assert runner
    for pid in (first.pid, runner):
        os.kill(pid, signal.SIGSTOP)
    second = shop.start()
    until(lambda: len(signed.read_text().splitlines()) == 2, 20)
    # The keeper alone: revived with it, the function might come to its end by itself.
    os.kill(first.pid, signal.SIGCONT)
    assert shop.result(id, 25) == str(runner_of(second))
    until(lambda: is_replaced(first, runner), 40)
    time.sleep(0.5)  # for a result of the first to come, should it
    assert shop.job(id).body["result"] == str(runner_of(second))


def is_replaced(worker: Worker, runner: int) -> bool:
    return runner_of(worker) not in (None, runner)


def test_a_job_of_many_slices_gives_the_exact_result(tmp_path: Path) -> None:
    """However often it is continued, that is one attempt; and what can't be continued says why."""
    with workshop(tmp_path, STEADY, workers=2, MANYDOORS_SLICE="0.3s") as sliced:
        long, stuck = sliced.submit_all(
            [("walks", {"count": 60, "pause": 0.05}), ("sleeps", {"seconds": 60})]
        )
        assert sliced.result(long, 30) == sum(range(60))
        body = sliced.job(long).body
        assert body["attempt"] == 1
        assert len(body["slices"]) > 5
        error = sliced.ended(stuck).body["error"]
        assert error["kind"] == "timeout"
        assert "no boundary within its slice of 0.3 s" in error["detail"]
        assert "run.step" in error["detail"]
