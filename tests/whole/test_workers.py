"""Whatever a job does to its process, it ends as it should, and its neighbours never notice."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from app.ports import Record
from tests.whole.workers import Workshop, is_alive, runner_of, until, workshop

NEIGHBOURS = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    folder = tmp_path_factory.mktemp("workers")
    with workshop(folder, "tests.whole.untidy", MANYDOORS_MAX_FILE="100KB") as up:
        workers = [worker.pid for worker in up.workers]
        yield up
        assert all(map(is_alive, workers)), up.log.read_text()[-5000:]


def among_neighbours(shop: Workshop, operation: str, within: float = 60) -> Record:
    """How a job ended; those before and behind it all succeeded."""
    half = NEIGHBOURS // 2
    around = [("short", {"n": n}) for n in range(NEIGHBOURS)]
    ids = shop.submit_all([*around[:half], (operation, {}), *around[half:]])
    nasty = ids.pop(half)
    began = time.monotonic()
    assert [shop.result(id, within) for id in ids] == [2 * n for n in range(NEIGHBOURS)]
    return shop.ended(nasty, max(0.1, began + within - time.monotonic()))


@dataclass(frozen=True)
class Fails:
    operation: str
    says: str
    kind: str = "internal"
    attempts: int = 2
    within: float = 60
    traced: str = ""


# From Python 3.12 on, C code that recurses too deep raises.
OVERFLOWS = (
    Fails("overflows", "ended by SIGSEGV", "crashed", traced="in overflows")
    if sys.version_info < (3, 12)
    else Fails("overflows", "RecursionError", traced="in overflows")
)
FAILS = [
    Fails("segfault", "ended by SIGSEGV", "crashed", traced="nasty.py"),
    Fails("exits", "ended by itself, with exit code 3", "crashed"),
    Fails("is_killed", "ended by SIGKILL. Perhaps the machine was out of memory", "crashed"),
    Fails("real_time_signal", "ended by signal 40", "crashed"),
    Fails("aborts", "ended by SIGABRT", "crashed", traced="in aborts"),
    Fails("alarmed", "ended by SIGALRM", "crashed"),
    OVERFLOWS,
    Fails("closes_files", "closes only the files that it opened", "crashed"),
    Fails("scribbles", "closes only the files that it opened", "crashed"),
    Fails("sys_exit", "It called sys.exit(3)."),
    Fails("base_exception", "Weird: out of nowhere", traced="in base_exception"),
    Fails("interrupt", "KeyboardInterrupt", traced="in interrupt"),
    Fails("unspeakable", "Unspeakable: (it cannot say why)"),
    Fails("half_a_character", "ValueError: ? ? xxx"),
    Fails("recursion", "RecursionError", traced="in recursion"),
    Fails("memory_error", "MemoryError"),
    Fails("an_object", "object"),
    Fails("a_cycle", "itself"),
    Fails("too_large", "over 102,400 bytes", "too_large", 1),
    Fails("nan", "nan"),
    Fails("a_generator", "generator"),
    Fails("nan_progress", "give it numbers"),
    Fails("loops", "longer than its timeout of 1 s", "timeout", 1),
    Fails("hogs", "longer than its timeout of 2 s", "timeout", 1),
    Fails("backtracks", "longer than its timeout of 2 s", "timeout", 1),
    Fails("ignores_signals", "longer than its timeout of 2 s", "timeout", 1),
    Fails("floods_for_ever", "longer than its timeout of 2 s", "timeout", 1),
    Fails("leaks", "over the 150,000,000 that memory=… allows", "crashed", 1),
    Fails("child_survives_crash", "ended by SIGSEGV", "crashed"),
]


@pytest.mark.parametrize("case", FAILS, ids=lambda case: case.operation)
def test_a_nasty_job_fails_with_its_reason_and_its_neighbours_succeed(
    shop: Workshop, case: Fails
) -> None:
    """Each of its attempts counts, and the record says what happened."""
    record = among_neighbours(shop, case.operation, case.within)
    error = record.body.get("error", {})
    assert record.label == "failed"
    assert error["kind"] == case.kind
    assert case.says in error["detail"]
    assert case.traced in error.get("traceback", "")
    assert record.body["attempt"] == case.attempts


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ("child_returns", "parent"),
        ("pool", [1, 2]),
        ("ends_a_program", -signal.SIGTERM),
        ("thread_lives_on", 1),
        ("floods_print", 1),
        ("floods_output", 1),
        ("reads_input", ""),
        ("closes_output", 1),
        ("turns_around", 1),
        ("logs_badly", 1),
        ("odd_progress", 1),
    ],
)
def test_an_odd_job_succeeds_and_its_neighbours_too(
    shop: Workshop, operation: str, result: object
) -> None:
    """What it does beside its work is no reason to fail."""
    record = among_neighbours(shop, operation)
    assert record.label == "succeeded", record.body["error"]
    assert record.body["result"] == result
    assert record.body["attempt"] == 1


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """With one worker, so that each job finds what the last one left."""
    with workshop(tmp_path_factory.mktemp("lonely"), "tests.whole.untidy", workers=1) as up:
        yield up


def test_a_job_finds_its_process_as_the_last_one_did(lonely: Workshop) -> None:
    """Folder, environment, signals, timers, streams, limits and loggers are put back."""
    before = lonely.result(lonely.submit("surroundings"))
    assert lonely.result(lonely.submit("turns_around")) == 1
    assert lonely.result(lonely.submit("surroundings")) == before
    id = lonely.submit("logs_badly")
    lonely.ended(id)
    assert lonely.lines(id)[-1] == "then this"


def test_a_job_is_not_charged_for_the_memory_that_others_left(lonely: Workshop) -> None:
    """memory= counts from what its process held when the job began."""
    assert lonely.result(lonely.submit("keeps_memory")) == 1
    assert lonely.result(lonely.submit("takes_little")) == 20_000_000


def test_what_a_crashed_job_started_ends_with_it(lonely: Workshop) -> None:
    """Its children are ended with its process."""
    lonely.ended(lonely.submit("child_survives_crash"))
    child = int((lonely.folder / "child").read_text())
    until(lambda: not is_alive(child))


@pytest.mark.parametrize("operation", ["child_lives_on", "daemon"])
def test_a_child_that_lives_on_holds_nobody_up(lonely: Workshop, operation: str) -> None:
    """Though it holds all that it inherited open."""
    child = lonely.result(lonely.submit(operation))
    crashed = lonely.ended(lonely.submit("segfault"), 10)
    assert "SIGSEGV" in crashed.body["error"]["detail"]
    assert lonely.result(lonely.submit("short", n=1)) == 2
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def test_what_is_written_past_python_is_in_the_log_of_its_job(lonely: Workshop) -> None:
    """And in that of no other, though they were claimed together."""
    ids = lonely.submit_all([("short", {"n": 1}), ("writes_past_python", {}), ("short", {"n": 1})])
    for id in ids:
        lonely.ended(id)
    assert [lonely.lines(id) for id in ids] == [[], ["by descriptor", "by a program"], []]


def test_a_crash_in_the_midst_of_short_jobs_is_told_by_its_own_record(lonely: Workshop) -> None:
    """The dump of its stack is not in a neighbour's log."""
    shorts = [("short", {"n": n}) for n in range(30)]
    ids = lonely.submit_all([*shorts, ("segfault", {}), *shorts])
    record = lonely.ended(ids.pop(30))
    assert "in segfault" in record.body["error"]["traceback"]
    assert [lonely.result(id) for id in ids] == [2 * n for n in range(30)] * 2
    assert [lonely.lines(id) for id in ids] == [[]] * 60


def test_a_full_mailbox_holds_no_worker_up(lonely: Workshop) -> None:
    """A job that gives no thread a turn ends in time, with megabytes claimed behind it."""
    for id in lonely.submit_all([("short", {"n": n}) for n in range(100)]):
        lonely.result(id)  # by now it claims many at a time
    text = "x" * 100_000
    behind = [("measures", {"text": text})] * 25
    ids = lonely.submit_all([("hogs", {}), *behind])
    record = lonely.ended(ids[0], 10)
    assert record.body["error"]["kind"] == "timeout"
    assert [lonely.result(id) for id in ids[1:]] == [100_000] * 25


def test_a_worker_outlives_its_runner(lonely: Workshop) -> None:
    """A runner that somebody kills while it has nothing to do is replaced."""
    worker = lonely.workers[0]
    runner = runner_of(worker)
    assert runner
    os.kill(runner, signal.SIGKILL)
    until(lambda: runner_of(worker) not in (None, runner))
    assert lonely.result(lonely.submit("short", n=1)) == 2
