"""HTTP as a client has it, over connections that may break, or that it breaks itself."""

import http.client
import json
import time
from typing import Any

from tests.torture.history import History, Request, Seen

PATIENCE = 20.0  # seconds for an answer
UNCHANGING = ("status", "result", "error", "attempt", "started_at", "finished_at", "key", "params")

Reply = tuple[int, Any]  # no status, no answer


class Wire:
    """One client's. An answer that does not come tells nothing of what was done."""

    def __init__(self, port: int, history: History) -> None:
        self._port, self._history = port, history
        self._connection: http.client.HTTPConnection | None = None

    def has_jobs(self) -> bool:
        """Are there routes for jobs, or only for operations?"""
        return self.ask("GET", "/v1/jobs?limit=1")[0] == 200

    def ask(
        self, method: str, path: str, body: Any = None, drop: bool = False, **headers: str
    ) -> Reply:
        """`drop`: leaves once it is sent, and hears no answer."""
        began = time.time()
        status, told = 0, None
        try:
            connection = self._open()
            content = None if body is None else json.dumps(body)
            named = {name.replace("_", "-"): text for name, text in headers.items()}
            connection.request(method, path, content, {"Content-Type": "application/json"} | named)
            if not drop:
                answer = connection.getresponse()
                told = json.loads(answer.read())
                status = answer.status
        except (OSError, http.client.HTTPException, ValueError):
            status = 0
        if not status:
            self.close()
        what = f"{method} {path.partition('?')[0]}"
        self._history.requests.append(Request(began, time.time(), what, status, drop))
        return status, told

    def read(self, id: str, by: str, wait: float = 0) -> Seen | None:
        """The job, noted as seen."""
        status, job = self.ask("GET", f"/v1/jobs/{id}" + (f"?wait={wait:g}" if wait else ""))
        return self.note(job, by) if status == 200 else None

    def note(self, job: dict[str, Any], by: str) -> Seen:
        told = json.dumps([job.get(name) for name in UNCHANGING], sort_keys=True)
        seen = Seen(job["id"], job["status"], told, by)
        self._history.seen.append(seen)
        return seen

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        return self._connection
