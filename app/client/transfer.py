"""Bytes to and from signed URLs: streamed, in parts where they are asked for so, and gone on with
where a connection broke. No key is ever shown to them: the signature is theirs.
"""

import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from app.client import Unreachable
from app.room.errors import Unavailable

TRIES = 4
PATIENCE = 60.0  # seconds for anything to move
PIECE = 256 * 1024


def send(path: Path, upload: Mapping[str, Any], pause: Callable[[float], None]) -> None:
    """The whole file, by the way that the service has told."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if "parts" not in upload:
            _send_whole(file, size, upload, pause)
            return
        for part in upload["parts"]:
            span = _Span(file, part["start"], part["size"])
            _tried(lambda span=span, part=part: _put(part["url"], {}, span), pause)  # type: ignore[misc]


def fetch(url: str, to: BinaryIO) -> None:
    """All that a signed URL gives."""
    connection = _connection(url)
    try:
        connection.request("GET", _target(url), headers={"Accept": "*/*"})
        response = connection.getresponse()
        if response.status != 200:
            raise _refused(response)
        left = int(response.headers.get("Content-Length", -1))
        while piece := response.read(PIECE):
            to.write(piece)
            left -= len(piece)
        if left > 0:
            raise HTTPException(f"{left:,} bytes are missing")
    except (OSError, HTTPException) as error:
        raise Unreachable(f"The download broke off ({error}): try again.") from None
    finally:
        connection.close()


class _Span:
    """Part of a file, for http.client, which reads it from the beginning at each try."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self.start, self.size = file, start, size
        self._left = size

    def rewind(self) -> "_Span":
        self._file.seek(self.start)
        self._left = self.size
        return self

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(min(size, self._left))
        self._left -= len(piece)
        return piece


def _send_whole(
    file: BinaryIO, size: int, upload: Mapping[str, Any], pause: Callable[[float], None]
) -> None:
    url, headers = upload["url"], dict(upload["headers"])
    begun = False

    def attempt() -> None:
        nonlocal begun
        start = _come(url) if begun else 0
        begun = True
        if start >= size > 0:
            return
        span = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        _put(url, {**headers, **span}, _Span(file, start, size - start))

    _tried(attempt, pause)


def _come(url: str) -> int:
    """How much has come, where the store can tell; else all is sent again."""
    connection = _connection(url)
    try:
        connection.request("HEAD", _target(url))
        response = connection.getresponse()
        response.read()
        offset = response.headers.get("Upload-Offset", "0")
        return int(offset) if response.status == 200 and offset.isdigit() else 0
    finally:
        connection.close()


def _tried(attempt: Callable[[], None], pause: Callable[[float], None]) -> None:
    for left in reversed(range(TRIES)):
        try:
            attempt()
            return
        except (OSError, HTTPException, Unavailable) as error:
            if not left:
                raise Unreachable(f"The upload broke off ({error}): try again.") from None
            pause(2.0 ** (TRIES - 1 - left) / 2)


def _put(url: str, headers: Mapping[str, str], span: _Span) -> None:
    connection = _connection(url)
    try:
        told = {**headers, "Content-Length": str(span.size)}
        connection.request("PUT", _target(url), span.rewind(), told)
        response = connection.getresponse()
        if response.status >= 300:
            raise _refused(response)
        response.read()
    finally:
        connection.close()


def _refused(response: HTTPResponse) -> Exception:
    said = response.read(2000).decode(errors="replace")
    if response.status >= 500 or response.status == 429:
        return Unavailable(f"it answered {response.status}", after=1)
    return Unreachable(f"The signed URL was answered with {response.status}: {said[:300]}")


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(
            parts.hostname or "", parts.port, timeout=PATIENCE, context=context, blocksize=PIECE
        )
    return HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE, blocksize=PIECE)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
