"""Whatever a job does to its process, it ends as it should, and its neighbours never notice."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from app.ports import Record
from tests.whole.workers import Workshop, is_alive, workshop

NEIGHBOURS = 20


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    with workshop(tmp_path_factory.mktemp("workers"), "tests.whole.nasty") as up:
        workers = [worker.pid for worker in up.workers]
        yield up
        assert all(map(is_alive, workers)), up.log.read_text()[-5000:]


def among_neighbours(shop: Workshop, operation: str, within: float = 20) -> Record:
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
    within: float = 10
    traced: str = ""


FAILS = [
    Fails("segfault", "ended by SIGSEGV", "crashed", traced="nasty.py"),
    Fails("exits", "ended by itself, with exit code 3", "crashed"),
    Fails("is_killed", "ended by SIGKILL. Perhaps the machine was out of memory", "crashed"),
    Fails("real_time_signal", "ended by signal 40", "crashed"),
    Fails("aborts", "ended by SIGABRT", "crashed", traced="in aborts"),
    Fails("alarmed", "ended by SIGALRM", "crashed"),
    Fails("overflows", "ended by SIGSEGV", "crashed", traced="in overflows"),
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
    Fails("too_large", "102,403 bytes, and a job's record keeps 102,400", "too_large", 1),
    Fails("nan", "nan"),
    Fails("a_generator", "generator"),
    Fails("nan_progress", "JSON"),
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
    print(record.label, error)
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
