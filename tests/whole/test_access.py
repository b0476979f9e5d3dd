"""Keys and the real service: where it starts, who gets in, how often, and what its logs tell."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whole.service import ROOT, Service, running

HELLO, BODY = "/v1/operations/hello", b'{"name": "Ada"}'
SECRET = re.compile(rb"md_[0-9A-Za-z]+_([0-9a-f]{64})")


def command(data: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "MANYDOORS" not in name}
    return subprocess.run(
        [sys.executable, "-m", "app", *words],
        env=clean | {"MANYDOORS_DATA": str(data), "PYTHONPATH": str(ROOT)} | settings,
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def made(data: Path, scope: str = "run", *words: str, **settings: str) -> str:
    told = command(data, "keys", "create", "test", "--scope", scope, *words, **settings)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def asked(
    address: str, key: str = "", path: str = HELLO, body: bytes | None = BODY, **headers: str
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=20)
    try:
        sent = {"Content-Type": "application/json", **headers}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        connection.request("POST" if body is not None else "GET", path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("part", ["up", "web"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_stranger_reaches_a_service_without_a_key(tmp_path: Path, part: str, host: str) -> None:
    """It does not start where others can reach it, and says how to make the first key."""
    told = command(tmp_path / "data", part, "--host", host, "--port", "0")
    assert told.returncode == 2
    assert "listens" not in told.stdout
    assert "keys create NAME --scope admin" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_the_way_from_none_to_the_first_key(tmp_path: Path) -> None:
    """The command that it names lets it start, and the key lets one in."""
    data = tmp_path / "data"
    key = made(data, "admin")
    with running(data, options=("--host", "0.0.0.0")) as service:
        here = service.address.replace("0.0.0.0", "127.0.0.1")
        assert asked(here)[0] == 401
        assert asked(here, key) == (200, b'"Hello, Ada!"')
        assert asked(here, path="/healthz", body=None)[0] == 200


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service of four web processes on loopback, that has begun open; and an admin's key."""
    data = tmp_path_factory.mktemp("closed") / "data"
    with running(data, web=4, MANYDOORS_RATE="100/s", MANYDOORS_BURST="50") as service:
        for _ in range(20):
            assert asked(service.address)[0] == 200
        key = made(data, "admin")
        until = time.monotonic() + 20
        while sum(asked(service.address)[0] == 401 for _ in range(20)) < 20:
            assert time.monotonic() < until, "some process still asks for no key"
        yield service, key


@pytest.mark.slow
def test_every_process_knows_a_key_and_forgets_it(closed: tuple[Service, str]) -> None:
    """One that is made elsewhere is known at once; one that is revoked elsewhere ends within a
    minute."""
    service, _ = closed
    key = made(service.data, "run", "--owner", "eve")
    assert {asked(service.address, key)[0] for _ in range(20)} == {200}
    revoked = command(service.data, "keys", "revoke", key.split("_")[1])
    assert revoked.returncode == 0, revoked.stderr
    end = time.monotonic() + 60
    while {asked(service.address, key)[0] for _ in range(20)} != {401}:
        assert time.monotonic() < end, "a revoked key is still good after a minute"
        time.sleep(1)


def test_a_key_is_held_to_its_rate_over_all_processes(closed: tuple[Service, str]) -> None:
    """At five times the rate, on four processes, 5 % more or less at most; another key goes on."""
    service, _ = closed
    loud, quiet = made(service.data), made(service.data)
    seconds, senders, rate, burst = 8.0, 20, 100, 50
    statuses: list[int] = []
    waits: set[str] = set()
    begun = time.monotonic()

    def send(place: int) -> None:
        connection = http.client.HTTPConnection(service.address, timeout=20)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {loud}"}
        pause = senders / (5 * rate)
        due = begun + place * pause / senders
        while due < begun + seconds:
            time.sleep(max(0.0, due - time.monotonic()))
            connection.request("POST", HELLO, BODY, headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
            if answer.status == 429:
                waits.add(str(answer.headers["Retry-After"]))
            due += pause
        connection.close()

    threads = [threading.Thread(target=send, args=(place,)) for place in range(senders)]
    for thread in threads:
        thread.start()
    others = []
    while any(thread.is_alive() for thread in threads):
        others.append(asked(service.address, quiet)[0])
        time.sleep(0.05)
    took = time.monotonic() - begun
    admitted, allowed = statuses.count(200), burst + rate * took
    assert set(statuses) == {200, 429}
    assert waits == {"1"}
    assert set(others) == {200}
    assert 0.95 * (burst + rate * seconds) <= admitted <= 1.05 * allowed


def test_a_key_is_told_nowhere(closed: tuple[Service, str]) -> None:
    """Neither in the log nor in the store nor in a process's title, whatever is done with it."""
    service, admin = closed
    keys = [admin, made(service.data, "run"), made(service.data, "read")]
    wrong = f"md_01ARZ3NDEKTSV4RRFFQ69G5FAV_{'c0ffee' * 10}abcd"
    rotated = command(service.data, "keys", "rotate", keys[1].split("_")[1]).stdout.strip()
    listed = command(
        service.data, "--url", service.url, "--json", "keys", "list", MANYDOORS_KEY=admin
    )
    assert listed.returncode == 0, listed.stderr
    said = listed.stdout + listed.stderr
    for key in (*keys, rotated, wrong):
        for path, body in _busy(key):
            said += asked(service.address, key, path, body)[1].decode()
        refused = command(service.data, "--url", service.url, "call", "none", MANYDOORS_KEY=key)
        said += refused.stdout + refused.stderr
    titles = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in service.processes())
    kept = b"".join(each.read_bytes() for each in service.data.rglob("*") if each.is_file())
    log = (service.data.parent / f"{service.data.name}.log").read_bytes()
    assert b"POST /rpc" in log
    assert b'"digest"' in kept
    for key in (*keys, rotated, wrong):
        secret = key[-64:].encode()
        assert SECRET.fullmatch(key.encode())
        for where, found in (
            ("log", log), ("store", kept), ("titles", titles), ("answers", said.encode()),
        ):  # fmt: skip
            assert secret not in found, where


def _busy(key: str) -> Iterator[tuple[str, bytes | None]]:
    """Requests that end in every way; one names the id."""
    yield HELLO, BODY
    yield HELLO, b'{"nobody": 1}'
    yield HELLO, b"{"
    yield "/v1/jobs", json.dumps({"operation": "hello", "params": {"name": "a"}}).encode()
    yield "/v1/jobs?limit=x", None
    yield "/rpc", b'{"jsonrpc": "2.0", "method": "hello", "params": ["a"], "id": 1}'
    yield "/rpc", b"[]"
    yield "/v1/keys", b'{"name": "more", "scopes": ["root"]}'
    yield f"/v1/keys/{key.split('_')[1]}/none", None
    yield "/jobs", None
    yield "/nowhere", None


def test_a_worker_runs_what_a_key_has_asked_for(closed: tuple[Service, str]) -> None:
    """The job is of the key's owner, and others find nothing."""
    service, admin = closed
    ada, eve = (made(service.data, "run", "--owner", owner) for owner in ("ada", "eve"))
    sent: Any = {"operation": "hello", "params": {"name": "Ada"}}
    status, told = asked(service.address, ada, "/v1/jobs", json.dumps(sent).encode())
    assert status == 202
    id = json.loads(told)["id"]
    status, told = asked(service.address, ada, f"/v1/jobs/{id}?wait=20", None)
    assert json.loads(told)["status"] == "succeeded"
    for key in (eve, admin):
        assert asked(service.address, key, f"/v1/jobs/{id}", None)[0] == 404
