"""A file on its way: written beside its place by one at a time, hashed as it comes."""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.ports.files import Stored
from app.ports.local.place import Place
from app.ports.local.trouble import ours
from app.room.errors import Busy, Invalid, Wrong

if TYPE_CHECKING:
    from hashlib import _Hash

PIECE = 1024 * 1024


class Arrival:
    """Holds the lock of its file from the first to the last; a killed process lets go of it."""

    def __init__(self, path: Path, place: Place) -> None:
        """Raises `Busy` while another writes to it."""
        self._path, self._place = path, place
        try:
            self._file = _locked(path)
        except OSError as error:
            raise ours(error) from None
        self.size = os.fstat(self._file.fileno()).st_size
        self._hash = hashlib.sha256()

    def begin(self, start: int) -> None:
        """What comes next belongs there; what had come beyond is forgotten."""
        try:
            self._place.check_room()
            self._file.truncate(start)
            self._file.seek(0)
            self._hash = digest_of(self._file, start)
        except OSError as error:
            raise ours(error) from None
        self.size = start

    def add(self, piece: bytes) -> None:
        self._place.check_room()
        try:
            self._file.write(piece)
        except OSError as error:
            raise ours(error) from None
        self._hash.update(piece)
        self.size += len(piece)

    def finish(self, path: Path, sha256: str = "") -> Stored:
        """Durably in its place. Another hash than was said: nothing of it stays."""
        found = self._hash.hexdigest()
        if sha256 not in ("", found):
            self.forget()
            text = f"The bytes that came have the hash {found}: send the file once more."
            raise Invalid(text, errors=[Wrong("/sha256", "The bytes have another hash.")])
        try:
            os.fsync(self._file.fileno())
            self._path.rename(path)
            for folder in (path.parent, self._path.parent):
                _sync(folder)
        except OSError as error:
            raise ours(error) from None
        return Stored(self.size, found)

    def forget(self) -> None:
        with suppress(OSError):
            self._path.unlink()

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def digest_of(file: BinaryIO, size: int) -> "_Hash":
    """The hash so far of so many bytes, read from where the file stands."""
    hash = hashlib.sha256()
    while size > 0 and (piece := file.read(min(PIECE, size))):
        hash.update(piece)
        size -= len(piece)
    return hash


def _locked(path: Path) -> BinaryIO:
    """Whoever had it before may have moved the file to its place: then that is not it any more."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise Busy("Another upload to this URL is under way.", after=2) from None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return file
        file.close()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
