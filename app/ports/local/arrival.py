"""A file on its way: written beside its place by one at a time, and hashed as it comes.

Whoever begins takes the turn of who was at it before: a client whose connection broke comes back
long before its old connection is known to be dead.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from app.ports.files import Stored
from app.ports.local.place import Place, sync
from app.ports.local.trouble import ours
from app.room.errors import Busy, Invalid, OutOfRange, Precondition, Unknown, Wrong

if TYPE_CHECKING:
    from hashlib import _Hash

PIECE = 1024 * 1024
TOKEN = 16  # bytes that say whose turn it is


def turn_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.turn")


class Arrival:
    """`incoming` becomes `path`. The lock is held for each piece only, so that another can take
    over in between."""

    def __init__(self, incoming: Path, path: Path, place: Place, start: int) -> None:
        """What comes next belongs at `start`; what had come beyond is forgotten."""
        self._incoming, self._path, self._place = incoming, path, place
        self._token = os.urandom(TOKEN)
        self._file: BinaryIO | None = None
        with _translated():
            self._turn = os.open(turn_of(incoming), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self.size, self._hash = start, self._begun(start)
        except BaseException:
            self.close()
            raise

    def add(self, piece: bytes) -> None:
        """`Busy` when another has taken over."""
        self._place.check_room()
        with self._locked() as file:
            file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    def finish(self, sha256: str = "") -> Stored:
        """Durably in its place. Another hash than was said: nothing of it stays."""
        found = self._hash.hexdigest()
        if sha256 not in ("", found):
            self.forget()
            text = f"The bytes that came have the hash {found}: send the file once more."
            raise Invalid(text, errors=[Wrong("/sha256", "The bytes have another hash.")])
        with self._locked() as file:
            os.fsync(file.fileno())
            try:
                self._incoming.rename(self._path)
            except FileNotFoundError:
                raise Unknown("The file was deleted meanwhile.") from None
            for folder in (self._path.parent, self._incoming.parent):
                sync(folder)
        with suppress(OSError):
            turn_of(self._incoming).unlink()
        return Stored(self.size, found)

    def forget(self) -> None:
        with suppress(OSError, Busy), self._locked():
            self._incoming.unlink()

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._turn)
            if self._file is not None:
                self._file.close()

    def _begun(self, start: int) -> "_Hash":
        self._place.check_room()
        with _translated():
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                if self._path.exists():
                    sync(self._path.parent)  # whoever named it may have got no further
                    raise Precondition("The file is there already, and files never change.")
                os.pwrite(self._turn, self._token, 0)
                handle = os.open(self._incoming, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._file = os.fdopen(handle, "r+b", buffering=0)
                if start > (come := os.fstat(handle).st_size):
                    raise OutOfRange(f"Only {come:,} bytes have come: go on there.")
                self._file.truncate(start)
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)
            return digest_of(self._file, start)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """While nobody else can take the turn."""
        with _translated():
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                if os.pread(self._turn, TOKEN, 0) != self._token or self._file is None:
                    raise Busy("Another upload to this URL has taken over.", after=2)
                yield self._file
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)


def digest_of(file: BinaryIO, size: int) -> "_Hash":
    """The hash so far of so many bytes, read from where the file stands."""
    hash = hashlib.sha256()
    while size > 0 and (piece := file.read(min(PIECE, size))):
        hash.update(piece)
        size -= len(piece)
    return hash


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ours(error) from None
