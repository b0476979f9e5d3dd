"""The life of `life.py` under strace, which breaks one of its calls to the system."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.crash.judge import wrong
from tests.crash.life import REFUSED

ROOT = Path(__file__).parents[2]
CALLS = "pwrite64 write fdatasync fsync ftruncate rename link linkat unlink mkdir".split()
TRACED = ("strace", "-f", "-qq")
KILL, EIO, FULL, ONCE_FULL, SMALL = "kill", "EIO", "full from then on", "full once", "no larger"
INJECT = {
    KILL: "signal=SIGKILL", EIO: "error=EIO", FULL: "error=ENOSPC", ONCE_FULL: "error=ENOSPC"
}  # fmt: skip
INJECTED = re.compile(r"\(INJECTED\)|killed by SIGKILL")
LINE = re.compile(r"\d+ +(\w+)\(")
MEMORY = Path("/dev/shm")  # what is synced there costs nothing, and the calls are the same


@dataclass(frozen=True)
class Point:
    """The n-th call of its kind; for `SMALL`: how many bytes a file may have."""

    call: str
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.how}"


def points() -> list[Point]:
    """Every one there is, by a life that nothing breaks."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        trace = Path(folder) / "trace"
        command = [*TRACED, "-o", str(trace), "-e", f"trace={','.join(CALLS)}", *_life(folder)]
        subprocess.run(command, cwd=ROOT, env=_environ(), check=True, capture_output=True)
        found = Counter(line[1] for line in map(LINE.match, trace.read_text().splitlines()) if line)
        largest = max(file.stat().st_size for file in (Path(folder) / "data").rglob("*"))
    return [
        *(Point(call, n, how) for call in found for how in _hows(call) for n in _upto(found[call])),
        *(Point("size", n, SMALL) for n in range(1000, largest + 4096, 4096)),
    ]


def _hows(call: str) -> list[str]:
    """A full disk syncs, unlinks and renames; and it may be full for a moment, or for good."""
    fills = call in ("pwrite64", "linkat", "mkdir", "ftruncate")
    return [KILL, EIO, *[FULL, ONCE_FULL] * fills]


def _upto(count: int) -> range:
    return range(1, count + 1)


@dataclass(frozen=True)
class Tried:
    """What came of a point; each life differs a little, so the last may not be `reached`."""

    point: Point
    reached: bool
    wrong: list[str]


def tried(point: Point) -> Tried:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        trace = Path(folder) / "trace"
        ended = subprocess.run(
            _broken(point, folder, trace), cwd=ROOT, env=_environ(), check=False,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        reached = point.how == SMALL or INJECTED.search(trace.read_text()) is not None
        found = [] if not reached or ended.returncode in _codes(point) else [_death(ended)]
        whole = ended.stdout[: ended.stdout.rfind("\n") + 1]
        return Tried(point, reached, [*found, *wrong(Path(folder), whole)])


def _broken(point: Point, folder: str, trace: Path) -> list[str]:
    if point.how == SMALL:
        return [*_life(folder), str(point.number)]
    when = f"when={point.number}" + "+" * (point.how == FULL)
    inject = f"inject={point.call}:{INJECT[point.how]}:{when}"
    return [*TRACED, "-o", str(trace), "-e", f"trace={point.call}", "-e", inject, *_life(folder)]


def _codes(point: Point) -> tuple[int, ...]:
    """How a life may end that is broken so: nothing but a kill ends it."""
    if point.how == KILL:
        return (-signal.SIGKILL,)
    return (0, REFUSED) if point.how in (FULL, SMALL) else (0,)


def _death(ended: "subprocess.CompletedProcess[str]") -> str:
    return f"it ended with {ended.returncode}: {ended.stderr[-1500:]}"


def _life(folder: str) -> list[str]:
    return [sys.executable, "-m", "tests.crash.life", folder]


def _environ() -> dict[str, str]:
    clean = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
    return clean | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT)}


def _memory() -> Path | None:
    return MEMORY if os.access(MEMORY, os.W_OK) else None
