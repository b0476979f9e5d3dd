"""What the room may ask of a store of files: bytes by a key, and signed URLs that lead to them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

KEY = r"[A-Za-z0-9_-]{1,100}"
"""What a key may be: it stands in paths and URLs, so no text of a user's is ever part of one."""

PART = 64 * 1024 * 1024  # bytes from which an upload may be asked for in parts


class Stored(NamedTuple):
    """Bytes that are there, whole."""

    size: int
    sha256: str = ""  # in hex; "" when the store has not seen it, as of large uploads in parts


class Part(NamedTuple):
    """One piece of an upload, which may be sent again, and beside others."""

    number: int
    url: str
    start: int
    size: int


@dataclass(frozen=True)
class Way:
    """How an upload gets to where it goes: its method, URL and headers, as they were signed.

    With `parts`, each goes to its own URL, and `url` is "".
    """

    url: str
    method: str = "PUT"
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


class Content(NamedTuple):
    """What an upload is to be, as far as that was said before; and how it is shown later."""

    type: str
    size: int | None = None
    sha256: str = ""
    most: int = 0  # bytes, where no size was said


class Grant(NamedTuple):
    """What a signed URL of this service's own lets its bearer do."""

    key: str
    method: str  # PUT or GET
    content: Content
    disposition: str = ""


class Files(Protocol):
    """Bytes by keys. What is stored never changes; a key is used for one content only."""

    door: "Door | None"
    """For a store whose signed URLs lead back to this service; None where it has its own."""

    there: bool
    """Is there such a store at all? If not, it says why to whoever asks for a file."""

    def put(self, key: str, source: BinaryIO, *, type: str, most: int | None = None) -> Stored:
        """Stores what `source` gives to its end, piece by piece: durably, whole, or not at all.

        A key that is there raises `Precondition`; more than `most` bytes, `TooLarge`. A store out
        of reach, or out of room, raises `Unavailable`; what `source` raises is raised here.
        """

    def open(self, key: str, start: int = 0, length: int | None = None) -> io.BufferedIOBase:
        """The bytes from `start`, as they are read: never all in memory. Seekable if whole.

        Raises `Unknown` for a key that is not there. To be closed by who asked.
        """

    def stat(self, key: str, content: Content | None = None) -> Stored | None:
        """What is there; None while it is not whole.

        `content`: as the upload was asked for, whose parts are put together here once all came.
        """

    def delete(self, key: str) -> None:
        """Removes it, and what has come of an upload to it. What is absent is done."""

    def presign_upload(self, key: str, content: Content, *, now: float, until: float) -> Way:
        """A way for exactly this content, open `until` then; it overwrites nothing."""

    def presign_download(
        self, key: str, *, type: str, disposition: str, now: float, until: float
    ) -> str:
        """A URL that gives the bytes `until` then, as that type, with ranges."""

    def close(self) -> None:
        """Gives back what is held open; the next call opens it again."""


class Door(Protocol):
    """The far end of signed URLs that lead back to this service. They are paths, from /v1 on."""

    def admit(self, key: str, query: Mapping[str, str], now: float) -> Grant:
        """What the query of a signed URL allows; `Forbidden` when it was altered or is over."""

    def receive(self, grant: Grant, source: BinaryIO, *, start: int, length: int) -> Stored | None:
        """Takes `length` bytes that belong at `start`; what is stored once all came, else None.

        What has come stays when the source breaks off, to be gone on with; `start` 0 begins anew.
        Who begins takes over from who was at it, who gets `Busy`. Raises `OutOfRange` for a start
        beyond what was `received`, `Precondition` once it is stored, `TooLarge` for more than the
        grant allows, `Malformed` when the source ends early, `Invalid` when the hash is another
        than was said: then all must be sent again.
        """

    def received(self, grant: Grant) -> int:
        """How many bytes have come so far."""
