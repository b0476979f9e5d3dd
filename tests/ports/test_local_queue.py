"""Bells that wake sleeping workers, heard by real processes."""

import os
import selectors
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.ports import Hint
from app.ports.local.queue import MOST_TIMES, Bell, LocalQueue
from tests.ports.suite_queue import Hears, QueueSuite

from .stand_ins import HandClock

HERE = Path(__file__).resolve().parents[2]
LISTEN = """
import sys, time
from pathlib import Path
from app.ports.local.queue import LocalQueue
with LocalQueue(Path(sys.argv[1])).listen() as bell:
    print("ready", flush=True)
    while bell.wait(60):
        print(time.time(), flush=True)
"""
FORK = """
import os, sys, time
from pathlib import Path
from app.ports.local.queue import LocalQueue
with LocalQueue(Path(sys.argv[1])).listen():
    if os.fork():
        os.write(1, b"listens\\n")
        time.sleep(60)
os.write(1, b"left\\n")
sys.stdin.read()
"""

Listener = subprocess.Popen[str]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue(tmp_path: Path, clock: HandClock) -> LocalQueue:
    return LocalQueue(tmp_path, clock.now)


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[[], Listener]]:
    """Starts a process that tells when it is woken."""
    with ExitStack() as started:

        def start() -> Listener:
            process = started.enter_context(run(LISTEN, tmp_path))
            started.callback(process.kill)
            assert told(process) == "ready"
            return process

        yield start


def run(program: str, *arguments: object, **options: object) -> Listener:
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=HERE, text=True, stdout=subprocess.PIPE, **options)  # type: ignore[call-overload, no-any-return]


def told(process: Listener) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def bells(folder: Path) -> list[Path]:
    return list((folder / "bells").iterdir())


def last_changed(folder: Path, ago: int) -> int:
    """Makes the bells' folder look as if it had changed that many seconds ago."""
    when = time.time_ns() - ago * 10**9
    os.utime(folder / "bells", ns=(when, when))
    return when


def test_wakes_at_once(listen: Callable[[], Listener], tmp_path: Path) -> None:
    """A ring wakes who sleeps, long before it would look by itself."""
    listener, queue = listen(), LocalQueue(tmp_path)
    late = []
    for _ in range(5):
        rung = time.time()
        queue.ring(Hint("job_1"))
        late.append(float(told(listener)) - rung)
    assert 0 <= min(late) < 0.05


def test_wakes_after_a_delay(listen: Callable[[], Listener], tmp_path: Path) -> None:
    """A ring with a delay wakes when that is over, and not before."""
    listener = listen()
    rung = time.time()
    LocalQueue(tmp_path).ring(Hint("job_1", 0.2))
    assert rung + 0.2 <= float(told(listener)) < rung + 1


def test_wakes_all(listen: Callable[[], Listener], tmp_path: Path) -> None:
    """One ring wakes every listener."""
    listeners = [listen(), listen()]
    LocalQueue(tmp_path).ring(Hint("job_1"))
    assert all(float(told(listener)) for listener in listeners)


def test_the_dead_are_swept(listen: Callable[[], Listener], tmp_path: Path) -> None:
    """The bell of a killed listener goes with the next ring, which the living still hear."""
    killed, living, queue = listen(), listen(), LocalQueue(tmp_path)
    assert len(bells(tmp_path)) == 2
    killed.kill()
    killed.wait(10)
    queue.ring(Hint("job_1"))
    assert told(living)
    (left,) = bells(tmp_path)
    assert left.name.startswith(f"{living.pid}-")


def test_a_crowd_of_rings(listen: Callable[[], Listener], tmp_path: Path) -> None:
    """More rings than a bell holds neither block nor fail, and its listener wakes once it can."""
    listener, queue = listen(), LocalQueue(tmp_path)
    listener.send_signal(signal.SIGSTOP)
    for n in range(50_000):
        queue.ring(Hint(f"job_{n}"))
    listener.send_signal(signal.SIGCONT)
    assert told(listener)


def test_found_at_once(tmp_path: Path) -> None:
    """A new listener hears the next ring, however well the ringer knows the others."""
    queue = LocalQueue(tmp_path)
    with queue.listen() as first:
        last_changed(tmp_path, ago=60)
        queue.ring(Hint("job_1"))
        assert first.hear()
        with queue.listen() as second:
            queue.ring(Hint("job_2"))
            assert first.hear()
            assert second.hear()
        queue.ring(Hint("job_3"))
        assert first.hear()


def test_found_within_a_tick(tmp_path: Path) -> None:
    """A listener is found also when the folder's time is too coarse to show that it came."""
    queue = LocalQueue(tmp_path)
    with queue.listen():
        when = last_changed(tmp_path, ago=0)
        queue.ring(Hint("job_1"))
        with queue.listen() as second:
            os.utime(tmp_path / "bells", ns=(when, when))
            queue.ring(Hint("job_2"))
            assert second.hear()


def test_hears_once(queue: LocalQueue) -> None:
    """Rings of one moment are told once, and what was told is forgotten."""
    with queue.listen() as bell:
        assert not bell.hear()
        for _ in range(3):
            queue.ring(Hint("job_1"))
        assert bell.hear()
        assert not bell.hear()
        assert bell.next() is None


def test_remembers(queue: LocalQueue, clock: HandClock) -> None:
    """What is rung ahead is told at its time, the earliest first."""
    begin = clock.time
    with queue.listen() as bell:
        for delay in (30, 10, 20, 10):
            queue.ring(Hint("job_1", delay))
        assert not bell.hear()
        for delay in (10, 20, 30):
            assert bell.next() == begin + delay
            assert not bell.wait(0)
            clock.sleep(10)
            assert bell.wait(0)
        assert bell.next() is None


def test_remembers_no_more_than_that(queue: LocalQueue, clock: HandClock) -> None:
    """Of more than a bell remembers, the later ones are lost."""
    with queue.listen() as bell:
        for delay in range(MOST_TIMES + 100, 0, -1):
            queue.ring(Hint("job_1", delay))
        assert not bell.hear()
        assert bell.next() == clock.time + 1
        clock.sleep(MOST_TIMES)
        assert bell.hear()
        assert bell.next() is None


def test_selected(queue: LocalQueue) -> None:
    """A bell is readable from the ring on until it is heard, so it can be one of many waits."""
    with queue.listen() as bell, selectors.DefaultSelector() as selector:
        selector.register(bell, selectors.EVENT_READ)
        assert not selector.select(0)
        queue.ring(Hint("job_1", 60))
        assert selector.select(0)
        bell.hear()
        assert not selector.select(0)


def test_private(queue: LocalQueue, tmp_path: Path) -> None:
    """Only the same user can ring, or see who listens."""
    with queue.listen():
        (bell,) = bells(tmp_path)
        assert (bell.stat().st_mode & 0o777, bell.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert bells(tmp_path) == []


def test_never_raises(tmp_path: Path) -> None:
    """Where nobody listens, or nobody can, a ring does nothing."""
    LocalQueue(tmp_path / "none").ring(Hint("job_1"))
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    LocalQueue(tmp_path / "file").ring(Hint("job_1"))
    with LocalQueue(tmp_path).listen():
        (tmp_path / "bells" / "7-folder.bell").mkdir()
        LocalQueue(tmp_path).ring(Hint("job_1"))
        LocalQueue(tmp_path).ring(Hint("job_1", float("nan")))


def test_nonsense(queue: LocalQueue, tmp_path: Path) -> None:
    """What is no time is not heard, and hides no ring that comes after it."""
    with queue.listen() as bell:
        (path,) = bells(tmp_path)
        for noise in (b"abc", struct.pack("=dd", float("nan"), float("inf"))):
            path.write_bytes(noise)
            assert not bell.hear()
            assert bell.next() is None
        queue.ring(Hint("job_1"))
        assert bell.hear()


def test_no_pipes(
    queue: LocalQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a pipe can not have a name, waiting is only waiting, and the log says so once."""

    def mkfifo(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "mkfifo", mkfifo)
    with queue.listen() as bell, selectors.DefaultSelector() as selector:
        selector.register(bell, selectors.EVENT_READ)
        queue.ring(Hint("job_1"))
        assert not selector.select(0)
        assert not bell.wait(0.01)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_left_over(queue: LocalQueue, tmp_path: Path) -> None:
    """What a listener left that was killed as it began goes when the next one comes."""
    queue.listen().close()
    for name, age in (("1-old.new", 120), ("2-fresh.new", 0)):
        os.mkfifo(tmp_path / "bells" / name)
        os.utime(tmp_path / "bells" / name, (time.time() - age,) * 2)
    with queue.listen():
        queue.ring(Hint("job_1"))
        assert {path.suffix for path in bells(tmp_path)} == {".new", ".bell"}
        assert not (tmp_path / "bells" / "1-old.new").exists()


def test_a_fork_has_no_bell(tmp_path: Path) -> None:
    """A listener's child neither takes its bell down nor keeps it alive."""
    with run(FORK, tmp_path, stdin=subprocess.PIPE) as listener:
        assert {told(listener), told(listener)} == {"listens", "left"}
        assert len(bells(tmp_path)) == 1
        listener.kill()
        listener.wait(10)
        LocalQueue(tmp_path).ring(Hint("job_1"))
        assert bells(tmp_path) == []


def test_a_queue_knows_whether_anybody_listens(tmp_path: Path) -> None:
    """While there is a bell, and no more once it is closed."""
    queue = LocalQueue(tmp_path)
    assert not queue.is_heard()
    with queue.listen():
        assert queue.is_heard()
    assert not queue.is_heard()


class TestLocal(QueueSuite):
    @pytest.fixture
    def bell(self, tmp_path: Path) -> Iterator[Bell]:
        with LocalQueue(tmp_path).listen() as bell:
            yield bell

    @pytest.fixture
    def queue(self, tmp_path: Path, bell: Bell) -> LocalQueue:
        return LocalQueue(tmp_path)

    @pytest.fixture
    def hears(self, bell: Bell) -> Hears:
        return bell.wait

    @pytest.fixture
    def deaf(self, tmp_path: Path) -> LocalQueue:
        return LocalQueue(tmp_path / "nowhere")


def test_many_for_one_moment_are_one(tmp_path: Path) -> None:
    """Who wakes takes all that is due, so a bell need not ring for each."""
    queue = LocalQueue(tmp_path, now=lambda: 5.0)
    with queue.listen() as bell:
        queue.ring(*(Hint(f"job_{n}") for n in range(1000)))
        assert bell._read() == [5.0]
