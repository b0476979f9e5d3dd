"""The tortured service: started, found in the system's table of processes by its folder, ended."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.torture.ground import BENT, FLOOR, Clock, Disk
from tests.torture.operations import AT_WORK, SINK

ROOT = Path(__file__).parents[2]
START_SECONDS = 90.0  # a machine may be very busy


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    role: str  # supervisor, web, web worker, keeper, runner, clock

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)


class Service:
    def __init__(
        self, folder: Path, operations: str = "tests.torture.operations", **settings: str
    ) -> None:
        self.disk, self.clock = Disk(folder / "disk"), Clock(folder / "skew")
        self.data, self.sink = self.disk.folder / "data", folder / "sink"
        self._settings = {"MANYDOORS_OPERATIONS": operations, **settings}
        (self.sink / AT_WORK).mkdir(parents=True)
        self._marker = f"MANYDOORS_DATA={self.data}\0".encode()
        self._log = (folder / "service.log").open("ab")
        self.port = 0
        self._up: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it answers; tries again while those before still let go of the port."""
        end = time.monotonic() + START_SECONDS
        while not self._try_start(end):
            if time.monotonic() > end:
                raise RuntimeError("the service does not start")
            time.sleep(0.2)

    def _try_start(self, end: float) -> bool:
        clean = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
        own = {
            "MANYDOORS_DATA": str(self.data),
            "MANYDOORS_MIN_FREE": str(FLOOR),
            **self._settings,
            "PYTHONPATH": f"{BENT}:{ROOT}",
            SINK: str(self.sink),
            **self.clock.environ,
        }
        given = ("up", "--port", str(self.port), "--web", "2", "--workers", "3")
        self._up = subprocess.Popen(
            [sys.executable, "-m", "app", *given],
            stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT, env=clean | own,
            start_new_session=True,
        )  # fmt: skip
        assert self._up.stdout
        ready, _, _ = select.select([self._up.stdout], [], [], max(0.1, end - time.monotonic()))
        found = re.search(rb":(\d+)\s", os.read(self._up.stdout.fileno(), 200) if ready else b"")
        if found:
            self.port = int(found[1])
        else:
            self._up.kill()
            self._up.wait()
        return bool(found)

    @property
    def ended(self) -> int | None:
        """The supervisor's exit code, once it has one."""
        return self._up.poll() if self._up else 0

    def processes(self) -> list[Process]:
        """All that live by its folder, orphans too."""
        found = {pid: _facts(pid) for pid in self._pids()}
        known = {pid: facts for pid, facts in found.items() if facts}
        return sorted(
            (
                Process(pid, parent, _role(command, known.get(parent, (0, ""))[1]))
                for pid, (parent, command) in known.items()
            ),
            key=lambda process: process.pid,
        )

    def at_work(self) -> set[int]:
        """The processes that are in a function of a job's, and some that died there."""
        return {int(path.name) for path in (self.sink / AT_WORK).iterdir()}

    def _pids(self) -> Iterator[int]:
        for path in Path("/proc").iterdir():
            if path.name.isdigit():
                with suppress(OSError):
                    if self._marker in (path / "environ").read_bytes():
                        yield int(path.name)

    def stop(self) -> list[str]:
        """In good order; gives what was wrong with that."""
        if self._up is None:
            return []
        self._up.terminate()
        try:
            code = self._up.wait(20)
        except subprocess.TimeoutExpired:
            return ["it does not stop within 20 s"]
        wrong = [f"it ended with code {code}"] if code else []
        if left := [process.role for process in self.processes()]:
            wrong.append(f"it left behind {', '.join(left)}")
        return wrong

    def destroy(self) -> None:
        """Whatever still lives by its folder."""
        for _ in range(20):
            processes = self.processes()
            for process in processes:
                process.signal(signal.SIGKILL)
            if self._up and self._up.poll() is None:
                self._up.wait(5)
            if not processes:
                break
            time.sleep(0.1)
        self._log.close()


def _facts(pid: int) -> tuple[int, str] | None:
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    if parts[0] in "ZX" or len(words) < 4:
        return None
    return int(parts[1]), words[3].decode()


def _role(command: str, above: str) -> str:
    if command == "web":
        return "web worker" if above == "web" else "web"
    if command == "work":
        return "runner" if above == "work" else "keeper"
    if command == "tick":
        return "clock"
    return "supervisor"
