"""Files in a folder: written beside, made durable, and put in their place by one rename."""

import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from app.ports.files import KEY, Content, Door, Grant, Stored, Way
from app.ports.local.arrival import Arrival, digest_of, turn_of
from app.ports.local.place import Place
from app.ports.local.signatures import Signatures
from app.ports.local.tenancy import Tenancy
from app.ports.local.trouble import KEPT, again, ours
from app.room.errors import Forbidden, Malformed, TooLarge, Unknown

PIECE = 256 * 1024
DELETES = "deletes.lock"  # shared by those who delete, had alone by who needs all to stay


class LocalFiles:
    """See `app.ports.Files`. Its signed URLs lead back here, so it is its own `Door` too."""

    there = True

    def __init__(self, folder: Path, *, floor: int) -> None:
        """Nothing is written once fewer than `floor` bytes would be left free on the disk."""
        self.door: Door | None = self
        self._folder = folder
        self._incoming = folder / "incoming"
        self._place = Place(self._incoming / "any", floor)
        self._signatures = Signatures(folder / "secret.key")
        self._made = False

    def put(self, key: str, source: BinaryIO, *, type: str, most: int | None = None) -> Stored:
        with self._arriving(key, 0) as arrival:
            while piece := source.read(PIECE):
                if most is not None and arrival.size + len(piece) > most:
                    arrival.forget()
                    raise _too_large(most)
                arrival.add(piece)
            return arrival.finish()

    def open(self, key: str, start: int = 0, length: int | None = None) -> io.BufferedIOBase:
        try:
            file = self._path(key).open("rb")
        except FileNotFoundError:
            raise Unknown("The file's bytes are not there.") from None
        except OSError as error:
            raise ours(error) from None
        file.seek(start)
        return file if length is None else io.BufferedReader(_Span(file, length), PIECE)

    def stat(self, key: str, content: Content | None = None) -> Stored | None:
        """Reads it for its hash: asked only where that is not known elsewhere."""
        try:
            with self._path(key).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                return Stored(size, digest_of(file, size).hexdigest())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ours(error) from None

    def delete(self, key: str) -> None:
        """`Unavailable` while a backup needs all to stay: the file's grave remembers it."""
        path, incoming = self._path(key), self._incoming / key
        try:
            with Tenancy(self._folder / DELETES).shared() as may:
                if not may:
                    raise again(KEPT)
                for each in (path, incoming, turn_of(incoming)):
                    each.unlink(missing_ok=True)
        except FileNotFoundError:
            return  # no file was ever kept here
        except OSError as error:
            raise ours(error) from None

    def presign_upload(self, key: str, content: Content, *, now: float, until: float) -> Way:
        url = self._signatures.url(Grant(key, "PUT", content), until)
        return Way(url, headers={"Content-Type": content.type})

    def presign_download(
        self, key: str, *, type: str, disposition: str, now: float, until: float
    ) -> str:
        grant = Grant(key, "GET", Content(type), disposition)
        return self._signatures.url(grant, until)

    def close(self) -> None:
        """Nothing is held open."""

    # The far end of the signed URLs

    def admit(self, key: str, query: Mapping[str, str], now: float) -> Grant:
        return self._signatures.read(key, query, now)

    def receive(self, grant: Grant, source: BinaryIO, *, start: int, length: int) -> Stored | None:
        most = grant.content.most if grant.content.size is None else grant.content.size
        if start + length > most:
            raise _too_large(most)
        with self._arriving(grant.key, start) as arrival:
            while arrival.size < start + length:
                piece = _read(source, min(PIECE, start + length - arrival.size))
                if not piece:
                    raise Malformed("The body ended early; go on at Upload-Offset, or begin anew.")
                arrival.add(piece)
            if grant.content.size not in (None, arrival.size):
                return None
            return arrival.finish(grant.content.sha256)

    def received(self, grant: Grant) -> int:
        for path in (self._path(grant.key), self._incoming / grant.key):
            with suppress(FileNotFoundError):
                return path.stat().st_size
        return 0

    @contextmanager
    def _arriving(self, key: str, start: int) -> Iterator[Arrival]:
        """The one who may write to it now. What has come stays."""
        path = self._path(key)
        if not self._made:
            try:
                self._place.make()
            except OSError as error:
                raise ours(error) from None
            self._made = True
        arrival = Arrival(self._incoming / key, path, self._place, start)
        try:
            yield arrival
        finally:
            arrival.close()

    def _path(self, key: str) -> Path:
        if not re.fullmatch(KEY, key):
            raise Forbidden("That is no key of a file.")
        return self._folder / key


class _Span(io.RawIOBase):
    """So many bytes of a file, from where it stands."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        piece = self._file.read(min(len(buffer), self._left))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


def _read(source: BinaryIO, size: int) -> bytes:
    """What is there, where the source can tell: a cut-off upload then has all that came."""
    try:
        piece: bytes = getattr(source, "read1", source.read)(size)
        return piece
    except Exception:  # noqa: BLE001 - of a body that breaks off, each server has its own errors
        return b""


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The file is over {most:,} bytes.", limit=most)
