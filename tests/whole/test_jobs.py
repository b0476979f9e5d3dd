"""Jobs from outside: the real service, over HTTP, killed in the middle."""

import json
import os
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.whole.service import ROOT, Service, running

OPERATIONS = '''
import os, time
from app import Run, operation

@operation("sum", retries=9)
def sum_up(run: Run, many: int, pause: float) -> int:
    """Add numbers, slowly."""
    for number in run.each(range(many), every=10):
        time.sleep(pause)
        run.state["sum"] = run.state.get("sum", 0) + number
    return run.state["sum"]

@operation("count.runs", retries=9)
def count_runs(run: Run, mark: str) -> list:
    """Take two steps, each of which leaves a mark, with a pause between."""
    def step(name):
        with open(mark, "a") as file:
            file.write(name)
        return name
    done = [run.step("first", step, "1")]
    for _ in range(100):
        time.sleep(0.05)
    return [*done, run.step("second", step, "2")]
'''


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "killed.py").write_text(OPERATIONS)
    return {"MANYDOORS_OPERATIONS": "killed", "PYTHONPATH": f"{tmp_path}:{ROOT}"}


def ask(service: Service, path: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        service.url + path, content, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())


def until(service: Service, id: str, seen: Any) -> Any:
    deadline = time.monotonic() + 30
    while not seen(job := ask(service, f"/v1/jobs/{id}")):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def kill(service: Service) -> None:
    """Everything, at once and with no word of warning."""
    for pid in reversed(service.processes()):
        os.kill(pid, signal.SIGKILL)
    service.process.wait(timeout=10)


@pytest.mark.slow
def test_a_job_goes_on_where_it_was_when_everything_was_killed(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """At once after the next start; no item counts twice, and no step runs again."""
    mark = tmp_path / "marks"
    with running(tmp_path / "data", workers=2, **settings) as service:
        summing = ask(
            service, "/v1/jobs", {"operation": "sum", "params": {"many": 300, "pause": 0.01}}
        )
        params = {"mark": str(mark)}
        counting = ask(service, "/v1/jobs", {"operation": "count.runs", "params": params})
        until(service, summing["id"], lambda job: job["progress"] and job["progress"]["done"] > 50)
        assert mark.read_text() == "1"
        kill(service)
    with running(tmp_path / "data", workers=2, **settings) as service:
        began = time.monotonic()
        until(service, summing["id"], lambda job: job["attempt"] == 2)
        assert time.monotonic() - began < 5  # not only when the lease has ended
        done = until(service, summing["id"], lambda job: job["finished_at"])
        assert (done["status"], done["result"]) == ("succeeded", sum(range(300)))
        done = until(service, counting["id"], lambda job: job["finished_at"])
        assert (done["status"], done["result"]) == ("succeeded", ["1", "2"])
        assert mark.read_text() == "12"


def test_a_job_is_continued_slice_by_slice(tmp_path: Path, settings: dict[str, str]) -> None:
    """With slices of 0.3 s, a job of 2 s takes several, in one attempt, and is exact."""
    with running(tmp_path / "data", MANYDOORS_SLICE="0.3", **settings) as service:
        params = {"many": 200, "pause": 0.01}
        id = ask(service, "/v1/jobs", {"operation": "sum", "params": params})["id"]
        done = until(service, id, lambda job: job["finished_at"])
        assert (done["status"], done["result"]) == ("succeeded", sum(range(200)))
        assert done["attempt"] == 1
