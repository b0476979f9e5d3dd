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
    said = "500"
    head: list[tuple[str, str]] = []
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        nonlocal said, head
        said, head = status, headers
        return written.append

    pieces = wsgi(environ, start)
    if type(pieces) is list:  # all of it: there is nothing to follow or to close
        written += pieces
    else:
        end = min(until, monotonic() + LONGEST_STREAM)
        try:
            for piece in pieces:
                written.append(piece)
                if monotonic() >= end and _is_stream(head):
                    break
        finally:
            if close := getattr(pieces, "close", None):
                close()
    code, _, reason = said.partition(" ")
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(written)
    return Told(int(code), reason, head, body)


def _is_stream(head: list[tuple[str, str]]) -> bool:
    return any(n.lower() == "content-type" and v.startswith(STREAMS) for n, v in head)
