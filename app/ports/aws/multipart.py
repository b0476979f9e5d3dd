"""Uploads to S3 in parts: sent from here, or by whoever holds the parts' signed URLs."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from random import random
from typing import Any

from app.ports.aws.trouble import Absent, Conflicted, Refused
from app.ports.aws.wire import Wire
from app.ports.files import PART, Part, Stored
from app.room.errors import Unavailable

MOST_PARTS = 10_000
TRIES = 6  # of a write that meets another at the same key, be it an earlier sending of its own


def persistent(ask: Callable[[], object]) -> None:
    """Raises `Refused` as one that was sent before, if it met another at the same key."""
    met = False
    for tries in range(TRIES):
        try:
            ask()
        except Conflicted:
            met = True
            time.sleep(random() * 0.05 * 2**tries)  # noqa: S311 (no secret)
            continue
        except Refused as refused:
            refused.resent |= met
            raise
        return
    raise Unavailable("S3 is busy: others write the same file all the time.", after=1)


class Multipart:
    """To one key. S3 itself remembers what is under way, so nobody else has to."""

    def __init__(self, wire: Wire, named: dict[str, str]) -> None:
        self._wire, self._named = wire, named

    def put(self, pieces: Iterable[bytes], type: str) -> Stored:
        """All of it, or nothing of it stays."""
        begun = self._wire.ask(
            "create_multipart_upload", **self._named, ContentType=type, ChecksumAlgorithm="SHA256"
        )
        id = str(begun["UploadId"])
        whole, size = hashlib.sha256(), 0
        parts: list[dict[str, Any]] = []
        try:
            for number, piece in enumerate(pieces, 1):
                whole.update(piece)
                size += len(piece)
                parts.append(self._send(id, number, piece))
            self._complete(id, parts, size)
        except BaseException:
            with suppress(Unavailable):  # then S3 tidies it away in time
                self._abort(id)
            raise
        return Stored(size, whole.hexdigest())

    def presigned(self, size: int, type: str, seconds: int) -> tuple[Part, ...]:
        """A URL for each part, each of its own signed length."""
        begun = self._wire.ask("create_multipart_upload", **self._named, ContentType=type)
        each = max(PART, -(-size // MOST_PARTS))
        made = []
        for number, start in enumerate(range(0, size, each), 1):
            length = min(each, size - start)
            asked = {"UploadId": begun["UploadId"], "PartNumber": number, "ContentLength": length}
            url = self._wire.presign("upload_part", self._named | asked, seconds)
            made.append(Part(number, url, start, length))
        return tuple(made)

    def join(self, size: int) -> bool:
        """Makes them one once parts of `size` bytes in all have come."""
        for id in self._under_way():
            parts = list(self._parts(id))
            if sum(part["Size"] for part in parts) == size:
                named = [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]
                self._complete(id, named, size, is_anybodys=True)
                return True
        return False

    def abort(self) -> None:
        for id in list(self._under_way()):
            self._abort(id)

    def _send(self, id: str, number: int, piece: bytes) -> dict[str, Any]:
        sum = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        sent = self._wire.ask(
            "upload_part", **self._named, UploadId=id, PartNumber=number, Body=piece,
            ChecksumSHA256=sum,
        )  # fmt: skip
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sum}

    def _complete(
        self, id: str, parts: list[dict[str, Any]], size: int, *, is_anybodys: bool = False
    ) -> None:
        """`is_anybodys`: whoever has put these parts together has done it for all."""
        asked = {"UploadId": id, "MultipartUpload": {"Parts": parts}, "IfNoneMatch": "*"}
        try:
            persistent(lambda: self._wire.ask("complete_multipart_upload", **self._named, **asked))
        except (Absent, Refused) as error:
            # Done already, by another or by a sending whose answer was lost?
            known = is_anybodys or isinstance(error, Absent) or error.resent
            if (
                not known
                or int(self._wire.ask("head_object", **self._named)["ContentLength"]) != size
            ):
                raise

    def _abort(self, id: str) -> None:
        try:
            self._wire.ask("abort_multipart_upload", **self._named, UploadId=id)
        except Absent:
            return

    def _under_way(self) -> Iterator[str]:
        asked = {"Bucket": self._named["Bucket"], "Prefix": self._named["Key"]}
        found = self._wire.ask("list_multipart_uploads", **asked)
        for upload in found.get("Uploads", ()):
            if upload["Key"] == self._named["Key"]:
                yield upload["UploadId"]

    def _parts(self, id: str) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {**self._named, "UploadId": id}
        while True:
            page = self._wire.ask("list_parts", **asked)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            asked["PartNumberMarker"] = page["NextPartNumberMarker"]
