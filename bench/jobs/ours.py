"""Our own side of the comparison: by the port, and over HTTP."""

import http.client
import json
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.jobs.clock import BATCH, drain, rate, waits
from bench.jobs.processes import running

PORT, HTTP = "Manydoors", "Manydoors, over HTTP"
OPERATIONS, NOTHING, STEPS = "bench.job_operations", "bench.nothing", "bench.steps"
WORKERS = 2
STEPS_EACH, STEPS_AT_MOST = 100, 2000
START_SECONDS = 30

Figures = dict[str, Any]


class NotThere(Exception):
    """A door that this program does not have."""


def missing() -> str:
    """Why it can't be measured yet, or nothing."""
    parts = ("app.room.engine", "app.worker", "app.supervisor")
    return ", ".join(f"no {part}" for part in parts if not find_spec(part))


def by_port(folder: Path, jobs: int, samples: int) -> Figures:
    with Service(folder) as service:
        with running(workers(), folder / "workers.log", environ(folder)):
            service.warm()
            idle = waits(samples, lambda: service.wait(service.submit()))
            step = service.steps(min(jobs, STEPS_AT_MOST))
        half = jobs // 2 // BATCH * BATCH
        single = rate(half, service.submit)
        batch = BATCH * rate(half // BATCH, lambda: service.submit_many(BATCH))
        drained = service.drain(folder / "workers.log", half * 2)
        said = service.durability()
    return {
        "waits": idle,
        "single": single,
        "batch": batch,
        "drain": drained,
        "step": step,
        "durability": said,
    }


def over_http(folder: Path, jobs: int, samples: int) -> Figures:
    """One client on one connection; the waits are of a whole service, its workers included."""
    half = jobs // 2 // BATCH * BATCH
    with _served(folder, "up", "--port", "0", "--workers", str(WORKERS)) as call:
        for _ in range(20):
            _wait_over_http(call)
        idle = waits(samples, lambda: _wait_over_http(call))
    body = {"operation": NOTHING, "params": {}}
    with _served(folder, "web", "--port", "0") as call:
        single = rate(half, lambda: call("POST", "/v1/jobs", body))
        many = {"jobs": [body] * BATCH}
        batch = BATCH * rate(half // BATCH, lambda: call("POST", "/v1/jobs/batch", many))
    return {"waits": idle, "single": single, "batch": batch}


class Service:
    """The engine on a store in `folder`, and what is asked of it here."""

    def __init__(self, folder: Path) -> None:
        from app.config import Settings
        from app.room.acceptance import Submission
        from app.room.call import LOCAL
        from app.wiring import make_room

        self.folder, self.caller = folder, LOCAL
        self.room = make_room(Settings(data=folder, operations=(OPERATIONS,)))
        self.nothing = Submission(operation=NOTHING, params={})
        self.steps_asked = Submission(operation=STEPS, params={"n": STEPS_EACH})

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.room.ports.records.close()

    def submit(self) -> Any:
        return self.room.engine.submit(self.nothing, self.caller)

    def submit_many(self, count: int) -> None:
        self.room.engine.submit_all([self.nothing] * count, self.caller)

    def wait(self, job: Any) -> Any:
        ended = self.room.engine.wait(job.id, self.caller, 60)
        if ended.label != "succeeded":
            raise RuntimeError(f"{job.id} {ended.label}: {ended.body.get('error')}")
        return ended

    def warm(self) -> None:
        """All workers have started, and have run something."""
        for _ in range(20):
            self.wait(self.submit())

    def steps(self, count: int) -> float:
        """Durable steps a second, timed inside their runs."""
        spent = 0.0
        for _ in range(count // STEPS_EACH):
            job = self.room.engine.submit(self.steps_asked, self.caller)
            spent += self.wait(job).body["spent"]
        return count // STEPS_EACH * STEPS_EACH / spent

    def drain(self, log: Path, jobs: int) -> float:
        with closing(self._open()) as database:
            before = _count(database, "succeeded")
            with running(workers(), log, environ(self.folder)):
                found = drain(lambda: jobs - _unfinished(database), 0, jobs)
            done = _count(database, "succeeded") - before
        if done != jobs:
            raise RuntimeError(f"{done} of {jobs} jobs succeeded")
        return found

    def durability(self) -> str:
        """As every connection of the store asserts it of itself; the file says the rest."""
        with closing(self._open()) as database:
            mode = database.execute("PRAGMA journal_mode").fetchone()[0]
        return f"{mode}, synchronous=FULL asserted"

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "manydoors.db", timeout=30)


def _unfinished(database: sqlite3.Connection) -> int:
    return sum(_count(database, status) for status in ("queued", "running", "waiting"))


def _count(database: sqlite3.Connection, status: str) -> int:
    asked = "SELECT count(*) FROM records WHERE collection = 'jobs' AND label = ?"
    return int(database.execute(asked, (status,)).fetchone()[0])


def workers() -> list[tuple[str, ...]]:
    return [(sys.executable, "-m", "app", "work")] * WORKERS


def environ(folder: Path) -> dict[str, str]:
    return {"MANYDOORS_OPERATIONS": OPERATIONS, "MANYDOORS_DATA": str(folder)}


Ask = Callable[..., Any]


@contextmanager
def _served(folder: Path, *command: str) -> Iterator[Ask]:
    """A part of the program that answers HTTP; gives how to call it, on one open connection."""
    log = folder / f"{command[0]}.log"
    quiet = {"MANYDOORS_LOG_LEVEL": "WARNING"}
    words = (sys.executable, "-m", "app", *command)
    with running([words], log, environ(folder) | quiet):
        connection = http.client.HTTPConnection("127.0.0.1", _port(log), timeout=60)

        def call(method: str, path: str, body: Any = None) -> Any:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status in (404, 405) and method == "POST":
                raise NotThere(f"{method} {path} answers {answer.status}")
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
            return json.loads(text)

        with closing(connection):
            yield call


def _port(log: Path) -> int:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if found := re.search(r"listens on \S+:(\d+)", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"it did not start:\n{log.read_text()[-2000:]}")


def _wait_over_http(call: Ask) -> None:
    job = call("POST", "/v1/jobs", {"operation": NOTHING, "params": {}})
    ended = call("GET", f"/v1/jobs/{job['id']}?wait=25")
    assert ended["status"] == "succeeded", ended
