"""An object of S3 as a stream: read as it comes, from wherever one seeks to."""

import io
from typing import Any

from app.ports.aws.trouble import Absent, ours
from app.ports.aws.wire import Wire
from app.room.errors import Unavailable, Unknown

TRIES = 4  # of a connection that breaks off, without a byte in between


class ObjectStream(io.RawIOBase):
    """Up to `end`. A connection that breaks is opened anew where it was."""

    def __init__(self, wire: Wire, named: dict[str, str], end: int, start: int) -> None:
        self._wire, self._named = wire, named
        self._place, self._end = start, end
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        place = offset + {0: 0, 1: self._place, 2: self._end}[whence]
        if place < 0:
            raise ValueError("there is nothing before the beginning")
        if place != self._place:
            self._drop()
            self._place = place
        return place

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), self._end - self._place)
        if wanted <= 0:
            return 0
        piece = self._read(wanted)
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        trouble: Exception | None = None
        for _ in range(TRIES):
            try:
                if self._body is None:
                    self._body = self._opened()
                if piece := bytes(self._body.read(wanted)):
                    return piece
            except Absent:
                raise Unknown("The file's bytes are gone.") from None
            except Exception as error:  # noqa: BLE001 - told as ours below, if it stays
                trouble = error
            self._drop()
        known = ours(trouble, "s3") if trouble else None
        raise known or Unavailable("The file breaks off in the midst.", after=5)

    def _opened(self) -> Any:
        span = f"bytes={self._place}-{self._end - 1}"
        return self._wire.ask("get_object", **self._named, Range=span)["Body"]

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
