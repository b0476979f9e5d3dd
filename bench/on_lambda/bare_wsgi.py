"""A WSGI application that does nothing: what stands around it is all that it costs."""

from collections.abc import Callable, Iterable
from typing import Any

BODY = b'{"says":"Tom says meow Tom says meow"}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", list(HEADERS))
    return [BODY]
