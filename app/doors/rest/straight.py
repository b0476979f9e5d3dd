"""The short way to an endpoint: a fixed path, or one that ends in its one parameter, needs no
framework to find it.

Flask spends more on a request than the whole rest of a call. What is not found here, Flask routes
to the very same endpoints, so an answer is the same whichever way its request took.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask

from app.doors.failure import failed
from app.doors.flask_forms import HOSTS
from app.doors.http import Answer, Request
from app.doors.rest.endpoint import Endpoint, Path
from app.doors.sender import check_sender
from app.ports import NewId
from app.room.errors import Forbidden

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_ONE = re.compile(r"([^<]*)/<(?:job:)?(\w+)>")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # of which no router makes anything else
_STATUS = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}


class Straight:
    """Wraps a WSGI application; answers the endpoints of fixed paths itself."""

    def __init__(self, app: Flask, endpoints: Iterable[Endpoint], new_id: NewId) -> None:
        self.wsgi: Wsgi = app.wsgi_app
        self.most: int = app.config["MAX_CONTENT_LENGTH"]
        self.hosts: Collection[str] = app.config[HOSTS]
        self.new_id = new_id
        self.endpoints: dict[tuple[str, str], Endpoint] = {}
        self.fixed: set[str] = set()
        self.last: dict[tuple[str, str], tuple[Endpoint, str]] = {}  # by what stands before it
        for each in endpoints:
            if "<" not in each.rule:
                self.fixed.add(each.rule)
                self.endpoints.setdefault((each.method, each.rule), each)
            elif ends := _ONE.fullmatch(each.rule):
                self.last.setdefault((each.method, ends[1]), (each, ends[2]))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        endpoint, path = self._find(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        if endpoint is None or not self._welcomes(environ):
            return self.wsgi(environ, start_response)
        answer = self._answer(endpoint, Request(environ, self.most), path)
        if answer.stream is not None:
            start_response(_STATUS[answer.status], answer.headers)
            return answer.stream
        if answer.status != HTTPStatus.NOT_MODIFIED:
            answer.headers.append(("Content-Length", str(len(answer.body))))
        start_response(_STATUS[answer.status], answer.headers)
        return [answer.body]

    def _find(self, method: str, path: str) -> tuple[Endpoint | None, Path]:
        if endpoint := self.endpoints.get((method, path)):
            return endpoint, {}
        head, _, last = path.rpartition("/")
        found = self.last.get((method, head))
        if found is None or path in self.fixed or not _PLAIN.fullmatch(last):
            return None, {}
        return found[0], {found[1]: last}

    def _welcomes(self, environ: Mapping[str, Any]) -> bool:
        """Whom not, Flask tells, in the form that they prefer."""
        try:
            check_sender(environ, self.hosts)
        except Forbidden:
            return False
        return True

    def _answer(self, endpoint: Endpoint, request: Request, path: Path) -> Answer:
        try:
            return endpoint.answer(request, path)
        except Exception as error:  # noqa: BLE001 - a bug of ours is an answer too
            return failed(error, request, self.new_id)
