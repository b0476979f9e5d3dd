"""The places of a web process, a thread for each request under way, and how many a key may hold.

A key may hold as many as are left free, or another share of them: half of all if it is alone, and
less the more are held by others. So no few keys hold them all, and one more finds a place.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from app.room.errors import Busy

PLACE = "manydoors.place"  # in the environ of a request that holds one

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Places:
    """Of one process. What is counted are lists, which grow and shrink in one step: whatever is
    collected while a lock is held may give a place back."""

    def __init__(self, share: int) -> None:
        """`share`: percent of all that one key may hold alone; all, if it is 100."""
        self.most = 0  # no bound, until a server says how many threads it has
        self._share = share
        self._all: list[None] = []
        self._held: dict[str, list[None]] = {}

    def take(self, environ: dict[str, Any], key: str) -> None:
        """For a request; raises `Busy` if the key holds its share."""
        if not self.most or PLACE in environ:
            return
        held = self._held.get(key)
        if held is None:
            held = self._held.setdefault(key, [])
        held.append(None)
        self._all.append(None)
        environ[PLACE] = held
        free = self.most - len(self._all)
        if len(held) > 1 and len(held) * (100 - self._share) > free * self._share:
            self.give(environ)
            raise Busy(
                "This key has as many requests under way as it may have here: come again when one "
                "of them has ended.",
                after=1,
            )

    def give(self, environ: dict[str, Any]) -> None:
        """What the request holds, if it does still."""
        held = environ.pop(PLACE, None)
        if held is not None:
            held.pop()
            self._all.pop()


class Seated:
    """Wraps a WSGI application, in which requests take places: each holds its own until its answer
    has been sent."""

    def __init__(self, wsgi: Wsgi, places: Places) -> None:
        self.wsgi, self._places = wsgi, places

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            made = self.wsgi(environ, start_response)
        except BaseException:
            self._places.give(environ)
            raise
        if type(made) is list:  # all of it: nothing more is to be done for it
            self._places.give(environ)
        return _Sent(made, partial(self._places.give, environ)) if PLACE in environ else made


class _Sent:
    """An answer, and what is to be done when it was sent, or nobody wants it any more."""

    def __init__(self, made: Iterable[bytes], over: Callable[[], None]) -> None:
        self._made, self._over = made, over

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._made)

    def close(self) -> None:
        try:
            if close := getattr(self._made, "close", None):
                close()
        finally:
            self._over()
