"""The clock as a part of the real service: jobs come in their seconds, whatever dies."""

import json
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

from tests.whole.service import ROOT, Service, running

EACH_SECOND = {"operation": "hello", "params": {"name": "Ada"}, "every": "1s"}
ON_TIME = 0.5  # seconds from the due time to the start; a look each second would often miss it
TIMED = """
from app import Every, operation


@operation("timed", on=[Every("1s")])
def timed() -> None:
    pass
"""


def clock_of(service: Service) -> int | None:
    """The process of the clock."""
    for pid in service.processes():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"tick" in command:
            return pid
    return None


def jobs(service: Service, operation: str = "hello") -> list[dict[str, Any]]:
    """The oldest first."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"operation": operation, "limit": 200} | ({"cursor": cursor} if cursor else {})
        page = httpx.get(f"{service.url}/v1/jobs", params=query).json()
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found[::-1]


def put(service: Service, name: str, plan: dict[str, Any]) -> dict[str, Any]:
    answer = httpx.put(f"{service.url}/v1/schedules/{name}", json=plan)
    assert answer.status_code in (200, 201), answer.text
    made: dict[str, Any] = answer.json()
    return made


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)
    return found


def seconds(moment: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def without_gaps(found: list[dict[str, Any]]) -> list[float]:
    """Their due times, one after another, each once."""
    dues = [seconds(job["due_at"]) for job in found]
    assert dues == [dues[0] + n for n in range(len(dues))]
    return dues


def test_each_second(service: Service) -> None:
    """A schedule that is made by HTTP comes in its seconds; paused, no more."""
    made = put(service, "each", EACH_SECOND)
    until(lambda: len(jobs(service)) >= 5)
    put(service, "each", {**EACH_SECOND, "enabled": False})
    found = until(lambda: [j for j in jobs(service) if all(jobs_ended(service))])
    dues = without_gaps(found)
    assert seconds(made["next_due"]) - dues[0] in (0, 1)  # a second may end before that is told
    late = sorted(seconds(j["started_at"]) - seconds(j["due_at"]) for j in found)
    assert 0 <= late[0] < ON_TIME  # of the best, for the others share a machine with other tests
    assert {job["status"] for job in found} == {"succeeded"}
    before = len(found)
    time.sleep(1.5)  # the only way to see that nothing comes
    assert len(jobs(service)) == before


def jobs_ended(service: Service) -> list[bool]:
    return [job["finished_at"] is not None for job in jobs(service)]


def test_killed(tmp_path: Path) -> None:
    """Killed by -9 and started again it loses nothing, and doubles nothing."""
    with running(tmp_path / "data") as service:
        put(service, "each", EACH_SECOND)
        for _ in range(3):
            before = len(jobs(service))
            until(lambda before=before: len(jobs(service)) > before + 1)
            clock = clock_of(service)
            assert clock is not None
            os.kill(clock, signal.SIGKILL)
            until(lambda clock=clock: clock_of(service) not in (None, clock))
        before = len(jobs(service))
        until(lambda: len(jobs(service)) > before + 1)
        without_gaps(jobs(service))


def test_two_services_on_one_store(tmp_path: Path) -> None:
    """Their clocks share the due times: each comes once. So with a trigger in the code."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "timed_operations.py").write_text(TIMED)
    settings = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{code}",
        "MANYDOORS_OPERATIONS": "app.operations,timed_operations",
    }
    with running(tmp_path / "data", **settings) as one, running(tmp_path / "data", **settings):
        put(one, "each", EACH_SECOND)
        for operation in ("hello", "timed"):
            until(lambda operation=operation: len(jobs(one, operation)) >= 5)
            without_gaps(jobs(one, operation))
        shown = httpx.get(f"{one.url}/v1/schedules").json()["items"]
        assert sorted(each["source"] for each in shown) == ["code", "rest"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_idle(service: Service) -> None:
    """With nothing due it sleeps: less than a hundredth of a core."""
    clock = until(lambda: clock_of(service))

    def used() -> float:
        told = Path(f"/proc/{clock}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    time.sleep(1)
    before = used()
    time.sleep(5)
    assert used() - before <= 0.05 + 1 / os.sysconf("SC_CLK_TCK")


def test_tick_by_hand(tmp_path: Path) -> None:
    """`tick` makes what is due, once, and says how much that was."""

    def command(*arguments: str) -> Any:
        clean = {name: value for name, value in os.environ.items() if "MANYDOORS" not in name}
        done = subprocess.run(
            [sys.executable, "-m", "app", "--data", str(tmp_path), "--json", *arguments],
            capture_output=True, text=True, cwd=ROOT, check=True, env=clean,
        )  # fmt: skip
        return json.loads(done.stdout)

    command("schedules", "set", "each", "hello", "name=Ada", "--every", "1s")
    due = until(lambda: command("tick")["jobs"])
    assert due >= 1
    listed = command("jobs", "--all")["items"]
    assert listed[0]["source"] == "schedule"
