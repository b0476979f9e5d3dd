"""A burst on the real service: thousands of submissions at once, a limit, and a worker killed."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.room.job import JOBS
from app.wiring import make_ports
from tests.room.lane_books import check_books, listed
from tests.whole.service import ROOT, Service, running

JOBS_EACH, CLIENTS = 250, 8
OPERATIONS = '''
import os, time
from app import operation

def note(file, line):
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, f"{line}\\n".encode())
    os.close(out)

def work(file, n, pause):
    note(file, f"{time.time():.6f} begin {n} {os.getpid()}")
    time.sleep(pause)
    note(file, f"{time.time():.6f} end {n} {os.getpid()}")
    return n

@operation("burst", long=True, concurrency=20, retries=9)
def burst(file: str, n: int) -> int:
    """Say when it begins and ends."""
    return work(file, n, 0.001)

@operation("narrow", long=True, concurrency=3, retries=9)
def narrow(file: str, n: int) -> int:
    """Take long enough for all workers to want one."""
    return work(file, n, 0.1)

@operation("paced", long=True, rate="20/s")
def paced(file: str, n: int) -> int:
    """Be begun no more than so often."""
    return work(file, n, 0.0)
'''


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bursting.py").write_text(OPERATIONS)
    return {"MANYDOORS_OPERATIONS": "bursting", "PYTHONPATH": f"{tmp_path}:{ROOT}"}


def submit_many(service: Service, operation: str, file: Path, numbers: range) -> list[str]:
    """One at a time, over a connection of its own."""
    host, port = service.address.split(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    ids = []
    for n in numbers:
        body = json.dumps({"operation": operation, "params": {"file": str(file), "n": n}})
        connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 202, told
        ids.append(told["id"])
    connection.close()
    return ids


@contextmanager
def health_watched(service: Service) -> Iterator[list[float]]:
    """How long /healthz takes, asked all the while."""
    took: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            began = time.monotonic()
            with urllib.request.urlopen(f"{service.url}/healthz", timeout=10) as answer:
                assert answer.status == 200
            took.append(time.monotonic() - began)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield took
    finally:
        over.set()
        watcher.join()


def kill_a_runner(service: Service, file: Path) -> tuple[int, float]:
    """That of the last one which has begun, by -9; and when it was dead."""
    last = [line.split() for line in file.read_text().splitlines() if " begin " in line][-1]
    pid = int(last[3])
    assert pid in service.processes()
    os.kill(pid, signal.SIGKILL)
    return pid, time.time()


def wait_until(seen: Any, within: float) -> None:
    deadline = time.monotonic() + within
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def count(service: Service, status: str) -> int:
    with urllib.request.urlopen(f"{service.url}/v1/stats", timeout=10) as answer:
        return int(json.loads(answer.read())["totals"][status])


def most_at_once(file: Path, killed: int, at: float) -> int:
    """The highest overlap, by the times that the jobs themselves wrote; what the killed process
    had begun ended with it."""
    lines = [line.split() for line in file.read_text().splitlines()]
    events = [(float(when), what, n, int(pid)) for when, what, n, pid in lines]
    running: dict[tuple[str, int], float] = {}
    most = 0
    for when, what, n, pid in sorted(events):
        if when > at:
            running = {run: since for run, since in running.items() if run[1] != killed}
        if what == "begin":
            running[n, pid] = when
        else:
            running.pop((n, pid), None)
        most = max(most, len(running))
    return most


def check_done(service: Service, ids: list[str]) -> None:
    """Each job succeeded, and the books are empty."""
    records = make_ports(Settings(data=service.data, min_free=1)).records
    found = {record.id: record for record in listed(records, JOBS)}
    assert Counter(found[id].label for id in ids) == {"succeeded": len(ids)}
    assert listed(records, "parked") == []
    check_books(records)
    records.close()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_burst_is_worked_off(tmp_path: Path, settings: dict[str, str]) -> None:
    """2,000 jobs at once, a limit of 20, a runner killed in the middle: all are done once, and
    the service answers within a second all the while."""
    file = tmp_path / "marks"
    with running(tmp_path / "data", workers=4, **settings) as service:
        with health_watched(service) as took, ThreadPoolExecutor(CLIENTS) as clients:
            each = range(JOBS_EACH)
            parts = clients.map(
                lambda client: submit_many(
                    service, "burst", file, range(client * len(each), (client + 1) * len(each))
                ),
                range(CLIENTS),
            )
            wait_until(lambda: file.exists() and file.read_text().count("end") > 100, 20)
            killed, at = kill_a_runner(service, file)
            ids = [id for part in parts for id in part]
            wait_until(lambda: count(service, "succeeded") == len(ids), 60)
        # All but a hundredth: a loaded machine's disk may hold up the log's line of one of them.
        assert sorted(took)[-1 - len(took) // 100] < 1.0
        check_done(service, ids)
    assert len(ids) == JOBS_EACH * CLIENTS
    assert most_at_once(file, killed, at) <= 20
    ended = Counter(line.split()[2] for line in file.read_text().splitlines() if " end " in line)
    assert set(map(int, ended)) == set(range(len(ids)))
    assert sum(number - 1 for number in ended.values()) <= 64  # what the killed one had at hand


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_more_workers_than_places(tmp_path: Path, settings: dict[str, str]) -> None:
    """Six workers, three places, a runner killed: three run at once, never more, and all places
    are in use."""
    file = tmp_path / "marks"
    with running(tmp_path / "data", workers=6, **settings) as service:
        ids = submit_many(service, "narrow", file, range(60))
        wait_until(lambda: file.exists() and file.read_text().count("end") > 10, 20)
        killed, at = kill_a_runner(service, file)
        wait_until(lambda: count(service, "succeeded") == len(ids), 40)
        check_done(service, ids)
    assert most_at_once(file, killed, at) == 3


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_pace_is_kept_over_processes(tmp_path: Path, settings: dict[str, str]) -> None:
    """Sixty jobs at twenty a second take two seconds and little more."""
    file = tmp_path / "marks"
    with running(tmp_path / "data", workers=3, **settings) as service:
        submit_many(service, "paced", file, range(60))
        wait_until(lambda: count(service, "succeeded") == 60, 30)
    began = sorted(float(x.split()[0]) for x in file.read_text().splitlines() if " begin " in x)
    assert 1.9 < began[-1] - began[0] < 10
    windows = [sum(at <= each < at + 0.9 for each in began) for at in began]
    assert max(windows) <= 20 + 6  # begun by the store's word, and a moment later by the process
