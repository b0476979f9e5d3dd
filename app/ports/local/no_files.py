"""Where a disk is forgotten and there is no bucket: files are asked for in vain, and told why."""

import io
from typing import BinaryIO, NoReturn

from app.ports.files import Content, Door, Stored, Way
from app.room.errors import Unavailable


class NoFiles:
    """See `app.ports.Files`. All else of the service works without."""

    def __init__(self, platform: str) -> None:
        self.door: Door | None = None
        self._why = (
            f"{platform} forgets its disk, and the files on it: set MANYDOORS_BUCKET to an S3 "
            "bucket, or MANYDOORS_EPHEMERAL=1 if all may be lost at any time."
        )

    def put(self, key: str, source: BinaryIO, *, type: str, most: int | None = None) -> Stored:
        self._refuse()

    def open(self, key: str, start: int = 0, length: int | None = None) -> io.BufferedIOBase:
        self._refuse()

    def stat(self, key: str, content: Content | None = None) -> Stored | None:
        return None

    def delete(self, key: str) -> None:
        """There is nothing."""

    def presign_upload(self, key: str, content: Content, *, now: float, until: float) -> Way:
        self._refuse()

    def presign_download(
        self, key: str, *, type: str, disposition: str, now: float, until: float
    ) -> str:
        self._refuse()

    def close(self) -> None:
        """Nothing is held open."""

    def _refuse(self) -> NoReturn:
        raise Unavailable(self._why, after=600)
