"""HTTP by API Gateway (REST and HTTP), a load balancer, or a function URL.

Paths that can mean but one endpoint are answered without Flask; it is loaded for the first other.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from app.config import Settings
from app.ports.lasting import lasting
from app.room.boundary import FOREVER
from app.room.enter import Room
from app.room.operation import Registry
from handlers import gateway
from handlers.ask import Ask, Came, Told, Visit
from handlers.wsgi import visited

SHORTEST = 0.5  # seconds for a call, however late it came

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def knows(event: Any) -> bool:
    return gateway.form_of(event) is not None


def asks(event: Any, registry: Registry) -> list[Ask]:
    return [Ask(Visit(gateway.environ(event), gateway.patience(event)))]


def answer(event: Any, came: list[Came]) -> Any:
    return gateway.answer(event, came[0].told or Told(500))


class Front:
    """All HTTP of one room, in the layers that a server has around it."""

    def __init__(self, room: Room, settings: Settings) -> None:
        # Whoever calls here comes from elsewhere, whatever address a gateway's event names.
        self._room, self._settings = room, replace(settings, open="no")
        self._wsgi: Wsgi | None = None

    def visited(self, visit: Visit, until: float) -> Told:
        """The answer, as far as there is one before `until`, by the monotonic clock."""
        if self._wsgi is None:  # no other event pays for it
            with lasting():
                self._wsgi = self._made()
        monotonic = self._room.ports.clock.monotonic
        self._room.answer_within = max(SHORTEST, round(min(visit.within, until - monotonic()), 1))
        try:
            return visited(self._wsgi, visit.environ, until, monotonic)
        finally:
            self._room.answer_within = FOREVER

    def _made(self) -> Wsgi:
        from app import logs
        from app.doors import rest
        from app.doors.doorkeeper import Doorkeeper
        from app.doors.edge import Edge
        from app.doors.rest.straight import Straight

        room, settings = self._room, self._settings
        if settings.trusted_proxies:
            from app.wsgi import create_app  # for what reads their headers

            whole: Wsgi = create_app(room, settings).wsgi_app
            return whole
        everything = rest.endpoints(room)
        keeper = Doorkeeper(room, hosts=settings.hosts, open=False)

        def flask() -> Wsgi:
            from app.wsgi import create_inner

            inner: Wsgi = create_inner(room, settings, everything, keeper).wsgi_app
            return inner

        straight = Straight(_Late(flask), everything, room.ports.new_id, keeper, settings.max_body)
        return Edge(straight, logs.access_log(settings.log, settings.log_level))


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
