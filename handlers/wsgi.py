"""One request's way through a WSGI application, its answer in one piece."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from handlers.ask import Told

STREAMS = "text/event-stream"
LONGEST_STREAM = 10.0  # seconds; who follows a stream comes back for more

Head = Sequence[tuple[str, str]]


def visited(
    wsgi: Callable[..., Iterable[bytes]],
    environ: dict[str, Any],
    until: float,
    monotonic: Callable[[], float],
) -> Told:
    """The whole answer; of a stream of events what came in some seconds."""
    begun = _Begun()
    pieces, written = wsgi(environ, begun.start), begun.written
    if type(pieces) is list:  # all of it: there is nothing to follow or to close
        written += pieces
    else:
        _follow(pieces, begun, min(until, monotonic() + LONGEST_STREAM), monotonic)
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(written)
    status, reason = _status(begun.status)
    return Told(status, reason, begun.headers, body)


class _Begun:
    """What an application says of its answer before the body, and writes of that the old way."""

    __slots__ = ("headers", "status", "written")

    def __init__(self) -> None:
        self.status = "500"
        self.headers: Head = ()
        self.written: list[bytes] = []

    def start(self, status: str, headers: Head, exc_info: object = None) -> Callable[[bytes], None]:
        self.status, self.headers = status, headers
        return self.written.append


def _follow(
    pieces: Iterable[bytes], begun: _Begun, end: float, monotonic: Callable[[], float]
) -> None:
    try:
        for piece in pieces:
            begun.written.append(piece)
            if monotonic() >= end and _is_stream(begun.headers):
                break
    finally:
        if close := getattr(pieces, "close", None):
            close()


@lru_cache
def _status(line: str) -> tuple[int, str]:
    code, _, reason = line.partition(" ")
    return int(code), reason


def _is_stream(headers: Head) -> bool:
    return any(n.lower() == "content-type" and v.startswith(STREAMS) for n, v in headers)
