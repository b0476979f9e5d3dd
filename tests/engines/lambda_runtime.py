"""Lambda around a package: AWS's own runtime client in a process, and the Runtime API that it asks.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

from tests.engines.environment import installed

HERE = Path(__file__).parent
VERSION = "2018-06-01"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:{}"
PATIENCE = 60.0  # seconds for an instance to begin, and beyond a call's own


class FunctionError(Exception):
    """What Lambda tells of an invocation that failed: its `errorType` and `errorMessage`."""

    def __init__(self, told: Any) -> None:
        super().__init__(f"{told.get('errorType')}: {told.get('errorMessage')}")
        self.told = told


@dataclass(frozen=True)
class Told:
    kind: str  # ready, response, error, init
    body: bytes = b""
    at: float = 0.0  # by the monotonic clock


class Instance:
    """One process that Lambda would keep; one event at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds_to_begin = 0.0
        self.pid = 0
        self._given: Queue[tuple[str, bytes, float] | None] = Queue()
        self._told: Queue[Told] = Queue()
        self._count = 0

    def invoke(self, event: Any, seconds: float = 30.0) -> Any:
        """What the function answers, or raises `FunctionError`."""
        return self.timed(event, seconds)[0]

    def timed(self, event: Any, seconds: float = 30.0) -> tuple[Any, float]:
        """The answer, and the seconds until it was there."""
        self._count += 1
        began = time.monotonic()
        self._given.put((f"request-{self._count}", json.dumps(event).encode(), seconds))
        told = self._told.get(timeout=seconds + PATIENCE)
        while told.kind == "ready":  # it asks for the next, after its answer to the one before
            told = self._told.get(timeout=seconds + PATIENCE)
        if told.kind != "response":
            raise FunctionError(json.loads(told.body))
        return json.loads(told.body), told.at - began

    def cpu(self) -> float:
        """Seconds of a processor that its threads have taken so far; of Linux alone."""
        # To the nanosecond, where the process's own `stat` counts hundredths of a second.
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def begin(self, since: float) -> None:
        """Returns when it has asked for its first event: Lambda's INIT is over."""
        told = self._told.get(timeout=PATIENCE)
        if told.kind != "ready":
            raise FunctionError(json.loads(told.body))
        self.seconds_to_begin = told.at - since

    def next(self) -> tuple[str, bytes, float] | None:
        self.tell("ready")
        return self._given.get()

    def tell(self, kind: str, body: bytes = b"") -> None:
        self._told.put(Told(kind, body, time.monotonic()))

    def end(self) -> None:
        self._given.put(None)


@contextmanager
def running(
    require: Callable[[Any, str], None],
    package: Path,
    handler: str,
    environ: Mapping[str, str],
    name: str = "manydoors-dev",
) -> Iterator[Instance]:
    """An instance of the package in `package`, which ends with this block."""
    instance = Instance(name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _api(instance))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    python = installed(HERE / "awslambdaric.lock", require)
    began = time.monotonic()
    process = subprocess.Popen(
        [python, "-m", "awslambdaric", handler],
        cwd=package, env=_lambdas_own(package, handler, name, server.server_port) | dict(environ),
    )  # fmt: skip
    instance.pid = process.pid
    try:
        instance.begin(began)
        yield instance
    finally:
        process.kill()
        process.wait(timeout=10)
        instance.end()
        server.shutdown()
        server.server_close()


def _lambdas_own(package: Path, handler: str, name: str, port: int) -> dict[str, str]:
    """The variables that Lambda sets, and no others of this machine.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "LAMBDA_TASK_ROOT": str(package),
        "_HANDLER": handler,
        "HOME": "/nonexistent",
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
        "PYTHONPATH": str(package),
        "TZ": ":UTC",
    }


def _api(instance: Instance) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in two pieces would wait for the first to be acknowledged

        def do_GET(self) -> None:
            given = instance.next()
            if given is None:
                self.close_connection = True
                return
            id, body, seconds = given
            deadline = str(int((time.time() + seconds) * 1000))
            self._answer(
                200,
                body,
                {
                    "Lambda-Runtime-Aws-Request-Id": id,
                    "Lambda-Runtime-Deadline-Ms": deadline,
                    "Lambda-Runtime-Invoked-Function-Arn": ARN.format(instance.name),
                    "Lambda-Runtime-Trace-Id": "Root=1-6920a1b2-0f1e2d3c4b5a69788796a5b4",
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            kind = self.path.rpartition("/")[2]
            self._answer(202, b'{"status": "OK"}', {})
            instance.tell("init" if "/init/" in self.path else kind, body)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def handle(self) -> None:
            with suppress(ConnectionError):  # the instance was ended
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing of what goes well."""

    return Api
