"""A small HTTP server that answers as a test says, and remembers what it was asked."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

JSON, PROBLEM, EVENTS = "application/json", "application/problem+json", "text/event-stream"


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass
class Said:
    """One answer; `body` is what JSON says it with, or bytes as they are."""

    body: Any = b""
    status: int = 200
    form: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


Answer = Said | Callable[[Asked], Said] | None


class Scripted:
    """Answers by method and path; of a list, each answer once and the last for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def on(self, what: str, *answers: Answer) -> None:
        """`on("GET /v1/jobs", Said(…))`; None breaks the connection off."""
        self.answers[what] = list(answers)

    def answer(self, asked: Asked) -> Said | None:
        self.asked.append(asked)
        answers = self.answers.get(f"{asked.method} {asked.path}")
        if not answers:
            return problem("unknown", "Nothing here.", 404)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return found(asked) if callable(found) else found


def problem(kind: str, detail: str, status: int, **members: Any) -> Said:
    told = {"type": f"/problems/{kind}", "title": "T", "status": status, "detail": detail}
    return Said(told | members, status, PROBLEM)


def stream(*events: tuple[str, Any], start: int = 1) -> Said:
    """Server-sent events."""
    text = "".join(
        f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
        for number, (name, data) in enumerate(events, start)
    )
    return Said(f": hello\n\n{text}".encode(), form=EVENTS)


def job(**members: Any) -> dict[str, Any]:
    """As the service shows one."""
    names = (
        "params result error progress key owner source parent index retry_of callback_url "
        "started_at finished_at"
    )
    told: dict[str, Any] = dict.fromkeys(names.split())
    told |= {"id": "job_1", "operation": "count", "status": "queued", "attempt": 1, "retries": 3}
    told |= {"priority": 0, "created_at": "2026-01-01T00:00:00.000Z"}
    return told | {"due_at": "2026-01-01T00:00:00.000Z"} | members


@contextmanager
def serving(scripted: Scripted) -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = scripted.answer(Asked(self.command, self.path, dict(self.headers), body))
            self.close_connection = True
            if said is None:
                return
            made = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            self.send_header("Content-Type", said.form)
            if said.form != EVENTS:
                self.send_header("Content-Length", str(len(made)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(made)

        do_GET = do_POST = _reply  # noqa: N815 - as the standard library names them

        def log_message(self, format: str, *args: Any) -> None:
            """Not in a test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    scripted.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
