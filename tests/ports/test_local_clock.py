"""Ids that sort by the time they were made."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.ports.local.clock import ALPHABET, SystemClock, Ulids

FORK = """
import os
from app.ports.local.clock import Ulids
new = Ulids(lambda: 1.0)
new("a")
told, tell = os.pipe()
if os.fork() == 0:
    os.write(tell, " ".join(new("a") for _ in range(100)).encode())
    os._exit(0)
mine = {new("a") for _ in range(100)}
os.wait()
theirs = set(os.read(told, 65536).decode().split())
assert len(mine | theirs) == 200
"""


def milliseconds(id: str) -> int:
    number = 0
    for letter in id.partition("_")[2][:10]:
        number = number * 32 + ALPHABET.index(letter)
    return number


def test_form() -> None:
    """An id is its prefix, an underscore and a ULID, whose first ten letters are its time."""
    id = Ulids(lambda: 1_469_918_176.385)("job")
    assert re.fullmatch(rf"job_[{ALPHABET}]{{26}}", id)
    assert id.startswith("job_01ARYZ6S41")  # the example of github.com/ulid/spec
    assert milliseconds(id) == 1_469_918_176_385


def test_grows() -> None:
    """Ids grow with each call, within a millisecond and when the clock steps back."""
    times = iter([5.0] * 1000 + [4.0] * 1000 + [6.0] * 10)
    new = Ulids(lambda: next(times))
    ids = [new("a") for _ in range(2010)]
    assert ids == sorted(set(ids))


def test_threads() -> None:
    """Threads never get the same id."""
    new = Ulids()
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: [new("a") for _ in range(2000)], range(8))
        assert len({id for ids in made for id in ids}) == 16_000


def test_fork() -> None:
    """A forked child goes on with other ids than its parent, within the same millisecond."""
    here = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", FORK], cwd=here, check=True, timeout=30)


def test_machine_time() -> None:
    """The clock is the machine's, and the monotonic one never goes back."""
    clock = SystemClock()
    assert time.time() - 1 < clock.now() <= time.time()
    assert clock.monotonic() <= clock.monotonic()


def test_sleeps() -> None:
    """The clock waits at least as long as it is told, and not at all for less than nothing."""
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.02)
    clock.sleep(-60)
    assert 0.02 <= clock.monotonic() - before < 60
