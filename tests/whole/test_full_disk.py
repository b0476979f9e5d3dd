"""A disk that is full, under the real service: a filesystem of its own, cut down to what it holds.

It runs by itself where mounts are its own: python -m tests.whole.test_full_disk FOLDER
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.torture.ground import Disk, may_mount, take_own_mounts
from tests.whole.service import ROOT, Service, running

FLOOR = 1024 * 1024
PATIENCE = 60.0


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_full_disk(tmp_path: Path, require: Callable[[object, str], None]) -> None:
    """Writes are refused as unavailable, with when to come again, and reads go on, after a restart
    too; nothing dies of it, and all goes on by itself when there is space again."""
    require(may_mount(), "no filesystem may be mounted here")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.whole.test_full_disk", str(tmp_path)], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        timeout=190,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("all of it\n")


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)
    return found


def main(folder: Path) -> None:
    take_own_mounts()
    disk = Disk(folder / "disk")
    settings = {"MANYDOORS_MIN_FREE": str(FLOOR), "MANYDOORS_OPERATIONS": "tests.whole.patient"}
    data = disk.folder / "data"
    with running(data, 2, **settings) as service:
        before = job_of(submitted(service, seconds=0))
        ended(service, before)
        running_on = job_of(submitted(service, seconds=5))
        until(lambda: read(service, running_on)["status"] == "running")
        parts = set(service.processes())
        for left in (0, FLOOR // 2):
            disk.fill(left)
            refuses(service, before)
        assert parts <= set(service.processes()), "a part has died of it"
        disk.free()
        goes_on(service, [before, running_on])
        disk.fill(FLOOR // 2)
        os.kill(service.process.pid, signal.SIGKILL)
    with running(data, 2, **settings) as service:
        refuses(service, before)
        disk.free()
        goes_on(service, [before, running_on])
    print("all of it")


def submitted(service: Service, seconds: float) -> httpx.Response:
    body = {"operation": "patient", "params": {"seconds": seconds}}
    return httpx.post(f"{service.url}/v1/jobs", json=body, timeout=PATIENCE)


def job_of(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def read(service: Service, job: str) -> dict[str, Any]:
    answer = httpx.get(f"{service.url}/v1/jobs/{job}", timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refuses(service: Service, before: str) -> None:
    """Whoever reads is answered, whoever writes is told when to come again."""
    for ask in (lambda: submitted(service, 0), lambda: uploaded(service)):
        answer = until(lambda ask=ask: (told := ask()).status_code == 503 and told)  # type: ignore[misc]
        assert answer.json()["type"] == "/problems/unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    assert read(service, before)["status"] == "succeeded"
    for path in ("/v1/jobs", "/v1/operations", "/v1/schedules", "/healthz", "/"):
        assert httpx.get(service.url + path, timeout=PATIENCE).status_code == 200, path
    direct = httpx.post(f"{service.url}/v1/operations/quick", json={}, timeout=PATIENCE)
    assert direct.json() == "at once"


def uploaded(service: Service) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/files", json={"name": "a.txt"}, timeout=PATIENCE)


def goes_on(service: Service, jobs: list[str]) -> None:
    fresh = until(lambda: (told := submitted(service, 0)).status_code == 202 and told)
    for job in (*jobs, job_of(fresh)):
        ended(service, job)


def ended(service: Service, job: str) -> None:
    told = until(lambda: (told := read(service, job))["finished_at"] and told)
    assert told["status"] == "succeeded", told


if __name__ == "__main__":
    main(Path(sys.argv[1]))
