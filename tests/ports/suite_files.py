"""What every adapter promises of `app.ports.Files`. Each has a test file of a few lines."""

import hashlib
import io
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from app.ports.files import Content, Files, Way
from app.room.errors import Forbidden, Precondition, TooLarge, Unknown

MB = 1024 * 1024
_numbers = count(1)


class Answered:
    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self.body, self.headers = status, body, headers


Send = Callable[..., Answered]


def send(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answered:
    """HTTP as a program without any SDK speaks it."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    if body is not None and "Content-Type" not in (headers or {}):
        request.add_unredirected_header("Content-Type", "")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answered(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        return Answered(error.code, error.read(), dict(error.headers))


class Endless(io.RawIOBase):
    """So many bytes, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.longest = 0

    def read(self, size: int = -1, /) -> bytes:
        self.longest = max(self.longest, size)
        given = min(self.left, size)
        self.left -= given
        return b"x" * given


class Broken(io.RawIOBase):
    """Breaks off after so many bytes."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1, /) -> bytes:
        if not self.left:
            raise ConnectionError("gone")
        given = min(self.left, size)
        self.left -= given
        return b"x" * given


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class FilesSuite:
    """`files` and `now` are given by the adapter's own test file; `send` reaches signed URLs."""

    send = staticmethod(send)

    @pytest.fixture
    def files(self) -> Iterator[Files]:
        raise NotImplementedError

    @pytest.fixture
    def key(self) -> str:
        return f"file_{next(_numbers):026}"

    def now(self) -> float:
        import time

        return time.time()

    # Stored from here

    def test_what_is_put_is_read(self, files: Files, key: str) -> None:
        """The bytes that were put come back, with their size and hash."""
        content = bytes(range(256)) * 1000
        stored = files.put(key, io.BytesIO(content), type="image/png")
        assert (stored.size, stored.sha256) == (len(content), sha256(content))
        with files.open(key) as stream:
            assert stream.read() == content
        assert files.stat(key) == stored

    def test_nothing_can_be_stored(self, files: Files, key: str) -> None:
        """An empty file is a file."""
        assert files.put(key, io.BytesIO(b""), type="text/plain").size == 0
        with files.open(key) as stream:
            assert stream.read() == b""
        assert files.stat(key) == files.stat(key)
        assert files.stat(key) is not None

    def test_large_is_put_in_pieces(self, files: Files, key: str) -> None:
        """What is large is never read at once, and is whole."""
        source = Endless(20 * MB + 7)
        stored = files.put(key, source, type="text/plain")
        assert source.longest <= 8 * MB
        assert stored.size == 20 * MB + 7
        digest = hashlib.sha256()
        with files.open(key) as stream:
            while piece := stream.read(MB):
                digest.update(piece)
        assert digest.hexdigest() == stored.sha256

    def test_nothing_is_overwritten(self, files: Files, key: str) -> None:
        """A key that is there is refused, and stays as it was."""
        files.put(key, io.BytesIO(b"first"), type="text/plain")
        with pytest.raises(Precondition):
            files.put(key, io.BytesIO(b"second"), type="text/plain")
        with files.open(key) as stream:
            assert stream.read() == b"first"

    @pytest.mark.parametrize("size", [MB, 20 * MB])
    def test_half_of_it_is_nothing(self, files: Files, key: str, size: int) -> None:
        """A source that breaks off leaves nothing to be read, and the key free."""
        with pytest.raises(ConnectionError):
            files.put(key, Broken(size), type="text/plain")
        assert files.stat(key) is None
        files.put(key, io.BytesIO(b"whole"), type="text/plain")

    @pytest.mark.parametrize("most", [10, 10 * MB])
    def test_no_more_than_the_most(self, files: Files, key: str, most: int) -> None:
        """More than `most` is refused, and nothing of it stays; as much as that is fine."""
        with pytest.raises(TooLarge):
            files.put(key, Endless(most + 1), type="text/plain", most=most)
        assert files.stat(key) is None
        assert files.put(key, Endless(most), type="text/plain", most=most).size == most

    def test_a_span_is_read(self, files: Files, key: str) -> None:
        """From a place on, and no further than asked."""
        files.put(key, io.BytesIO(b"0123456789"), type="text/plain")
        with files.open(key, 3) as stream:
            assert stream.read() == b"3456789"
        with files.open(key, 3, 4) as stream:
            assert stream.read() == b"3456"
        with files.open(key, 8, 100) as stream:
            assert stream.read() == b"89"

    def test_a_stream_seeks(self, files: Files, key: str) -> None:
        """What is read whole can be sought in, as archives need it."""
        files.put(key, io.BytesIO(b"0123456789" * 100_000), type="text/plain")
        with files.open(key) as stream:
            assert stream.seek(-3, io.SEEK_END) == 999_997
            assert stream.read() == b"789"
            stream.seek(5)
            assert stream.read(3) == b"567"

    def test_what_is_not_there(self, files: Files, key: str) -> None:
        """Opening what is absent says so; deleting it is done."""
        with pytest.raises(Unknown):
            files.open(key)
        assert files.stat(key) is None
        files.delete(key)

    def test_deleted_is_gone(self, files: Files, key: str) -> None:
        """A deleted file can be neither opened nor asked for."""
        files.put(key, io.BytesIO(b"x"), type="text/plain")
        files.delete(key)
        files.delete(key)
        assert files.stat(key) is None
        with pytest.raises(Unknown):
            files.open(key)

    @pytest.mark.parametrize("key", ["", "..", "a/b", "a\0", "x" * 101, "ä", "a b", ".hidden"])
    def test_keys_are_keys(self, files: Files, key: str) -> None:
        """Nothing that could lead elsewhere is a key."""
        with pytest.raises(Forbidden):
            files.put(key, io.BytesIO(b"x"), type="text/plain")
        with pytest.raises(Forbidden):
            files.open(key)

    def test_one_of_many_wins(self, files: Files, key: str) -> None:
        """Of those who put one key at once, one has it, and it is whole."""
        begin = threading.Barrier(4)

        def put(number: int) -> int | None:
            begin.wait()
            try:
                files.put(key, io.BytesIO(bytes([number]) * MB), type="text/plain")
            except Exception:  # noqa: BLE001 - busy or there already: both are a no
                return None
            return number

        with ThreadPoolExecutor(4) as pool:
            won = [number for number in pool.map(put, range(4)) if number is not None]
        assert len(won) == 1
        with files.open(key) as stream:
            assert stream.read() == bytes(won) * MB

    # By signed URLs

    def way(self, files: Files, key: str, content: Content, seconds: float = 600) -> Way:
        now = self.now()
        return files.presign_upload(key, content, now=now, until=now + seconds)

    def upload(self, way: Way, body: bytes, **headers: str) -> Answered:
        return self.send(way.method, way.url, body, {**way.headers, **headers})

    def test_an_upload_arrives(self, files: Files, key: str) -> None:
        """What goes to a signed URL is stored, once it is whole."""
        content = Content("image/png", 5)
        way = self.way(files, key, content)
        assert files.stat(key, content) is None
        assert self.upload(way, b"hello").status in (200, 201)
        stored = files.stat(key, content)
        assert stored is not None
        assert (stored.size, stored.sha256) == (5, sha256(b"hello"))

    def test_an_upload_of_unknown_size(self, files: Files, key: str) -> None:
        """A size need not be said before."""
        content = Content("image/png", None, most=100)
        assert self.upload(self.way(files, key, content), b"hello").status in (200, 201)
        assert files.stat(key, content) is not None

    def test_an_upload_overwrites_nothing(self, files: Files, key: str) -> None:
        """A URL that was used is over."""
        way = self.way(files, key, Content("text/plain", 5))
        self.upload(way, b"first")
        assert self.upload(way, b"other").status == 412
        with files.open(key) as stream:
            assert stream.read() == b"first"

    def test_another_length_is_refused(self, files: Files, key: str) -> None:
        """The length that was signed, or nothing."""
        content = Content("text/plain", 5)
        assert self.upload(self.way(files, key, content), b"longer than that").status >= 400
        assert files.stat(key, content) is None

    def test_another_type_is_refused(self, files: Files, key: str) -> None:
        """The type that was signed, or nothing."""
        content = Content("image/png", 5)
        sent = self.upload(self.way(files, key, content), b"<b>hi", **{"Content-Type": "text/html"})
        assert sent.status in (403, 415)
        assert files.stat(key, content) is None

    def test_another_hash_is_refused(self, files: Files, key: str) -> None:
        """Bytes of another hash than was said are not stored; the right ones then are."""
        content = Content("text/plain", 5, sha256(b"right"))
        way = self.way(files, key, content)
        assert 400 <= self.upload(way, b"wrong").status < 500
        assert files.stat(key, content) is None
        assert self.upload(way, b"right").status in (200, 201)
        stored = files.stat(key, content)
        assert stored is not None
        assert stored.sha256 == sha256(b"right")

    def test_tampered_and_expired(self, files: Files, key: str) -> None:
        """An altered URL opens nothing, nor does one that is over."""
        way = self.way(files, key, Content("text/plain", 5))
        altered = Way(
            way.url[:-3] + ("abc" if way.url[-3:] != "abc" else "def"), "PUT", way.headers
        )
        assert self.upload(altered, b"hello").status == 403
        other = Way(way.url.replace(key, f"file_{'9' * 26}"), "PUT", way.headers)
        assert self.upload(other, b"hello").status == 403
        over = files.presign_upload(
            key, Content("text/plain", 5), now=self.now(), until=self.now() + 1
        )
        self.pass_time(2.5)
        assert self.upload(over, b"hello").status == 403
        assert files.stat(key) is None

    def pass_time(self, seconds: float) -> None:
        """For URLs that are signed by a clock of the adapter's own."""
        raise NotImplementedError

    def url(self, files: Files, key: str, type: str = "image/png") -> str:
        now = self.now()
        return files.presign_download(
            key, type=type, disposition='attachment; filename="a.png"', now=now, until=now + 60
        )

    def test_a_download(self, files: Files, key: str) -> None:
        """A signed URL gives the bytes, as the type and under the name that were signed."""
        files.put(key, io.BytesIO(b"0123456789"), type="text/plain")
        answer = self.send("GET", self.url(files, key))
        assert (answer.status, answer.body) == (200, b"0123456789")
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a.png"'
        part = self.send("GET", self.url(files, key), None, {"Range": "bytes=2-4"})
        assert (part.status, part.body) == (206, b"234")
        assert part.headers["Content-Range"] == "bytes 2-4/10"
        assert self.send("GET", self.url(files, key), None, {"Range": "bytes=99-"}).status == 416
        assert self.send("GET", self.url(files, key).replace("png", "jpg")).status == 403
