"""A collector of OpenTelemetry's on loopback, which keeps the spans that it is sent."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = ("", "internal", "server", "client", "producer", "consumer")


class Span(NamedTuple):
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    facts: dict[str, Any]
    failed: bool
    service: str
    links: list[str]  # ids of spans


@dataclass
class Collector:
    url: str
    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""

    def wait_for(self, *names: str, within: float = 60.0) -> dict[str, Span]:
        """Those spans, by their names."""
        until = time.monotonic() + within
        while missing := set(names) - {span.name for span in self.spans}:
            assert time.monotonic() < until, f"{missing} did not come; there are {self.names()}"
            time.sleep(0.05)
        return {span.name: span for span in self.spans}

    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def take(self, content: bytes) -> None:
        self.raw += content
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            service = _facts(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(each, service) for each in scope.spans]


def _span(each: Any, service: str) -> Span:
    return Span(
        each.name,
        KINDS[each.kind],
        each.trace_id.hex(),
        each.span_id.hex(),
        each.parent_span_id.hex(),
        _facts(each.attributes),
        each.status.code == 2,
        service,
        [link.span_id.hex() for link in each.links],
    )


def _facts(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            assert self.path == "/v1/traces"
            collector.take(content)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
