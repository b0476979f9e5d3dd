"""Files in one S3 bucket. Uploads and downloads go there by signed URLs, past this service."""

import base64
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from app.ports.aws.multipart import Multipart, persistent
from app.ports.aws.object_stream import ObjectStream
from app.ports.aws.trouble import Absent, Refused
from app.ports.aws.wire import Answer, Wire
from app.ports.files import KEY, PART, Content, Door, Stored, Way
from app.room.errors import Forbidden, Precondition, TooLarge, Unavailable, Unknown

PATIENCE = 20.0  # seconds for one answer
PIECE = 8 * 1024 * 1024  # bytes of what is stored from here that are held in memory
HASHED = 64 * 1024 * 1024  # bytes up to which a hash that S3 does not know is read
LARGEST_PUT = 5 * 1024**3  # bytes that S3 takes at once


class AwsFiles:
    """See `app.ports.Files`."""

    there = True

    def __init__(
        self,
        bucket: str,
        *,
        url: str | None = None,
        patience: float = PATIENCE,
        trace: Callable[[str, Answer], object] | None = None,
    ) -> None:
        self.door: Door | None = None
        self._wire = Wire(url, patience, trace, service="s3")
        self._bucket = bucket

    def put(self, key: str, source: BinaryIO, *, type: str, most: int | None = None) -> Stored:
        self._named(key)
        pieces = _pieces(source, most)
        first, second = next(pieces, b""), next(pieces, b"")
        try:
            if not second:
                return self._put_at_once(key, first, type)
            return self._multipart(key).put(_chain(first, second, pieces), type)
        except Refused:
            raise Precondition("The file is there already, and files never change.") from None
        except Absent:
            raise Unavailable("The upload was broken off by others.", after=1) from None

    def open(self, key: str, start: int = 0, length: int | None = None) -> io.BufferedIOBase:
        try:
            head = self._wire.ask("head_object", **self._named(key))
        except Absent:
            raise Unknown("The file's bytes are not there.") from None
        size = int(head["ContentLength"])
        end = size if length is None else min(size, start + length)
        stream = ObjectStream(self._wire, self._named(key), end, start)
        return io.BufferedReader(stream, 256 * 1024)

    def stat(self, key: str, content: Content | None = None) -> Stored | None:
        """The hash is S3's own; what S3 does not know and is small is read for it."""
        try:
            return self._stat(key)
        except Absent:
            if content is None or content.size is None or not _in_parts(content):
                return None
        if not self._multipart(key).join(content.size):
            return None
        return self._stat(key)

    def delete(self, key: str) -> None:
        self._wire.ask("delete_object", **self._named(key))
        self._multipart(key).abort()

    def presign_upload(self, key: str, content: Content, *, now: float, until: float) -> Way:
        seconds = _seconds(now, until)
        if _in_parts(content):
            size = content.size or 0
            return Way("", parts=self._multipart(key).presigned(size, content.type, seconds))
        asked: dict[str, Any] = {"ContentType": content.type, "IfNoneMatch": "*"}
        headers = {"Content-Type": content.type, "If-None-Match": "*"}
        if content.size is not None:
            asked["ContentLength"] = content.size
        if content.sha256:
            sum = base64.b64encode(bytes.fromhex(content.sha256)).decode()
            asked["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = sum
        url = self._wire.presign("put_object", self._named(key) | asked, seconds)
        return Way(url, headers=headers)

    def presign_download(
        self, key: str, *, type: str, disposition: str, now: float, until: float
    ) -> str:
        shown = {"ResponseContentType": type, "ResponseContentDisposition": disposition}
        return self._wire.presign("get_object", self._named(key) | shown, _seconds(now, until))

    def close(self) -> None:
        self._wire.close()

    def _put_at_once(self, key: str, content: bytes, type: str) -> Stored:
        digest = hashlib.sha256(content)
        sum = base64.b64encode(digest.digest()).decode()
        stored = Stored(len(content), digest.hexdigest())
        asked = {"Body": content, "ContentType": type, "ChecksumSHA256": sum, "IfNoneMatch": "*"}
        try:
            persistent(lambda: self._wire.ask("put_object", **self._named(key), **asked))
        except Refused as refused:
            if not (refused.resent and self._is_there(key, stored)):
                raise
        return stored

    def _is_there(self, key: str, stored: Stored) -> bool:
        try:
            return self._stat(key) == stored
        except Absent:  # it was, and has been deleted
            return False

    def _stat(self, key: str) -> Stored:
        head = self._wire.ask("head_object", **self._named(key), ChecksumMode="ENABLED")
        size, sum = int(head["ContentLength"]), str(head.get("ChecksumSHA256", ""))
        if sum and "-" not in sum:  # that of parts is no hash of the whole
            return Stored(size, base64.b64decode(sum).hex())
        if size > HASHED:
            return Stored(size)
        with self.open(key) as stream:
            return Stored(size, hashlib.file_digest(stream, "sha256").hexdigest())

    def _multipart(self, key: str) -> Multipart:
        return Multipart(self._wire, self._named(key))

    def _named(self, key: str) -> dict[str, str]:
        if not re.fullmatch(KEY, key):
            raise Forbidden("That is no key of a file.")
        return {"Bucket": self._bucket, "Key": f"files/{key}"}


def _in_parts(content: Content) -> bool:
    """S3 checks a hash of the whole only of what is sent at once."""
    if content.size is None or content.size <= PART:
        return False
    return not content.sha256 or content.size > LARGEST_PUT


def _seconds(now: float, until: float) -> int:
    return max(1, int(until - now))


def _pieces(source: BinaryIO, most: int | None) -> Iterator[bytes]:
    """Of one size, but for the last."""
    total = 0
    while piece := _filled(source):
        total += len(piece)
        if most is not None and total > most:
            raise TooLarge(f"The file is over {most:,} bytes.", limit=most)
        yield piece


def _filled(source: BinaryIO) -> bytes:
    piece = bytearray()
    while len(piece) < PIECE and (more := source.read(PIECE - len(piece))):
        piece += more
    return bytes(piece)


def _chain(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest
