"""One key's slow calls beside another's, at the real server."""

import json
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from select import POLLIN, poll

from tests.whole.service import ROOT, Service, running

OPERATIONS = '''
import time
from pathlib import Path
from app import operation

@operation("slow", timeout=90)
def slow(gate: str) -> str:
    """Stay until the gate is open."""
    while not Path(gate).exists():
        time.sleep(0.05)
    return "through"

@operation("quick")
def quick() -> str:
    return "here"
'''


def made_key(service: Service, name: str) -> str:
    command = [sys.executable, "-m", "app", "--json", "keys", "create", name, "--scope", "run"]
    made = subprocess.run(
        command, cwd=ROOT, env=service.environ, text=True, capture_output=True, check=True
    )
    return str(json.loads(made.stdout)["key"])


def called(service: Service, operation: str, key: str, **params: str) -> socket.socket:
    """A call on a connection of its own, of which nothing was read yet."""
    host, port = service.address.split(":")
    made = socket.create_connection((host, int(port)), timeout=40)
    body = json.dumps(params)
    made.sendall(
        f"POST /v1/operations/{operation} HTTP/1.1\r\nHost: {service.address}\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return made


def read(made: socket.socket) -> str:
    return b"".join(iter(lambda: made.recv(65536), b"")).decode()


def test_slow_calls_of_one_key_leave_room_for_others(tmp_path: Path) -> None:
    """It holds half of the places, and is told at once that it may have no more; meanwhile another
    is served, and all that were let in are answered."""
    (tmp_path / "slow_operations.py").write_text(OPERATIONS)
    gate = tmp_path / "gate"
    settings = {
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "MANYDOORS_OPERATIONS": "slow_operations",
        "MANYDOORS_RATE": "none",
    }
    with ExitStack() as stack:
        service = stack.enter_context(running(tmp_path / "data", **settings))
        greedy, other = made_key(service, "greedy"), made_key(service, "other")
        stack.callback(gate.touch)  # whatever happens, the server is not kept waiting
        calls = [
            stack.enter_context(called(service, "slow", greedy, gate=str(gate))) for _ in range(150)
        ]
        refused: list[socket.socket] = []
        waiting, known = poll(), {each.fileno(): each for each in calls}
        for number in known:
            waiting.register(number, POLLIN)
        until = time.monotonic() + 60
        while len(refused) < 22 and time.monotonic() < until:
            for number, _ in waiting.poll(1000):
                waiting.unregister(number)
                refused.append(known[number])
        answers = [read(each) for each in refused]
        assert len(answers) == 22
        for answer in answers:
            assert answer.startswith("HTTP/1.1 429")
            assert "retry-after: 1" in answer.lower()
            assert "/problems/busy" in answer
        began = time.monotonic()
        for _ in range(20):
            with called(service, "quick", other) as quick:
                assert read(quick).startswith("HTTP/1.1 200")
        assert time.monotonic() - began < 20
        with called(service, "quick", greedy) as more:
            assert read(more).startswith("HTTP/1.1 429")
        gate.touch()
        for each in calls:
            assert each in refused or read(each).startswith("HTTP/1.1 200")
        with called(service, "quick", greedy) as more:
            assert read(more).startswith("HTTP/1.1 200")
