"""The far end of the signed URLs that lead back to this service: bytes in, bytes out, no further
than a piece of them in memory."""

import io
import re
from collections.abc import Iterator
from typing import Any

from app.doors.http import JSON, MOST_DIGITS, Answer, Request, matches, problem_answer
from app.ports import Record
from app.ports.files import Door, Grant
from app.room.announced import announced
from app.room.enter import Room
from app.room.errors import (
    Forbidden,
    Invalid,
    Malformed,
    OutOfRange,
    Precondition,
    Unknown,
    Unsupported,
    Wrong,
)
from app.room.file_uses import FILES
from app.room.shelf import is_ready
from app.room.strict_json import write_json

PIECE = 256 * 1024

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,99})-(\d{0,99})", re.ASCII | re.IGNORECASE)


def upload(room: Room, request: Request, key: str) -> Answer:
    """All of it at once, or with a Content-Range the next piece of it."""
    door, grant = _admitted(room, request, key, "PUT")
    record = _waiting(room, key)
    _check_type(request, grant)
    length = _length(request)
    start, total = _span(request, length)
    if total is not None:
        grant = _with_size(grant, total)
    elif grant.content.size not in (None, length):
        wanted = grant.content.size or 0
        text = f"It was asked for with {wanted:,} bytes, and this has {length:,}."
        raise Invalid(text, errors=[Wrong("/size", text)])
    record = announced(room.ports, room.shelf, record, length if total is None else total)
    body: Any = request.headers["wsgi.input"]
    stored = door.receive(grant, body, start=start, length=length)
    if stored is not None:
        record = room.shelf.arrived(record, stored)
    told = {"id": record.id, "status": "ready" if stored else "waiting", "offset": start + length}
    headers = [("Content-Type", JSON), ("Upload-Offset", str(start + length))]
    return Answer(200, write_json(told), headers)


def offset(room: Room, request: Request, key: str) -> Answer:
    """How much has come, so that one can go on there."""
    door, grant = _admitted(room, request, key, "PUT")
    headers = [("Upload-Offset", str(door.received(grant))), ("Cache-Control", "no-store")]
    return Answer(200, b"", headers)


def download(room: Room, request: Request, key: str) -> Answer:
    """As the type that was signed; a page of somebody's can do nothing from here."""
    _, grant = _admitted(room, request, key, "GET")
    stream = room.ports.files.open(key)
    size = stream.seek(0, io.SEEK_END)
    tag = f'"{key}"'  # what has a key never changes
    headers = [
        ("Accept-Ranges", "bytes"),
        ("ETag", tag),
        ("Cache-Control", "private, max-age=900, immutable"),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ]
    if matches(request.headers.get("HTTP_IF_NONE_MATCH"), tag):
        stream.close()
        return Answer(304, b"", headers)
    headers += [("Content-Type", grant.content.type), ("Content-Disposition", grant.disposition)]
    span = _asked_span(request, size, tag)
    if span is None:
        first, last, status = 0, size - 1, 200
    elif span[0] > span[1]:
        stream.close()
        refused = problem_answer(OutOfRange(f"The file has {size:,} bytes."), request.path)
        refused.headers.append(("Content-Range", f"bytes */{size}"))
        return refused
    else:
        (first, last), status = span, 206
        headers.append(("Content-Range", f"bytes {first}-{last}/{size}"))
    headers.append(("Content-Length", str(last - first + 1)))
    stream.seek(first)
    return Answer(status, b"", headers, Pieces(stream, last - first + 1))


class Pieces(Iterator[bytes]):
    """So much of a stream, piece by piece."""

    def __init__(self, stream: io.BufferedIOBase, length: int) -> None:
        self._stream, self._left = stream, length

    def __next__(self) -> bytes:
        piece = self._stream.read(min(PIECE, self._left))
        if not piece:
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._stream.close()


def _admitted(room: Room, request: Request, key: str, method: str) -> tuple[Door, Grant]:
    door = room.ports.files.door
    if door is None:
        raise Unknown("There is nothing at this path.")
    query = {name: texts[0] for name, texts in request.texts().items()}
    grant = door.admit(key, query, room.ports.clock.now())
    if grant.method != method:
        raise Forbidden(f"This URL was signed for {grant.method}.")
    return door, grant


def _waiting(room: Room, key: str) -> Record:
    record = room.ports.records.get(FILES, key)
    if record is None:
        raise Unknown("The file was deleted.")
    if is_ready(record):
        raise Precondition("The file is there already, and files never change.")
    return record


def _check_type(request: Request, grant: Grant) -> None:
    if request.headers.get("CONTENT_TYPE", "") != grant.content.type:
        raise Unsupported(f"Send it with Content-Type: {grant.content.type}, as it was asked for.")


def _length(request: Request) -> int:
    length = request.headers.get("CONTENT_LENGTH") or ""
    if not length and "wsgi.input_terminated" not in request.headers:
        return 0
    if not (length.isascii() and length.isdigit() and len(length) <= MOST_DIGITS):
        raise Malformed("Send a Content-Length: no bytes are taken without it.")
    return int(length)


def _span(request: Request, length: int) -> tuple[int, int | None]:
    """Where the body belongs, and how much there is in all, if it says so."""
    given = request.headers.get("HTTP_CONTENT_RANGE")
    if given is None:
        return 0, None
    found = _CONTENT_RANGE.fullmatch(given.strip())
    first, last, total = map(int, found.groups()) if found else (0, -1, -1)
    if not first <= last < total or last - first + 1 != length:
        raise Malformed("Write Content-Range: bytes FIRST-LAST/ALL, and send just those.")
    return first, total


def _with_size(grant: Grant, total: int) -> Grant:
    size = grant.content.size
    if size is None and total <= grant.content.most:
        return grant._replace(content=grant.content._replace(size=total))
    if size != total:
        raise Invalid(errors=[Wrong("/size", "Another size than was asked for.")])
    return grant


def _asked_span(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """The first and the last byte that are asked for, of one range; None for all of it.

    Of several ranges all is given, as RFC 9110 allows. What cannot be given ends before it begins.
    """
    found = _RANGE.fullmatch(request.headers.get("HTTP_RANGE", "").replace(" ", ""))
    if found is None or request.headers.get("HTTP_IF_RANGE", tag) != tag:
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    if last and int(last) < int(first):
        return None
    return (int(first), min(size - 1, int(last) if last else size - 1))
