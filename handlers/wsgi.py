"""One request's way through a WSGI application, its answer in one piece."""

from collections.abc import Callable, Iterable
from typing import Any

from handlers.ask import Told

STREAMS = "text/event-stream"
LONGEST_STREAM = 10.0  # seconds; who follows a stream comes back for more


def visited(
    wsgi: Callable[..., Iterable[bytes]],
    environ: dict[str, Any],
    until: float,
    monotonic: Callable[[], float],
) -> Told:
    """The whole answer; of a stream of events what came in some seconds."""
    told = Told(500)
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        nonlocal told
        code, _, reason = status.partition(" ")
        told = Told(int(code), reason, list(headers))
        return written.append

    end = min(until, monotonic() + LONGEST_STREAM)
    pieces = wsgi(environ, start)
    try:
        for piece in pieces:
            written.append(piece)
            if monotonic() >= end and _is_stream(told):
                break
    finally:
        if close := getattr(pieces, "close", None):
            close()
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(written)
    return Told(told.status, told.reason, told.headers, body)


def _is_stream(told: Told) -> bool:
    return any(n.lower() == "content-type" and v.startswith(STREAMS) for n, v in told.headers)
