"""A proxy before S3 and Lambda that loses requests and answers, and passes all else as it is.

microburst keeps no length of what a HEAD tells, and S3's sizes are told so.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce.</Message></Error>"
FAILED = b"<Error><Code>InternalError</Code><Message>We failed.</Message></Error>"
REFUSALS = {"slow": (503, SLOW_DOWN), "throttled": (503, SLOW_DOWN), "broken": (500, FAILED)}
LATE = 0.6  # seconds


@dataclass
class Lossy:
    url: str = ""
    upstream: str = ""
    plan: list[tuple[str, str]] = field(default_factory=list)  # an operation, and what befalls it
    fired: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def break_(self, operation: str, how: str, times: int = 1) -> None:
        """`how`: lost (done, and its answer cut off), reset (never arrived), slow or throttled
        (503), broken (500), late (done when nobody waits any more), cut (half of the answer
        comes)."""
        self.plan, self.fired = [(operation, how)] * times, 0

    def fate(self, operation: str) -> str:
        with self.lock:
            if not self.plan or self.plan[0][0] != operation:
                return ""
            self.fired += 1
            return self.plan.pop(0)[1]


def _operation(method: str, path: str) -> str:
    query = urlsplit(path).query
    if path.endswith("/invocations"):
        return "Invoke"
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "partNumber" in query:
        return "UploadPart"
    if "uploadId" in query:
        names = {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return names.get(method, "ListParts")
    return {
        "PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject",
    }[method]  # fmt: skip


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lossy: Lossy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.lossy.fate(_operation(self.command, self.path))
        self.close_connection = bool(fate)
        if fate == "reset":
            return
        if fate in REFUSALS:
            status, text = REFUSALS[fate]
            self._answer(status, [], text, len(text))
            return
        if fate == "late":
            time.sleep(LATE)
        upstream = HTTPConnection(urlsplit(self.lossy.upstream).netloc, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if fate == "lost":
            return
        length = int(answer.headers.get("Content-Length") or len(content))
        kept = [pair for pair in answer.getheaders() if pair[0].lower() not in DROPPED]
        sent = content[: len(content) // 2] if fate == "cut" else content
        with suppress(OSError):  # who was late has nobody to tell
            self._answer(answer.status, kept, sent, length)

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, length: int
    ) -> None:
        self.send_response_only(status)
        for name, value in [*headers, ("Content-Length", str(length))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: Any) -> None:
        """Nobody reads it."""


for _method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler._pass)

DROPPED = ("content-length", "transfer-encoding", "connection")


@contextmanager
def running(upstream: str) -> Iterator[Lossy]:
    lossy = Lossy(upstream=upstream)
    handler = type("Handler", (_Handler,), {"lossy": lossy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        lossy.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield lossy
        finally:
            server.shutdown()
            thread.join()
