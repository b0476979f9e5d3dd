"""What arrives at the real service: uploads, files in the inbox, messages, large values."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.ports.local.queue import LocalQueue
from tests.whole.service import ROOT, Service, running
from tests.whole.test_clock import clock_of, jobs

LARGE = "\U0001f408 of\n" * 100_000
DROPPED = 40
WAITS = 40.0  # seconds
KILLS, CHANGES = 2, 60


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("arrivals") / "data"
    with running(data, workers=2, MANYDOORS_OPERATIONS="tests.whole.arriving") as up:
        yield up


def eventually(is_so: Callable[[], Any]) -> Any:
    until = time.monotonic() + WAITS
    while not (found := is_so()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.1)
    return found


def ended(service: Service, id: str) -> dict[str, Any]:
    job = httpx.get(f"{service.url}/v1/jobs/{id}?wait=25", timeout=30).json()
    assert job["status"] == "succeeded", job
    found: dict[str, Any] = job
    return found


def test_an_upload_starts_its_job(service: Service) -> None:
    """By any HTTP client; the function reads what was sent."""
    asked = {"name": "pics/by-http.txt", "type": "text/plain"}
    made = httpx.post(f"{service.url}/v1/files", json=asked).json()
    sent = httpx.put(made["upload"]["url"], content=b"hello", headers=made["upload"]["headers"])
    assert sent.status_code == 200
    (job,) = [job for job in jobs(service, "arriving.pic") if job["params"]["pic"] == made["id"]]
    assert ended(service, job["id"])["result"] == ["pics/by-http.txt", 5, "hello"]


def test_the_inbox_survives_its_keeper(service: Service) -> None:
    """The clock is killed again and again: each file is one job, and the folder is empty."""
    folder = service.data / "inbox" / "pics"
    eventually((service.data / "inbox").is_dir)
    folder.mkdir(exist_ok=True)
    for number in range(DROPPED):
        new = folder / f"{number}.txt.part"
        new.write_text(f"{number} " * 200_000)
        new.rename(folder / f"{number}.txt")
        if number % 8 == 0 and (clock := clock_of(service)):
            os.kill(clock, signal.SIGKILL)
            time.sleep(0.7)

    def made() -> list[str]:
        keys = [job["params"]["key"] for job in jobs(service, "arriving.pic")]
        return [key for key in keys if "http" not in key]

    def is_empty() -> bool:
        # Not by rglob, which raises for a folder that goes while it looks.
        found = [name for _, _, names in os.walk(service.data / "inbox") for name in names]
        return not any(name.endswith(".txt") for name in found)

    for _ in range(6):  # in the middle of its work
        time.sleep(0.35)
        if clock := clock_of(service):
            os.kill(clock, signal.SIGKILL)
    eventually(lambda: is_empty() and len(made()) >= DROPPED)
    assert Counter(made()) == Counter(f"pics/{number}.txt" for number in range(DROPPED))
    for job in jobs(service, "arriving.pic"):
        ended(service, job["id"])


def test_messages_are_jobs(service: Service) -> None:
    """To a topic and to a queue."""
    for path in ("topics/news", "queues/orders"):
        made = httpx.post(f"{service.url}/v1/{path}", json={"a": 1})
        assert made.status_code == 202
        assert ended(service, made.json()["items"][0]["id"])["result"] == {"a": 1}


def test_each_change_is_heard_of_once_whatever_is_killed(tmp_path: Path) -> None:
    """All processes are killed in the midst of the changes, again and again: as many jobs as
    changes, each with what was before, and none twice."""
    operations = {"MANYDOORS_OPERATIONS": "tests.whole.arriving"}
    for kill in range(1, KILLS + 1):
        with running(tmp_path / "data", workers=2, **operations) as up:
            for id in "ab" if kill == 1 else "":
                made = {"operation": "arriving.count", "params": {"id": id, "upto": CHANGES}}
                assert httpx.post(f"{up.url}/v1/jobs", json=made).status_code == 202
            heard(up, least=kill * CHANGES // 2)
            for pid in up.processes():
                with suppress(ProcessLookupError):  # it ends with its supervisor
                    os.kill(pid, signal.SIGKILL)
        # While a runner that was just being forked still lives, its leases have to run out.
        eventually(lambda: not LocalQueue(tmp_path / "data").is_heard())
    with running(tmp_path / "data", workers=2, **operations) as up:
        heard(up, least=2 * CHANGES)
        eventually(lambda: not unended(up))
        assert {job["status"] for job in heard(up)} == {"succeeded"}
        told = [job["params"] for job in heard(up)]
    seen = sorted((each["keys"]["id"], each["new"]["n"]) for each in told)
    assert seen == [(id, n) for id in "ab" for n in range(1, CHANGES + 1)]
    before = [each["old"]["n"] if each["old"] else 0 for each in told]
    assert before == [each["new"]["n"] - 1 for each in told]


def heard(service: Service, least: int = 0) -> list[dict[str, Any]]:
    """The jobs that changes have started, once there are so many."""
    eventually(lambda: len(jobs(service, "arriving.counted")) >= least)
    return jobs(service, "arriving.counted")


def unended(service: Service) -> bool:
    """Does anything wait or run?"""
    totals = httpx.get(f"{service.url}/v1/stats").json()["totals"]
    return any(totals.get(status) for status in ("queued", "running", "waiting"))


def test_large_values_come_whole(service: Service) -> None:
    """Waited for, by their URL, over RPC, to a child and back, and from the terminal."""
    call = f"{service.url}/v1/operations/arriving.news"
    whole = httpx.post(call, json={"message": LARGE}, headers={"Prefer": "wait=20"}, timeout=30)
    assert (whole.status_code, whole.json()) == (200, LARGE)
    job = httpx.get(f"{service.url}{whole.headers['Location']}").json()
    url = f"{service.url}{job['links']['result']}"
    assert httpx.get(url).status_code == 303
    assert httpx.get(url, follow_redirects=True).json() == LARGE
    body = {"jsonrpc": "2.0", "id": 1, "method": "arriving.news", "params": {"message": LARGE}}
    waits = {"Prefer": "wait=20"}
    said = httpx.post(f"{service.url}/rpc", json=body, headers=waits, timeout=30)
    assert said.json()["result"] == LARGE
    texts = {"texts": ["a" * 300_000, "b" * 300_000]}
    parent = httpx.post(f"{service.url}/v1/operations/arriving.children", json=texts).json()
    ended(service, parent["id"])
    result = f"{service.url}{parent['links']['result']}"
    assert httpx.get(result, follow_redirects=True).json() == texts["texts"]
    for where in (["--url", service.url], ["--data", str(service.data)]):
        command = [sys.executable, "-m", "app", *where, "call", "arriving.children"]
        told = subprocess.run(
            [*command, f"texts={'c' * 110_000}"],
            cwd=ROOT, env=dict(service.environ), capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(told.stdout) == ["c" * 110_000]
