"""The suite of files on the embedded adapter, whose signed URLs lead through the REST door."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.ports import Put, Record
from app.ports.files import Content, Files, Grant
from app.ports.local.files import LocalFiles
from app.room.enter import Room
from app.room.errors import Busy, Malformed, OutOfRange, Precondition, Unavailable
from app.room.file_uses import FILES
from app.room.operation import Registry
from app.testing import OwnClock
from app.wiring import _files, make_ports
from app.wsgi import create_app
from tests.ports.suite_files import MB, Answered, Endless, FilesSuite

ROOT = Path(__file__).parents[2]


class TestLocalFiles(FilesSuite):
    clock: OwnClock
    client: FlaskClient
    room: Room

    @pytest.fixture
    def files(self, tmp_path: Path) -> Iterator[Files]:
        self.clock = OwnClock()
        ports = replace(make_ports(Settings(data=tmp_path)), clock=self.clock)
        self.room = Room(Registry(), ports)
        self.client = create_app(self.room).test_client()
        yield ports.files
        ports.records.close()

    def now(self) -> float:
        return self.clock.now()

    def pass_time(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def send(  # type: ignore[override]  # through the door
        self, method: str, url: str, body: bytes | None = None, headers: Any = None
    ) -> Answered:
        key = url.split("/")[3]
        records = self.room.ports.records
        if method == "PUT" and records.get(FILES, key) is None:
            asked = {"keys": [key], "asked": [None, ""], "charged": 0, "name": "a", "type": "a/b"}
            records.commit(Put(Record(FILES, key, {**asked, "created": 0, "until": 0})))
        got = self.client.open(url, method=method, data=body, headers=headers)
        answered = Answered(got.status_code, got.data, dict(got.headers))
        got.close()
        return answered


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "files", floor=1)


KEY = "file_00000000000000000000000001"


def grant(size: int | None = 10, sha256: str = "") -> Grant:
    return Grant(KEY, "PUT", Content("text/plain", size, sha256, 100))


class Cut(io.BytesIO):
    """Breaks off as a connection does."""

    def read1(self, size: int | None = -1, /) -> bytes:
        piece = super().read(min(size or 0, 2))
        if not piece:
            raise ConnectionResetError
        return piece


def test_an_upload_goes_on_where_it_was_cut(files: LocalFiles) -> None:
    """What has come stays, is told, and is part of the whole and its hash."""
    content = b"0123456789"
    told = grant(10, hashlib.sha256(content).hexdigest())
    with pytest.raises(Malformed):
        files.receive(told, Cut(content[:4]), start=0, length=10)
    assert files.received(told) == 4
    with pytest.raises(OutOfRange):
        files.receive(told, io.BytesIO(b"x"), start=5, length=1)
    assert files.receive(told, io.BytesIO(b"456"), start=4, length=3) is None
    stored = files.receive(told, io.BytesIO(b"789"), start=7, length=3)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    with files.open(KEY) as stream:
        assert stream.read() == content
    assert files.received(told) == 10


def test_an_upload_begins_anew(files: LocalFiles) -> None:
    """What had come before is not part of it."""
    with pytest.raises(Malformed):
        files.receive(grant(), Cut(b"xxxxxx"), start=0, length=10)
    stored = files.receive(grant(), io.BytesIO(b"0123456789"), start=0, length=10)
    assert stored is not None
    assert stored.sha256 == hashlib.sha256(b"0123456789").hexdigest()


def test_two_at_one_url(files: LocalFiles) -> None:
    """The second takes over, as a client does that comes back; the first spoils nothing of it."""
    inside, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            inside.set()
            assert go_on.wait(10)
            return super().read1(2)

    def first() -> None:
        try:
            files.receive(grant(), Slow(b"x" * 10), start=0, length=10)
        except Busy as busy:
            told.append(busy.detail)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    assert files.receive(grant(), io.BytesIO(b"01234"), start=0, length=5) is None
    go_on.set()
    thread.join()
    assert told == ["Another upload to this URL has taken over."]
    assert files.receive(grant(), io.BytesIO(b"56789"), start=5, length=5) is not None
    with files.open(KEY) as stream:
        assert stream.read() == b"0123456789"


def test_a_killed_writer_leaves_nothing_whole(tmp_path: Path) -> None:
    """Killed in the midst, its bytes are no file; the next writer is not kept from its turn."""
    source = (
        "import io, os, signal, sys\n"
        "from pathlib import Path\n"
        "from app.ports.local.files import LocalFiles\n"
        "class Killer(io.RawIOBase):\n"
        "    asked = 0\n"
        "    def read(self, size=-1, /):\n"
        "        self.asked += 1\n"
        "        if self.asked > 20:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return b'x' * 100_000\n"
        f"LocalFiles(Path(sys.argv[1]), floor=1).put('{KEY}', Killer(), type='text/plain')\n"
    )
    folder = tmp_path / "files"
    ended = subprocess.run([sys.executable, "-c", source, folder], cwd=ROOT, check=False)
    assert ended.returncode == -9
    files = LocalFiles(folder, floor=1)
    assert files.stat(KEY) is None
    assert files.put(KEY, io.BytesIO(b"whole"), type="text/plain").size == 5


def test_a_nearly_full_disk(tmp_path: Path) -> None:
    """Below the floor nothing is written, and what is there is read and deleted."""
    LocalFiles(tmp_path, floor=1).put(KEY, io.BytesIO(b"there"), type="text/plain")
    files = LocalFiles(tmp_path, floor=2**62)
    with pytest.raises(Unavailable, match="nearly full"):
        files.put("other", io.BytesIO(b"x"), type="text/plain")
    with files.open(KEY) as stream:
        assert stream.read() == b"there"
    files.delete(KEY)


def test_a_full_disk(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system says of a full disk is said so, and nothing half stays to be read."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files.put("warm", io.BytesIO(b"x"), type="text/plain")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="full"):
        files.put(KEY, Endless(MB), type="text/plain")
    assert not (files._folder / KEY).exists()


def test_a_disk_that_is_full_before_the_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a folder can be made: it is tried again, and no setting is blamed."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files = LocalFiles(tmp_path / "files", floor=1)
    with monkeypatch.context() as broken:
        broken.setattr(Path, "mkdir", full)
        with pytest.raises(Unavailable, match="full"):
            files.put(KEY, io.BytesIO(b"x"), type="text/plain")
    assert files.put(KEY, io.BytesIO(b"x"), type="text/plain").size == 1


def test_a_name_that_was_not_made_sure(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends the file again is told that it is there once that is sure."""
    files.put("warm", io.BytesIO(b"x"), type="text/plain")
    fsync, failing = os.fsync, True

    def failed(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").resolve().is_dir() and failing:
            raise OSError(errno.EIO, "Input/output error")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", failed)
    with pytest.raises(Unavailable):
        files.put(KEY, io.BytesIO(b"x"), type="text/plain")
    with pytest.raises(Unavailable):
        files.put(KEY, io.BytesIO(b"x"), type="text/plain")
    failing = False
    with pytest.raises(Precondition):
        files.put(KEY, io.BytesIO(b"x"), type="text/plain")


def test_bytes_are_durable_before_they_are_there(
    files: LocalFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is synced, then named, then its folder synced."""
    said: list[str] = []
    fsync, rename = os.fsync, Path.rename
    files.put("warm", io.BytesIO(b"x"), type="text/plain")

    def synced(handle: int) -> None:
        said.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        fsync(handle)

    def renamed(path: Path, target: Path) -> Path:
        said.append(f"-> {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    files.put(KEY, io.BytesIO(b"x"), type="text/plain")
    assert said[:3] == [KEY, f"-> {KEY}", "files"]


def test_a_disk_that_is_forgotten() -> None:
    """No file is taken there without a bucket, and what to set is said."""
    settings = Settings(table="jobs", platform="AWS Lambda")
    with pytest.raises(Unavailable, match="MANYDOORS_BUCKET"):
        _files(settings).presign_upload(KEY, Content("a/b", 1), now=0, until=1)
    assert isinstance(_files(replace(settings, ephemeral=True)), LocalFiles)


def test_the_secret_is_one(tmp_path: Path) -> None:
    """Processes that begin together sign alike, nobody else may read it, and it outlives them."""
    many = [LocalFiles(tmp_path, floor=1) for _ in range(8)]
    urls: list[str] = []
    begin = threading.Barrier(8)

    def sign(files: LocalFiles) -> None:
        begin.wait()
        urls.append(files.presign_upload(KEY, Content("a/b", 1), now=0, until=9).url)

    threads = [threading.Thread(target=sign, args=(each,)) for each in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 8
    assert len(set(urls)) == 1
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "secret" in path.name] == ["secret.key"]
