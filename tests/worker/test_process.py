"""A keeper's hold on a real runner."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.room.operation import Registry
from app.testing import Testing
from app.worker import channel, runner
from app.worker.process import PIECE, PIECES, TAIL, Process

LONG = "x" * 100_000


def say(text: str) -> str:
    """Give it back."""
    return text


def exits() -> None:
    """End the process."""
    os.write(2, b"last output")
    os._exit(7)


def sleeps() -> None:
    """Do nothing for long."""
    time.sleep(60)


def floods() -> None:
    """Write without end."""
    while True:
        os.write(1, b"x" * 100_000)


def hogs() -> int:
    """Give no other thread a turn."""
    return sum(range(10**12))


def leaves_child() -> None:
    """Die, and leave a child that holds everything open."""
    if os.fork() == 0:
        os.setsid()
        Path("child").write_text(str(os.getpid()))
        time.sleep(60)
        os._exit(0)
    os._exit(1)


def takes_signals() -> str:
    """Tell what a child of the job's does about signals."""
    read, write = os.pipe()
    if os.fork() == 0:
        found = [signal.getsignal(number) for number in runner.IGNORED]
        os.write(write, repr([getattr(one, "name", "python") for one in found]).encode())
        os._exit(0)
    return os.read(read, 1000).decode()


@pytest.fixture
def testing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testing]:
    monkeypatch.chdir(tmp_path)
    registry = Registry()
    for function in (say, exits, sleeps, floods, hogs, leaves_child, takes_signals):
        registry.operation(function.__name__, long=True, timeout="1m")(function)
    with Testing(registry) as service:
        yield service


@pytest.fixture
def process(testing: Testing) -> Iterator[Process]:
    made = Process(testing.room, None)
    yield made
    made.close()


class Jobs:
    """Claims jobs and gives them to a runner, as a keeper does."""

    def __init__(self, testing: Testing, process: Process) -> None:
        self._testing, self._process = testing, process
        self._number = 0

    def give(self, operation: str, **params: Any) -> int:
        self._testing.submit(operation, **params)
        record = self._testing.room.engine.claim()[0]
        self._number += 1
        self._process.send({"jobs": [[self._number, channel.record_out(record)]]})
        return self._number


@pytest.fixture
def jobs(testing: Testing, process: Process) -> Jobs:
    return Jobs(testing, process)


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.002)


def said_by(process: Process, count: int) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []

    def enough() -> bool:
        process.push()
        said.extend(process.read())
        return len(said) >= count

    until(enough)
    return said


def test_a_runner_says_how_each_job_ended(process: Process, jobs: Jobs) -> None:
    """In the order in which they were given."""
    for text in ("a", "b", "c"):
        jobs.give("say", text=text)
    said = said_by(process, 3)
    assert [message["number"] for message in said] == [1, 2, 3]
    assert [message["ending"]["result"] for message in said] == ["a", "b", "c"]
    until(lambda: process.desk.look() is None)
    assert not process.is_lost()


def test_what_a_runner_died_of_is_told(process: Process, jobs: Jobs) -> None:
    """With the job that lay on its desk, and what it wrote last."""
    jobs.give("say", text="a")
    number = jobs.give("exits")
    until(process.is_lost)
    assert process.kill() == "Its process ended by itself, with exit code 7."
    assert [message["number"] for message in process.last_words()] == [1]
    assert process.output_of(1) == b""
    assert process.last_output() == b"last output"
    now = process.desk.look()
    assert now
    assert now.number == number


def test_a_killed_runner_is_not_taken_for_one_that_was_ended_here(
    process: Process, jobs: Jobs
) -> None:
    """Who ends it knows why, and is told nothing but that it had to be ended."""
    jobs.give("sleeps")
    until(lambda: process.desk.look())
    os.kill(process.pid, signal.SIGKILL)
    until(process.is_lost)
    assert "SIGKILL" in process.kill()
    assert process.kill() == ""


def test_a_death_is_noticed_though_a_child_holds_everything_open(
    process: Process, jobs: Jobs, tmp_path: Path
) -> None:
    """The socket never ends then."""
    jobs.give("leaves_child")
    until(process.is_lost)
    until((tmp_path / "child").exists)
    assert process.socket is not None
    process.kill()
    assert process.last_words() == []
    os.kill(int((tmp_path / "child").read_text() or 0), signal.SIGKILL)


def test_one_look_at_a_flood_ends(process: Process, jobs: Jobs) -> None:
    """However fast it comes; its end is kept."""
    jobs.give("floods")
    until(lambda: process.desk.look())
    for _ in range(20):
        process.hear_output()  # of an endless loop this test would never come back
    assert PIECE * PIECES > 1_000_000
    assert len(process.last_output()) <= TAIL


def test_sending_never_waits_for_a_runner_that_is_too_busy(process: Process, jobs: Jobs) -> None:
    """What its mailbox has no room for waits here, and is sent later."""
    jobs.give("hogs")
    until(lambda: process.desk.look())
    for _ in range(30):
        jobs.give("say", text=LONG)
    assert process.is_behind
    assert not process.is_lost()


def test_both_sides_may_have_more_to_say_than_the_other_reads(process: Process, jobs: Jobs) -> None:
    """Neither mailbox being full stops them."""
    for _ in range(40):
        jobs.give("say", text=LONG)
    said = said_by(process, 40)
    assert all(message["ending"]["result"] == LONG for message in said)
    assert not process.is_behind


def test_what_was_not_begun_is_given_back(process: Process, jobs: Jobs) -> None:
    """The runner alone knows what it has begun."""
    first = jobs.give("sleeps")
    behind = [jobs.give("say", text="a"), jobs.give("say", text="b")]
    until(lambda: process.desk.look())
    process.send({"revoke": [first, *behind]})
    assert said_by(process, 1) == [{"revoked": behind}]


def test_what_is_void_is_not_begun(process: Process, jobs: Jobs) -> None:
    """Though it was given, and never revoked."""
    process.desk.void(2)
    for _ in range(3):
        jobs.give("say", text="a")
    assert [message["number"] for message in said_by(process, 1)] == [3]


def test_a_closed_runner_is_gone_with_its_group(testing: Testing) -> None:
    """And may be closed before it has a group of its own."""
    for _ in range(20):
        process = Process(testing.room, None)
        process.close()
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_what_a_job_forks_heeds_signals(process: Process, jobs: Jobs) -> None:
    """Its runner does not: the keeper alone decides when that ends."""
    jobs.give("say", text="ready")
    said_by(process, 1)
    for number in runner.IGNORED:
        os.kill(process.pid, number)
    jobs.give("takes_signals")
    found = said_by(process, 1)[0]["ending"]["result"]
    assert found == "['SIG_DFL', 'python', 'SIG_DFL']"
    assert not process.is_lost()
