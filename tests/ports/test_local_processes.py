"""One file of records and several processes: together, forked, stopped, killed."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.ports import Put, Record
from app.ports.local.records import LocalRecords

HERE = Path(__file__).resolve().parents[2]
INCREMENT = """
import sys
from dataclasses import replace
from pathlib import Path
from app.ports import Put
from app.ports.local.records import LocalRecords
from app.room.errors import Stale
records = LocalRecords(Path(sys.argv[1]))
done = 0
while done < int(sys.argv[2]):
    old = records.get("c", "a")
    try:
        records.commit(Put(replace(old, body={"n": old.body["n"] + 1}), expect=old.version))
        done += 1
    except Stale:
        pass
records.close()
"""
ENDLESS = """
import sys
from pathlib import Path
from app.ports import Put, Record
from app.ports.local.records import LocalRecords
records = LocalRecords(Path(sys.argv[1]))
for n in range(1_000_000):
    records.commit(Put(Record("c", f"{n:09}", {})))
    print(n, flush=True)
"""
MANY = """
import sys
from pathlib import Path
from app.ports import Put, Record
from app.ports.local.records import LocalRecords
records = LocalRecords(Path(sys.argv[1]))
for turn in range(1000):
    print(turn, flush=True)
    records.commit(*(Put(Record("c", f"{turn:03}-{n:04}", {}), expect=0) for n in range(2000)))
"""
TURN = """
import sys, time
from pathlib import Path
from app.ports.local.turn import Turn
Turn(Path(sys.argv[1] + "-turn"), 1.0).take()
print("mine", flush=True)
time.sleep(60)
"""
FORK = """
import os, sys
from pathlib import Path
from app.ports import Put, Record
from app.ports.local.records import LocalRecords
records = LocalRecords(Path(sys.argv[1]))
records.commit(Put(Record("c", "before", {})))
told, tell = os.pipe()
child = os.fork()
if child == 0:
    records.commit(Put(Record("c", "child", {})))
    locks = [line for line in open("/proc/locks") if f" {os.getpid()} " in line]
    assert len(locks) >= 2, locks
    os.read(told, 1)
    records.commit(Put(Record("c", "later", {})))
    assert len(records.list("c").items) == 4
    os._exit(0)
records.commit(Put(Record("c", "parent", {})))
records.close()
os.write(tell, b"!")
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
SMALL_DISK = """
import resource, sys
from pathlib import Path
from app.ports import Put, Record
from app.ports.local.records import LocalRecords
from app.room.errors import Unavailable
records = LocalRecords(Path(sys.argv[1]))
records.commit(Put(Record("c", "0000", {})))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
for n in range(1, 1000):
    try:
        records.commit(Put(Record("c", f"{n:04}", {"t": "x" * 3000})))
    except Unavailable:
        break
assert 1 < n < 999
assert len(records.list("c", limit=1000).items) == n
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
records.commit(Put(Record("c", f"{n:04}", {})))
records.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "records.db"


def run(program: str, *arguments: object, **options: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=HERE, text=True, **options)  # type: ignore[call-overload, no-any-return]


def test_syncs(path: Path, tmp_path: Path, require: Callable[[object, str], None]) -> None:
    """A commit that is answered was synced: the system is asked to, once for each lone commit."""
    require(shutil.which("strace"), "strace is not installed")
    found = tmp_path / "calls"
    program = ENDLESS.replace("1_000_000", "40") + "records.close()"
    traced = ["strace", "-f", "-o", str(found), "-e", "trace=fsync,fdatasync"]
    command = [*traced, sys.executable, "-c", program, str(path)]
    subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    assert 40 <= found.read_text().count("sync(") <= 60


def test_stopped_in_its_turn(path: Path) -> None:
    """A process that was stopped while it was its turn to write holds nobody up for ever."""
    records = LocalRecords(path, patience=0.2)
    records.commit(Put(Record("c", "a", {})))
    stopped = run(TURN, path, stdout=subprocess.PIPE)
    assert stopped.stdout
    assert stopped.stdout.readline() == "mine\n"
    stopped.send_signal(signal.SIGSTOP)
    records.commit(Put(Record("c", "b", {})))
    records.close()
    stopped.kill()
    stopped.communicate()


def test_two_processes(path: Path) -> None:
    """Two processes that count up one record lose nothing and are never told "locked"."""
    records = LocalRecords(path)
    records.commit(Put(Record("c", "a", {"n": 0})))
    programs = [run(INCREMENT, path, 100) for _ in range(2)]
    assert [program.wait(60) for program in programs] == [0, 0]
    found = records.get("c", "a")
    records.close()
    assert found is not None
    assert found.body == {"n": 200}


def test_fork(path: Path) -> None:
    """A fork finds nothing open, so the child's writes stand when the parent closes."""
    assert run(FORK, path).wait(30) == 0


def test_killed(path: Path) -> None:
    """What was acknowledged before a kill -9 is there after it."""
    program = run(ENDLESS, path, stdout=subprocess.PIPE)
    assert program.stdout
    told = [next(program.stdout) for _ in range(100)]
    program.send_signal(signal.SIGKILL)
    told += program.stdout.read().splitlines(keepends=True)
    program.wait(10)
    program.stdout.close()
    acknowledged = sum(line.endswith("\n") for line in told)
    with closing(LocalRecords(path)) as records:
        stored = records.count("c")
    assert acknowledged <= stored <= acknowledged + 1


@pytest.mark.parametrize("turns", [1, 2, 4])
def test_killed_in_a_large_commit(path: Path, turns: int) -> None:
    """A kill -9 in the middle of thousands of writes leaves all of them, or none."""
    program = run(MANY, path, stdout=subprocess.PIPE)
    assert program.stdout
    for _ in range(turns):
        next(program.stdout)  # and the commit begins
    program.send_signal(signal.SIGKILL)
    program.wait(10)
    program.stdout.close()
    with closing(LocalRecords(path)) as records:
        assert records.count("c") in (2000 * (turns - 1), 2000 * turns)


def test_disk_fails(path: Path) -> None:
    """A disk that refuses in the middle is Unavailable, loses nothing, and is used again later."""
    assert run(SMALL_DISK, path).wait(30) == 0
