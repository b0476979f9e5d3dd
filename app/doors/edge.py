"""The outermost layer of HTTP: each request gets an id, and one line in the log."""

import logging
import re
import secrets
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from app.doors.flask_forms import REQUEST_ID

access = logging.getLogger("manydoors.access")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_GOOD_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class Edge:
    """Wraps a WSGI application."""

    def __init__(self, wsgi: Wsgi) -> None:
        self.wsgi = wsgi

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        began = perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID")
        request_id = given if given and _GOOD_ID.fullmatch(given) else secrets.token_hex(12)
        environ[REQUEST_ID] = request_id
        said = "500"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal said
            said = status
            headers.append(("X-Request-Id", request_id))
            headers.append(("X-Content-Type-Options", "nosniff"))
            return start_response(status, headers, *((exc_info,) if exc_info else ()))

        try:
            return self.wsgi(environ, start)
        finally:
            if access.isEnabledFor(logging.INFO):
                access.info(
                    "%s %s",
                    environ["REQUEST_METHOD"],
                    environ.get("PATH_INFO", ""),
                    extra={
                        "status": int(said[:3]),
                        "ms": round((perf_counter() - began) * 1000, 2),
                        "request_id": request_id,
                    },
                )


