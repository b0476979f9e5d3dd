"""What stands outside asks the service, over HTTP, however often it is gone meanwhile."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

from tests.torture.service import Service

PATIENCE = 60.0  # seconds for an answer, in which the service may be killed and started again
TERMINAL = ("succeeded", "failed", "cancelled")


class Client:
    def __init__(self, service: Service) -> None:
        self._service = service

    def submit(self, operation: str, params: dict[str, Any]) -> str:
        """The job's id; its key makes it one job, however often this is sent."""
        body = {"operation": operation, "params": params, "key": f"{operation} {params}"[:128]}
        return str(json.loads(self.ask("/v1/jobs", body))["id"])

    def job(self, id: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.ask(f"/v1/jobs/{id}"))
        return told

    def cancel(self, id: str) -> None:
        self.ask(f"/v1/jobs/{id}/cancel", {})

    def ended(self, id: str, within: float) -> dict[str, Any]:
        """The job, when it has ended, or as it is after so many seconds."""
        end = time.monotonic() + within
        while (job := self.job(id))["status"] not in TERMINAL and time.monotonic() < end:
            time.sleep(0.2)
        return job

    def ask(self, path: str, body: Any = None) -> bytes:
        end = time.monotonic() + PATIENCE
        content = None if body is None else json.dumps(body).encode()
        while True:
            request = urllib.request.Request(
                f"http://127.0.0.1:{self._service.port}{path}",
                content,
                {"Content-Type": "application/json"},
            )
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    told: bytes = answer.read()
                    return told
            except urllib.error.HTTPError as refused:
                if refused.code < 500 or time.monotonic() > end:
                    raise
            except OSError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.2)
