"""microburst: a proxy before an AWS engine that breaks calls as AWS and networks do."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LOST = {"response": {"abort_bytes": 1}}  # done, and its answer cut off
RESET = {"reset": True}  # never arrived
BROKEN = {"error": {"code": "InternalServerError", "status": 500}}
THROTTLED = {"error": {"code": "ProvisionedThroughputExceededException"}}
NO_ANSWER = {"timeout_ms": 60_000}


def slow(ms: int) -> dict[str, Any]:
    """Passed on after so many milliseconds."""
    return {"latency": {"min": ms, "max": ms}}


class Faults:
    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, *rules: dict[str, Any]) -> None:
        """From now on these, and no others."""
        self._ask("DELETE", "fired")
        self._ask("POST", "rules", [{"service": "dynamodb"} | rule for rule in rules])

    def fired(self) -> int:
        """How often a rule was followed since."""
        return len(self._ask("GET", "fired"))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/_microburst/{path}",
            data,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def running(upstream: str) -> Iterator[Faults]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "microburst", "--host", "127.0.0.1", "--port", str(port),
         "--upstream", upstream, "--no-resign"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ,
    )  # fmt: skip
    faults = Faults(f"http://127.0.0.1:{port}")
    try:
        for _ in range(200):
            try:
                faults.fired()
                break
            except OSError:
                assert process.poll() is None, "microburst did not start"
                time.sleep(0.05)
        yield faults
    finally:
        process.kill()  # asked to end it waits for those who were held
        process.wait(timeout=10)
