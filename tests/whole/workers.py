"""Real workers, each a process of its own, and a room in this one on the same store."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.config import Settings
from app.ports import Record
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.job import TERMINAL
from app.room.operation import Registry
from app.wiring import make_ports
from tests.whole.service import ROOT

Worker = subprocess.Popen[bytes]


class Workshop:
    """A store, and the workers on it."""

    def __init__(self, folder: Path, module: str) -> None:
        """`module` has a `declare(registry)`, and is given to the workers too."""
        self.folder = folder
        code = folder / "code"
        code.mkdir()
        (code / "declared.py").write_text(
            f"from app.room.operation import REGISTRY\nfrom {module} import declare\n\n"
            "declare(REGISTRY)\n"
        )
        registry = Registry()
        __import__(module)
        sys.modules[module].declare(registry)
        settings = Settings(data=folder / "data", min_free=1)
        self.room = Room(registry, make_ports(settings))
        self.engine = self.room.engine
        self.workers: list[Worker] = []

    def start(self, **settings: str) -> Worker:
        clean = {name: value for name, value in os.environ.items() if "MANYDOORS" not in name}
        environ = clean | settings | {
            "MANYDOORS_OPERATIONS": "declared",
            "MANYDOORS_MIN_FREE": "1",
            "PYTHONPATH": f"{self.folder / 'code'}:{ROOT}",
        }  # fmt: skip
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "app", "--data", str(self.folder / "data"), "work"],
                stderr=log, stdin=subprocess.DEVNULL, env=environ, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        until(lambda: runner_of(worker))
        return worker

    @property
    def log(self) -> Path:
        return self.folder / "workers.log"

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            try:
                worker.wait(timeout=12)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self.room.ports.records.close()

    def submit(self, operation: str, **params: Any) -> str:
        return self.submit_all([(operation, params)])[0]

    def submit_all(self, jobs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        submissions = [Submission(name, params) for name, params in jobs]
        return [record.id for record in self.engine.submit_all(submissions, LOCAL)]

    def job(self, id: str) -> Record:
        return self.engine.get(id, LOCAL)

    def ended(self, id: str, within: float = 60) -> Record:
        record = self.engine.wait(id, LOCAL, within)
        assert record.label in TERMINAL, f"after {within} s it is {record.label}: {record.body}"
        return record

    def result(self, id: str, within: float = 60) -> Any:
        record = self.ended(id, within)
        assert record.label == "succeeded", record.body.get("error")
        return record.body["result"]

    def running(self, id: str) -> Record:
        until(lambda: self.job(id).label == "running")
        return self.job(id)

    def lines(self, id: str) -> list[str]:
        return [text for _, _, text in self.job(id).body.get("log", {}).get("lines", [])]


@contextmanager
def workshop(folder: Path, module: str, workers: int = 2, **settings: str) -> Iterator[Workshop]:
    shop = Workshop(folder, module)
    try:
        for _ in range(workers):
            shop.start(**settings)
        yield shop
    finally:
        shop.close()


def children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def runner_of(worker: Worker) -> int | None:
    """The process that runs a worker's jobs."""
    assert worker.poll() is None, "the worker has ended"
    return next(iter(children(worker.pid)), None)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.01)
