"""Server-sent events by the real server: each is sent when it happens."""

import json
import socket
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from app.doors.streams import MOST_STREAMS
from tests.whole.service import Service, running


def submit(service: Service, **job: Any) -> Any:
    body = {"operation": "hello", "params": {"name": "Ada"}} | job
    request = urllib.request.Request(
        f"{service.url}/v1/jobs", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_events_come_as_they_happen(service: Service) -> None:
    """The first is there while the job still waits for its time; the last ends the answer."""
    job = submit(service, delay=2)
    with urllib.request.urlopen(service.url + job["links"]["events"], timeout=20) as events:
        assert events.headers["Content-Type"] == "text/event-stream"
        told = b""
        while b"queued" not in told:
            told += events.readline()
        with urllib.request.urlopen(service.url + job["links"]["self"]) as answer:
            assert json.load(answer)["status"] == "queued"
        told += events.read()
    assert b"event: end\n" in told
    assert b'"Hello, Ada!"' in told


def test_a_stop_answers_who_waits(tmp_path: Path) -> None:
    """Whole answers, and not connections that are cut once the server's patience has ended."""
    with running(tmp_path / "var") as service:
        job = submit(service, delay="1h")
        follow = service.url + job["links"]["events"]
        waiting = HTTPConnection(service.address, timeout=20)
        with urllib.request.urlopen(follow, timeout=20) as events:
            assert events.readline() == b"retry: 1000\n"
            waiting.request("GET", job["links"]["self"] + "?wait=25")
            with urllib.request.urlopen(f"{service.url}/healthz"):  # so that has arrived too
                service.process.terminate()
            assert json.load(waiting.getresponse())["status"] == "queued"
            assert b"event: end" not in events.read()
        waiting.close()


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_who_goes_away_makes_room(service: Service) -> None:
    """As many streams as a process has are busy for the next, until their clients have gone."""
    path = submit(service, delay="1h")["links"]["events"]
    request = f"GET {path} HTTP/1.1\r\nHost: {service.address}\r\n\r\n".encode()
    host, port = service.address.split(":")

    def follow() -> tuple[socket.socket, bytes]:
        client = socket.create_connection((host, int(port)), timeout=10)
        client.sendall(request)
        return client, client.recv(1000)[9:12]

    clients = [follow() for _ in range(MOST_STREAMS)]
    assert {status for _, status in clients} == {b"200"}
    clients.append(follow())
    assert clients[-1][1] == b"429"
    for client, _ in clients:
        client.close()
    status = b"429"
    while status != b"200":  # with the next heartbeat; the test's own timeout is the bound
        time.sleep(0.2)
        client, status = follow()
        client.close()
