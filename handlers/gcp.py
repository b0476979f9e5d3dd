"""Google Cloud Functions: the whole WSGI application behind one function."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context, copy_context
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIApplication
    from flask import Request, Response

_first = Lock()  # the platform's first requests come at once, and the application is made once


def gcp_entry_point(request: "Request") -> "Response":
    """What the platform calls for each HTTP request."""
    with _first:
        from app.wsgi import app
    return answer(app, request)


def answer(wsgi: "WSGIApplication", request: "Request") -> "Response":
    """What a server would get from `wsgi`, as a response for the framework's own Flask."""
    from flask import Response
    from werkzeug.datastructures import Headers

    run = _Run(wsgi, _environ(request))
    response = Response(run, run.status)
    response.headers = Headers(run.headers)  # only these: given above, a Content-Type is added
    return response


def _environ(request: "Request") -> dict[str, Any]:
    """A copy, for what the application writes into it is not the framework's."""
    environ = dict(request.environ)
    environ.pop("werkzeug.request", None)
    # A server sends a wrapped file itself, and never gets to see this one.
    environ.pop("wsgi.file_wrapper", None)
    if "stream" in vars(request):  # somebody has read the body, and Flask has kept it
        environ["wsgi.input"] = BytesIO(request.get_data())
    environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME") or _prefix(environ, os.environ)
    return environ


def _prefix(environ: Mapping[str, Any], platform: Mapping[str, str]) -> str:
    """The function's name, which that one host takes off the path and tells nobody.

    https://github.com/GoogleCloudPlatform/functions-framework-python/issues/54
    """
    host = environ.get("HTTP_HOST", "").partition(":")[0]
    name = platform.get("K_SERVICE", "")
    return f"/{name}" if name and host.endswith(".cloudfunctions.net") else ""


def _context() -> Context:
    """Ours without Flask's own variables.

    Else the framework's Flask and ours pop each other's contexts while a body is streamed. The
    others stay: by them the framework's log lines and traces know their request.
    """
    context = Context()
    for variable, value in copy_context().items():
        if not variable.name.startswith("flask."):
            context.run(variable.set, value)
    return context


class _Run:
    """One request's way through a WSGI application; the body, to be iterated once."""

    def __init__(self, wsgi: "WSGIApplication", environ: dict[str, Any]) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self._early: deque[bytes] = deque()  # what came before the caller asked
        self._begun = False
        self._in_context = _context().run
        body = self._in_context(wsgi, environ, self._start)
        self._close: Callable[[], object] | None = getattr(body, "close", None)
        try:
            self._pieces = self._in_context(iter, body)
            while not self.status:  # a generator starts with its first piece
                self._early.append(self._in_context(next, self._pieces))
        except BaseException:
            self.close()
            raise
        self._begun = True

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: "OptExcInfo | None" = None, /
    ) -> Callable[[bytes], object]:
        if exc_info and exc_info[1] and (self._begun or self._early):
            raise exc_info[1]  # too late to answer something else
        self.status, self.headers = status, headers
        return self._early.append

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._early:
            self._early.append(self._in_context(next, self._pieces))
        return self._early.popleft()

    def close(self) -> None:
        """Passed on once, however often it is called."""
        close, self._close = self._close, None
        if close:
            self._in_context(close)
