"""The outermost layer of HTTP: each request gets an id, and one line in the log."""

import re
from collections.abc import Callable, Iterable
from random import getrandbits
from time import perf_counter
from typing import Any

from app.doors.http import REQUEST_ID, decoded

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Log = Callable[[str, str, int, float, str], None]  # method, path, status, milliseconds, id

_GOOD_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class Edge:
    """Wraps a WSGI application."""

    def __init__(self, wsgi: Wsgi, log: Log) -> None:
        self.wsgi = wsgi
        self.log = log

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        began = perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        # Only to find log lines by: need not be hard to guess, and must cost nothing.
        id = given if given and _GOOD_ID.fullmatch(given) else f"{getrandbits(96):024x}"
        environ[REQUEST_ID] = id
        said = "500"

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            nonlocal said
            said = status
            headers += (("X-Request-Id", id), ("X-Content-Type-Options", "nosniff"))
            return start_response(status, headers, *exc_info)

        try:
            return self.wsgi(environ, start)
        finally:
            took = (perf_counter() - began) * 1000
            path = decoded(environ.get("PATH_INFO", ""))
            self.log(environ["REQUEST_METHOD"], path, int(said[:3]), took, id)
