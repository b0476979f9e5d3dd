"""Who stands at a door of HTTP: everybody shows a key, or a visit that was begun with one.

Without a key only those of this machine come in, where the service was told that it listens on
loopback alone, and until the first key is made.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from app.doors.http import CALLER, KEEPER
from app.doors.sender import GUEST, SAFE, check_page, check_sender, name_of
from app.room.access import NO_KEY
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.errors import Forbidden, Unauthenticated, Unavailable

COOKIE = "manydoors_session"
VISIT = "manydoors.visit"  # in the environ: the cookie of whoever came by it
LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = logging.getLogger("manydoors.access")


class Doorkeeper:
    """Of one room."""

    def __init__(
        self,
        room: Room,
        *,
        hosts: Collection[str],
        open: bool,
        take_place: Callable[[dict[str, Any], str], None] | None = None,
    ) -> None:
        """`hosts`: the names that the service goes by; any, while there are none. `open`: without
        a key it answers to this machine, by loopback's names. `take_place`: for a request of this
        key, or `Busy`."""
        self._access, self._rates = room.access, room.rates
        self._hosts = hosts or (LOOPBACK if open else ())
        self._open, self._take_place = open, take_place
        self._has_told = False

    def admit(self, environ: dict[str, Any]) -> None:
        """Puts the caller into the environ. Raises `Forbidden`, `Unauthenticated` or `Busy`."""
        self.check_sender(environ)
        caller = self._caller(environ)
        environ[CALLER], environ[KEEPER] = caller, self._caller
        if caller.key:
            if self._take_place is not None:
                self._take_place(environ, caller.key)
            self._rates.spend(caller.key)

    def check_sender(self, environ: Mapping[str, Any]) -> None:
        """All that is asked where no key is needed."""
        check_sender(environ, self._hosts)

    def _caller(self, environ: dict[str, Any]) -> Caller:
        try:
            if header := environ.get("HTTP_AUTHORIZATION"):
                scheme, _, key = header.partition(" ")
                return self._access.of_key(key.strip() if scheme.lower() == "bearer" else "")
            if visit := _visit(environ):
                return self._visitor(environ, visit)
        except Unauthenticated:
            if self._is_open_to(environ):
                return _of_this_machine(environ)
            self._tell_if_keyless()
            raise
        if self._is_open_to(environ):
            return _of_this_machine(environ)
        self._tell_if_keyless()
        raise Unauthenticated("This needs a key: send it as Authorization: Bearer md_…")

    def _is_open_to(self, environ: Mapping[str, Any]) -> bool:
        """A name that leads here from elsewhere is some page's trick, or a proxy's guest."""
        if not self._open or GUEST in environ or self._access.asks():
            return False
        # Servers say from where; who calls the application in its own process does not.
        address = environ.get("REMOTE_ADDR", LOOPBACK[0])
        return (
            _is_loopback(address) and name_of(environ.get("HTTP_HOST") or "localhost") in LOOPBACK
        )

    def _visitor(self, environ: dict[str, Any], visit: str) -> Caller:
        caller = self._access.of_session(visit)
        check_page(environ)
        if environ["REQUEST_METHOD"] not in SAFE and "HTTP_ORIGIN" not in environ:
            # Browsers send a cookie with whatever a page asks for, but then they say whose page.
            raise Forbidden("A request that changes something says its Origin, or shows a key.")
        environ[VISIT] = visit
        return caller

    def _tell_if_keyless(self) -> None:
        """Nobody can come in: that is for whoever runs the service to mend."""
        if self._access.asks():
            return
        if not self._has_told:
            self._has_told = True
            log.error(NO_KEY)
        raise Unavailable(NO_KEY, after=10)


def _of_this_machine(environ: Mapping[str, Any]) -> Caller:
    check_page(environ)
    return LOCAL


@lru_cache
def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _visit(environ: Mapping[str, Any]) -> str | None:
    """None of a page of another origin, which has a key of its own.

    Not by http.cookies: before Python 3.12.6 backslashes in quotes take it the square of their
    number, and whoever sends a header needs no key for that (CVE-2024-7592)."""
    given = environ.get("HTTP_COOKIE")
    if not given or COOKIE not in given or GUEST in environ:
        return None
    for each in given.split(";"):
        name, _, value = each.partition("=")
        if name.strip() == COOKIE:
            return str(value.strip())
    return None
