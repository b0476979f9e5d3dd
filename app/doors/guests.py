"""Pages of other origins that may call: by a key in a header, and never by a cookie.

A layer around the doors of programs, where origins are set; the console's pages lie outside.
https://fetch.spec.whatwg.org/#http-cors-protocol
"""

import re
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from typing import Any

from app.doors.rest.endpoint import Endpoint
from app.doors.rest.operations import EACH, GENERIC
from app.doors.sender import GUEST, own_origin

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = list[tuple[str, str]]

ANY = "*"
ALWAYS = "/v1/"
BESIDE = {"/rpc": "POST", "/swagger.json": "GET"}  # what is no endpoint of REST's
METHODS = frozenset(("DELETE", "GET", "PATCH", "POST", "PUT"))  # where nothing is: it is told so
MAY_SEND = (
    "Accept, Authorization, Cache-Control, Content-Range, Content-Type, Idempotency-Key, "
    "If-Match, If-None-Match, If-Range, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Protocol-Version, "
    "Prefer, Range, traceparent, tracestate, X-Request-Id"
)
MAY_READ = (
    "Accept-Ranges, Allow, Content-Disposition, Content-Range, Deprecation, ETag, Location, "
    "Preference-Applied, Retry-After, Upload-Offset, WWW-Authenticate, X-Request-Id"
)
MAX_AGE = "7200"  # seconds that a browser remembers a permission; Chromium does for no longer

_PARAMETER = re.compile(r"<(path:)?(?:\w+:)?\w+>")


def admitting(
    wsgi: Wsgi, origins: Collection[str], endpoints: Callable[[], Iterable[Endpoint]]
) -> Wsgi:
    """The same application; where there are origins, with this layer around it."""
    return Guests(wsgi, origins, endpoints) if origins else wsgi


class Guests:
    """Wraps a WSGI application."""

    def __init__(
        self, wsgi: Wsgi, origins: Collection[str], endpoints: Callable[[], Iterable[Endpoint]]
    ) -> None:
        self.wsgi, self._origins, self._endpoints = wsgi, frozenset(origins), endpoints
        self._is_any = ANY in origins

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        told: Headers = [] if self._is_any else [("Vary", "Origin")]  # or caches mix answers up
        if origin is not None and self._is_guest(origin, environ):
            environ[GUEST] = origin
            told.append(("Access-Control-Allow-Origin", ANY if self._is_any else origin))
            if _is_preflight(environ):
                start_response("204 NO CONTENT", told + self._permission(environ))
                return [b""]
            told.append(("Access-Control-Expose-Headers", MAY_READ))

        def start(status: str, headers: Headers, *exc_info: Any) -> Any:
            headers += told
            return start_response(status, headers, *exc_info)

        return self.wsgi(environ, start)

    def _is_guest(self, origin: str, environ: dict[str, Any]) -> bool:
        """Of another origin, for the service's own pages come as ever; and not to these."""
        if not (self._is_any or origin in self._origins) or origin == own_origin(environ):
            return False
        path = environ.get("PATH_INFO", "")
        return path.startswith(ALWAYS) or bool(self._methods_of(path))

    def _permission(self, environ: dict[str, Any]) -> Headers:
        methods = self._methods_of(environ.get("PATH_INFO", "")) or METHODS
        given = [
            ("Access-Control-Allow-Methods", ", ".join(sorted(methods))),
            ("Access-Control-Allow-Headers", MAY_SEND),
            ("Access-Control-Max-Age", MAX_AGE),
        ]
        # Into a network of one's own are let those that are named, and not all the world's pages.
        if "HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK" in environ and not self._is_any:
            given.append(("Access-Control-Allow-Private-Network", "true"))
        return given

    def _methods_of(self, path: str) -> set[str]:
        if path in BESIDE:
            return {BESIDE[path]}
        return {method for rule, method in self._rules if rule.fullmatch(path)}

    @cached_property
    def _rules(self) -> list[tuple[re.Pattern[str], str]]:
        """The generic rule stands for each operation: who may not see it learns no name."""
        return [
            (_pattern(each.rule), each.method)
            for each in self._endpoints()
            if each.rule == GENERIC or not each.rule.startswith(EACH)
        ]


def _is_preflight(environ: dict[str, Any]) -> bool:
    wants = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    return wants and environ["REQUEST_METHOD"] == "OPTIONS"


def _pattern(rule: str) -> re.Pattern[str]:
    """Of the paths that a rule stands for, as Flask writes rules."""
    made, place = "", 0
    for found in _PARAMETER.finditer(rule):
        made += re.escape(rule[place : found.start()]) + (".+" if found[1] else "[^/]+")
        place = found.end()
    return re.compile(made + re.escape(rule[place:]))
