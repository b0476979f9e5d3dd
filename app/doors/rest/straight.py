"""The short way to an endpoint: a path that can mean but one needs no framework to find it.

Flask spends more on a request than the whole rest of a call. What is not found here, Flask routes
to the very same endpoints, so an answer is the same whichever way its request took.
"""

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from http import HTTPStatus
from typing import Any

from app.doors.doorkeeper import Doorkeeper
from app.doors.failure import failed
from app.doors.http import HTML, ROUTE, Answer, Request
from app.doors.rest.endpoint import NO_IDS, Endpoint, Path
from app.ports import NewId
from app.room.errors import Problem

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_NAME = re.compile(r"<(?:job:)?(\w+)>")
_JOB = "<job:"
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")  # of which no router makes anything else
_BARE = frozenset((HTTPStatus.NO_CONTENT.value, HTTPStatus.NOT_MODIFIED.value))
_STATUS = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}


class Straight:
    """Wraps a WSGI application; answers itself what it finds."""

    def __init__(
        self,
        wsgi: Wsgi,
        endpoints: Callable[[], Iterable[Endpoint]],
        new_id: NewId,
        keeper: Doorkeeper,
        most: int,
        first: Iterable[Endpoint] = (),
    ) -> None:
        """`most`: bytes of a body. `first`: some of the endpoints, which are looked through before
        all of them are made."""
        self.wsgi, self.new_id, self.keeper, self.most = wsgi, new_id, keeper, most
        self._endpoints = endpoints
        self._first: dict[tuple[str, str], Endpoint] = {}
        for each in first:
            if "<" not in each.rule:
                self._first.setdefault((each.method, each.rule), each)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        endpoint, path = self._found(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        if endpoint is None:
            return self.wsgi(environ, start_response)
        environ[ROUTE] = endpoint.rule
        try:
            (self.keeper.check_sender if endpoint.open else self.keeper.admit)(environ)
        except Problem as problem:
            if HTML in environ.get("HTTP_ACCEPT", ""):  # Flask tells it as a page
                return self.wsgi(environ, start_response)
            answer = endpoint.tell(problem, Request(environ, self.most).path)
        else:
            answer = self._answer(endpoint, Request(environ, self.most), path)
        if answer.stream is not None:
            start_response(_STATUS[answer.status], answer.headers)
            return answer.stream
        if answer.status not in _BARE:
            answer.headers.append(("Content-Length", str(len(answer.body))))
        start_response(_STATUS[answer.status], answer.headers)
        return [answer.body]

    def _found(self, method: str, path: str) -> tuple[Endpoint | None, Path]:
        endpoint = self._first.get((method, path))
        return self._ways.find(method, path) if endpoint is None else (endpoint, {})

    @cached_property
    def _ways(self) -> "Ways":
        return Ways(self._endpoints())

    def _answer(self, endpoint: Endpoint, request: Request, path: Path) -> Answer:
        try:
            return endpoint.answer(request, path)
        except Exception as error:  # noqa: BLE001 - a bug of ours is an answer too
            return failed(error, request, self.new_id)


class Ways:
    """From a method and a path to the one endpoint that they can mean."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._fixed: dict[tuple[str, str], Endpoint] = {}
        self._taken: set[str] = set()  # fixed paths, by any method
        self._rules: dict[tuple[str, int], list[_Rule]] = {}  # by the first segment, and how many
        self._deep: set[str] = set()  # first segments below which a path may stand for one name
        for each in endpoints:
            first, segments = _split(each.rule)
            if "<" not in each.rule:
                self._taken.add(each.rule)
                self._fixed.setdefault((each.method, each.rule), each)
            elif all(_NAME.fullmatch(one) or "<" not in one for one in segments):
                rules = self._rules.setdefault((first, len(segments)), [])
                shape = tuple(_NAME.sub("<>", one) if _JOB not in one else _JOB for one in segments)
                rule = next((one for one in rules if one.shape == shape), None)
                if rule is None:
                    rules.append(rule := _Rule(shape))
                rule.methods.setdefault(each.method, (each, _names(segments)))
            else:
                self._deep.add(first)

    def find(self, method: str, path: str) -> tuple[Endpoint | None, Path]:
        """None when there is none, or only a router can tell which."""
        if endpoint := self._fixed.get((method, path)):
            return endpoint, {}
        if path in self._taken:
            return None, {}
        first, segments = _split(path)
        if first in self._deep:
            return None, {}
        fit = [rule for rule in self._rules.get((first, len(segments)), ()) if rule.fits(segments)]
        if len(fit) != 1 or method not in fit[0].methods:
            return None, {}
        endpoint, names = fit[0].methods[method]
        return endpoint, {name: segments[place] for name, place in names}


class _Rule:
    """Paths of one shape: fixed segments, and a mark where a name stands."""

    def __init__(self, shape: tuple[str, ...]) -> None:
        self.shape = shape
        self.methods: dict[str, tuple[Endpoint, tuple[tuple[str, int], ...]]] = {}

    def fits(self, segments: list[str]) -> bool:
        return all(
            bool(_PLAIN.fullmatch(given)) and not (mark == _JOB and given in NO_IDS)
            if mark.startswith("<")
            else mark == given
            for mark, given in zip(self.shape, segments, strict=True)
        )


def _split(path: str) -> tuple[str, list[str]]:
    segments = path.split("/")[1:]
    return (segments[0] if segments else ""), segments


def _names(segments: list[str]) -> tuple[tuple[str, int], ...]:
    """The names, and in which segment each stands."""
    found = ((_NAME.fullmatch(segment), place) for place, segment in enumerate(segments))
    return tuple((match[1], place) for match, place in found if match)
