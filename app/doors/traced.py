"""Each request over HTTP as a span, where somebody traces.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/ but for the path and the query, which
hold parameters: the route says enough.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from app.doors.http import REQUEST_ID, ROUTE
from app.doors.sender import name_of
from app.ports.spans import Tracer

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
ASKED_OFTEN = frozenset(("/healthz", "/readyz", "/metrics"))  # by what watches, and of no interest
BROKEN = 500  # from which status on it is our failure, and not the caller's


def traced(wsgi: Wsgi, tracer: Tracer) -> Wsgi:
    """The same application; where somebody traces, with this layer around it."""
    if not tracer.on:
        return wsgi

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in ASKED_OFTEN:
            return wsgi(environ, start_response)
        given = environ["REQUEST_METHOD"]
        method = given if given in METHODS else "_OTHER"
        facts = {
            "http.request.method": method,
            "url.scheme": environ["wsgi.url_scheme"],
            "server.address": name_of(environ.get("HTTP_HOST", "")),
            "manydoors.request_id": environ.get(REQUEST_ID, ""),
        }
        name = method if method == given else "HTTP"
        # As long as until the answer begins, as in the log; a stream may last for hours.
        with tracer.span(name, "server", facts, environ.get("HTTP_TRACEPARENT")) as span:

            def start(status: str, *rest: Any) -> Any:
                code = int(status[:3])
                span.tell({"http.response.status_code": code})
                if code >= BROKEN:
                    span.fail(str(code))
                return start_response(status, *rest)

            made = wsgi(environ, start)
            if rule := environ.get(ROUTE):
                route = _template(rule)
                span.tell({"http.route": route}, f"{name} {route}")
            return made

    return answer


@lru_cache
def _template(rule: str) -> str:
    """As OpenAPI writes what Flask does."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)
