"""HTTP by API Gateway (REST and HTTP), a load balancer, or a function URL.

Paths that can mean but one endpoint are answered without Flask; it is loaded for the first other.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.config import Settings
from app.ports.lasting import lasting
from app.room.duration import FOREVER
from app.room.enter import LARGEST_ANSWER, Room
from app.room.errors import Problem
from app.room.strict_json import write_json
from handlers.ask import Told, Visit
from handlers.gateway import read
from handlers.gateway_answer import SURE, answered, size_of
from handlers.wsgi import visited

KEPT = 3600.0  # seconds of an answer that is too large to be sent
SHORTEST = 0.5  # seconds for a call, however late it came

if TYPE_CHECKING:
    from app.doors.rest.endpoint import Endpoint

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


knows, answer = read, answered


class Front:
    """All HTTP of one room, in the layers that a server has around it."""

    def __init__(self, room: Room, settings: Settings) -> None:
        # Whoever calls here comes from elsewhere, whatever address a gateway's event names.
        self._room, self._settings = room, replace(settings, open="no")
        self._monotonic = room.ports.clock.monotonic
        self._wsgi: Wsgi | None = None

    def visited(self, visit: Visit, until: float) -> Told:
        """The answer, as far as there is one before `until`, by the monotonic clock; of one that is
        too large, where it is."""
        if self._wsgi is None:  # no other event pays for it
            with lasting():
                self._wsgi = self._made()
        room, by = self._room, visit.by
        left = until - self._monotonic()
        room.answer_within = by.within if by.within < left else max(left, SHORTEST)
        room.answer_most = by.most
        try:
            told = visited(self._wsgi, visit.environ, until, self._monotonic)
        finally:
            room.answer_within, room.answer_most = FOREVER, LARGEST_ANSWER
        if len(told.body) > SURE and size_of(told) > by.most:
            return self._elsewhere(told, visit)
        return told

    def _elsewhere(self, told: Told, visit: Visit) -> Told:
        """A large answer as a file of the caller's, for a while, and 303 to it."""
        from app.doors.http import CALLER, JSON
        from app.room.file_link import based
        from app.room.files import ANY_TYPE
        from app.room.shelf import Wish

        headers = {name.lower(): value for name, value in told.headers}
        leads_back = self._room.ports.files.door is not None
        caller, shelf = visit.environ.get(CALLER), self._room.shelf
        if told.status != HTTPStatus.OK or "content-encoding" in headers:
            return told
        if caller is None or leads_back:
            return told
        form = headers.get("content-type", ANY_TYPE)
        wish = Wish("answer", form, len(told.body), brief=KEPT)
        try:
            kept = shelf.keep(wish, BytesIO(told.body), caller.owner)
            url = based(shelf.link(kept), visit.environ["SCRIPT_NAME"])
        except Problem:  # there is no place for it, and it is told that it is too large
            return told
        own = {"content-length", "content-type", "etag", "location", "cache-control"}
        kept_headers = [(name, value) for name, value in told.headers if name.lower() not in own]
        body = write_json({"file": kept.id, "url": url})
        fresh = [("Location", url), ("Content-Type", JSON), ("Cache-Control", "no-store")]
        length = ("Content-Length", str(len(body)))
        return Told(303, "See Other", [*kept_headers, *fresh, length], body)

    def _made(self) -> Wsgi:
        from app import logs
        from app.doors.doorkeeper import Doorkeeper
        from app.doors.edge import Edge
        from app.doors.guests import admitting
        from app.doors.rest import operations
        from app.doors.rest.straight import Straight
        from app.doors.traced import traced

        room, settings = self._room, self._settings
        if settings.trusted_proxies:
            from app.wsgi import create_app  # for what reads their headers

            whole: Wsgi = create_app(room, settings).wsgi_app
            return whole
        everything = cache(lambda: _everything(room))
        keeper = Doorkeeper(room, hosts=settings.hosts, open=False)

        def flask() -> Wsgi:
            from app.wsgi import create_inner

            inner: Wsgi = create_inner(room, settings, everything(), keeper).wsgi_app
            return inner

        calls, most = operations.endpoints(room), settings.max_body
        straight = Straight(_Late(flask), everything, room.ports.new_id, keeper, most, calls)
        wsgi = admitting(straight, settings.origins, everything)
        wsgi = traced(wsgi, room.ports.tracer)
        return Edge(wsgi, logs.access_log(settings.log, settings.log_level))


def _everything(room: Room) -> list["Endpoint"]:
    from app.doors.endpoints import endpoints  # a call of an operation needs none of the others

    return endpoints(room)


class _Late:
    """A WSGI application that is made when it is first asked."""

    def __init__(self, make: Callable[[], Wsgi]) -> None:
        self._make = make
        self._made: Wsgi | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self._made is None:
            with lasting():
                self._made = self._make()
        return self._made(environ, start_response)
