"""What the store keeps when the power goes, or the process, at any moment."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from urllib.parse import parse_qsl

import pytest

from app.ports.local.files import LocalFiles
from app.ports.local.records import LocalRecords
from app.room.errors import Forbidden, Unavailable

from .model_disk import STRACE, Disk, Event, events
from .model_records import walk

HERE = Path(__file__).resolve().parents[2]
POINTS = 40
# Bodies so large that the log is full, and copied into the store's file, more than once.
COMMITS = """
import os, sys
from pathlib import Path
from threading import Thread
from app.ports import Put, Record
from app.ports.local.records import LocalRecords
records = LocalRecords(Path(sys.argv[1]))
threads, size = int(sys.argv[2]), int(sys.argv[3])
def commit(first, last):
    for n in range(first, last):
        records.commit(Put(Record("c", f"{n:03}", {"t": "x" * size})))
        os.write(1, b"%03d\\n" % n)
for half in (0, 60):
    each = 60 // threads
    starts = range(half, half + 60, each)
    crowd = [Thread(target=commit, args=(start, start + each)) for start in starts]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    records.close()
"""
CARELESS = """
import os, sqlite3, sys
from app.ports.local import schema
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = NORMAL")
schema.migrate(database)
for n in range(60):
    values = ("c", f"{n:03}", "{}", "", "", None, 0, None, "", "", 0)
    database.execute(schema.CREATE, values)
    os.write(1, b"%03d\\n" % n)
"""

# `sys.argv[2]`: what it leaves out.
FILES = """
import io, os, sys
from pathlib import Path
from app.ports.files import Content
from app.ports.local.files import LocalFiles
sync = os.fsync
def careless(handle):
    if os.path.isdir(f"/proc/self/fd/{handle}") != (sys.argv[2] == "folders"):
        sync(handle)
if sys.argv[2]:
    os.fsync = careless
files = LocalFiles(Path(sys.argv[1]), floor=1)
for n in range(8):
    files.put(f"file_{n}", io.BytesIO(bytes([n]) * 90_000), type="text/plain")
    os.write(1, b"file_%d\\n" % n)
    url = files.presign_download(f"file_{n}", type="a/b", disposition="", now=0, until=9)
    os.write(1, url.encode() + b"\\n")
"""


@pytest.fixture
def strace(require: Callable[[object, str], None]) -> None:
    require(shutil.which("strace"), "strace is not installed")


def traced(path: Path, program: str, *arguments: object) -> list[Event]:
    found = path.parent.parent / "trace"
    command = [sys.executable, "-c", program, *map(str, (path, *arguments))]
    subprocess.run(
        [*STRACE, "-o", found, *command], cwd=HERE, check=True, stdout=subprocess.DEVNULL
    )
    return list(events(found.read_text()))


def lost(found: list[Event], path: Path, torn: bool) -> list[int]:
    """How many of the told commits are missing after a power cut, at each of many moments."""
    disk, missing = Disk(path.parent), []
    step = len(found) // POINTS
    for n, event in enumerate(found):
        disk.feel(event)
        if n % step == 0 or n == len(found) - 1:
            left = path.parent.parent / f"{n}-{torn}"
            disk.leave(left, Random(n) if torn else None)
            missing.append(len(set(disk.told) - stored(left / path.name)))
            shutil.rmtree(left)
    return missing


def stored(path: Path) -> set[str]:
    """The ids of the records that a new process finds, in a store that is whole."""
    with closing(LocalRecords(path)) as records:
        ids = set(walk(records, "c"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return ids


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.usefixtures("strace")
def test_power_cut(tmp_path: Path, threads: int) -> None:
    """Whatever was not synced is lost, or torn, and yet every commit that was answered is there."""
    path = tmp_path / "data" / "records.db"
    found = traced(path, COMMITS, threads, 60_000)
    copied = [event for event in found if event.call == "pwrite64" and event.path == str(path)]
    assert len(copied) > 1000
    assert sum(event.call == "write" for event in found) == 120
    for torn in (False, True):
        missing = lost(found, path, torn)
        assert len(missing) >= POINTS
        assert not any(missing)


@pytest.mark.usefixtures("strace")
def test_power_cut_is_felt(tmp_path: Path) -> None:
    """A store that does not sync each commit loses some: the judge can tell."""
    path = tmp_path / "data" / "records.db"
    path.parent.mkdir()
    assert any(lost(traced(path, CARELESS), path, torn=False))


def not_kept(found: list[Event], folder: Path, torn: bool) -> list[str]:
    """What a power cut takes of files that were answered, or leaves half of, at any moment."""
    disk, missing = Disk(folder), list[str]()
    for n, event in enumerate(found):
        disk.feel(event)
        if event.call in {"synced", "write", "rename", "link"}:
            left = folder.parent / f"{n}-{torn}"
            disk.leave(left, Random(n) if torn else None)
            missing += _damaged(LocalFiles(left, floor=1), left, disk.told)
            shutil.rmtree(left)
    return missing


def _damaged(files: LocalFiles, left: Path, told: list[str]) -> Iterator[str]:
    for n in range(8):
        key = f"file_{n}"
        whole = (left / key).exists() and (left / key).read_bytes() == bytes([n]) * 90_000
        if key in told and not whole:
            yield f"{key} was answered, and is not whole"
        if (left / key).exists() and not whole:
            yield f"{key} is in its place, and is not whole"
    for url in (each for each in told if each.startswith("/")):
        path, _, query = url.partition("?")
        try:
            files.admit(path.split("/")[3], dict(parse_qsl(query)), 0)
        except (Forbidden, Unavailable):
            yield f"{url} was given out, and is not known"


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("torn", [False, True])
def test_power_cut_of_files(tmp_path: Path, torn: bool) -> None:
    """A file that was answered is there, whole; a URL that was given out is good; and nothing half
    stands in a file's place."""
    folder = tmp_path / "data" / "files"
    folder.parent.mkdir()
    found = traced(folder, FILES, "")
    assert sum(event.call == "rename" for event in found) == 8
    assert not_kept(found, folder, torn) == []


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("omitted", ["folders", "files"])
def test_power_cut_of_files_is_felt(tmp_path: Path, omitted: str) -> None:
    """The judge can tell who syncs no file, or no folder."""
    folder = tmp_path / "data" / "files"
    folder.parent.mkdir()
    assert not_kept(traced(folder, FILES, omitted), folder, torn=False)


@pytest.mark.parametrize(("call", "points"), [("fdatasync", 10), ("pwrite64", 19)])
@pytest.mark.usefixtures("strace")
def test_killed_anywhere(tmp_path: Path, call: str, points: int) -> None:
    """Killed at any of its writes and syncs, a process loses nothing that it has answered."""

    def killed(when: int) -> tuple[int, set[str]]:
        path = tmp_path / f"{when}" / "records.db"
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}"]
        program = [sys.executable, "-c", COMMITS, str(path), "1", "60000"]
        command = ["strace", "-f", "-o", "/dev/null", *inject, *program]
        ended = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=False)
        return ended.returncode, set(ended.stdout.split()) - stored(path)

    with ThreadPoolExecutor(2) as pool:
        moments = sorted({round(1.5**n) for n in range(points + 1)})
        assert [*pool.map(killed, moments)] == [(-signal.SIGKILL, set())] * len(moments)
