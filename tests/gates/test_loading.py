"""What a fresh interpreter loads: the import rules, seen from outside."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.gates.house import ROOT, modules

FLASK = {"flask", "flask_restx", "werkzeug"}
AWS = {"boto3", "botocore", "zappa"}
KEY = f"md_test_{0:064}"
OF_JOBS = {
    *(f"app.room.{name}" for name in ("engine", "job", "run", "calendar", "shelf", "trigger")),
    *(f"app.doors.rest.{name}" for name in ("jobs", "files", "keys", "schedules", "webhooks")),
    *(f"handlers.{name}" for name in ("queue", "topic", "schedule", "upload", "stream", "task")),
    *("handlers.work", "app.ports.post", "ssl", "http.client", "http.cookies", "cronsim"),
}
"""What a plain call has no use for; it took a third of its cold start."""
OF_HTTP = {"app.doors.http", "app.doors.edge", "app.doors.rest.straight", "handlers.schedule"}


def test_handlers_load_no_flask_and_no_sdk(tmp_path):
    """A queue event pays for neither."""
    code = import_all("handlers")
    assert not loaded(code, tmp_path) & (FLASK | AWS)


def test_the_room_loads_no_world(tmp_path):
    code = import_all("app.room")
    assert not loaded(code, tmp_path) & (FLASK | AWS | {"sqlite3", "requests"})


def test_a_local_app_loads_no_sdk(tmp_path):
    code = "from app.wsgi import app; app.wsgi_app"
    names = loaded(code, tmp_path)
    assert "flask" in names
    assert not names & (AWS | {"opentelemetry"})


def test_a_call_that_needs_no_store_loads_neither_flask_nor_an_sdk(tmp_path):
    """Though the service has a table, a queue and a topic. A key of the store and a rate do."""
    asked = called() | {"rawPath": "/v1/operations/bench.speak"}
    settings = {"MANYDOORS_OPERATIONS": "bench.operations", "MANYDOORS_RATE": "none"}
    code = handled(asked, AWS_ENDPOINT_URL="http://127.0.0.1:9", **settings)
    names = loaded(code, tmp_path)
    assert not names & (FLASK | AWS | OF_JOBS)
    assert {"app.room.enter", "handlers.http"} <= names


def test_a_tool_is_called_without_flask(tmp_path):
    """Nor does what a model asks load an SDK."""
    call = {"name": "bench.speak", "arguments": {"name": "Tom"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    asked = called() | {"rawPath": "/mcp", "body": json.dumps(message)}
    settings = {"MANYDOORS_OPERATIONS": "bench.operations", "MANYDOORS_RATE": "none"}
    names = loaded(handled(asked, AWS_ENDPOINT_URL="http://127.0.0.1:9", **settings), tmp_path)
    assert not names & (FLASK | AWS)
    assert "app.doors.mcp.methods" in names


@pytest.mark.parametrize("name", ["queue", "call"])
def test_what_makes_a_job_loads_of_the_sdk_what_it_asks_and_no_flask(tmp_path, name):
    """boto3 on top of botocore would add a third to it."""
    asked = {"queue": queued, "call": keyed}[name]()
    with answering() as url:
        names = loaded(handled(asked, AWS_ENDPOINT_URL=url), tmp_path)
    assert {"botocore", "app.room.engine"} <= names
    assert not names & (FLASK | {"boto3", "s3transfer", "zappa", "sqlite3"})


def test_a_message_loads_no_door_where_somebody_waits(tmp_path):
    """Nor one of another platform's events."""
    with answering() as url:
        names = loaded(handled(queued(), AWS_ENDPOINT_URL=url), tmp_path)
    assert "handlers.queue" in names
    assert not names & OF_HTTP


def test_what_is_loaded_is_seen(tmp_path):
    assert {"flask", "sqlite3", "http.client"} <= loaded(
        "import flask, sqlite3, http.client", tmp_path
    )


def import_all(package: str) -> str:
    names = [m.name for m in modules() if m.name == package or m.name.startswith(package + ".")]
    assert names
    return "import " + ", ".join(names)


def recorded(name: str) -> Any:
    return json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text())


def queued() -> Any:
    (record, *_) = recorded("queue")["Records"]
    body = {"operation": "hello", "params": {"name": "Ada"}}
    return {"Records": [record | {"body": json.dumps(body)}]}


def called(**more: str) -> Any:
    event = recorded("http_api")
    event["headers"] |= {"authorization": f"Bearer {KEY}"} | more
    return event


def keyed() -> Any:
    return called(prefer="respond-async", **{"idempotency-key": "one"})


def handled(event: Any, **more: str) -> str:
    """The event, as Lambda brings it to a service on AWS; an answer that is no answer fails."""
    environ = {f"MANYDOORS_{name}": "manydoors-dev" for name in ("TABLE", "QUEUE", "TOPIC")}
    environ |= {"AWS_LAMBDA_FUNCTION_NAME": "manydoors-dev", "AWS_REGION": "eu-central-1"}
    environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} | more
    environ["MANYDOORS_ADMIN_KEY"] = KEY  # any other is looked up in the store
    return f"""
import os
os.environ.update({environ!r})
import handlers

class Context:
    def get_remaining_time_in_millis(self):
        return 30_000

answer = handlers.handle({event!r}, Context())
assert answer == {{"batchItemFailures": []}} or answer.get("statusCode") in (200, 202), answer
"""


@contextmanager
def answering() -> Iterator[str]:
    """What every request to AWS takes for an empty answer."""

    class Empty(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"QueueUrl": url, "Successful": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()


def loaded(code: str, folder) -> set[str]:
    """The modules in memory after `code`, run in `folder` with no settings."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MANYDOORS_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('loaded:', *sys.modules)"],
        cwd=folder,
        env={**settings, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())
