"""A backup is one whole moment of a store and its files, or it is not there."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app import wiring
from app.backup import taking
from app.backup.contents import PAGE, SEALS, Contents
from app.ports import Put, Record
from app.ports.local import snapshot
from app.ports.local.files import DELETES
from app.ports.local.records import LocalRecords
from app.ports.local.tenancy import Tenancy
from app.room.call import LOCAL
from app.room.errors import BadSetting, Unavailable
from app.room.operation import Registry
from app.room.shelf import GRAVES

from .home import backed_up, home, put_back, silent

ROOT = Path(__file__).parents[2]


def registry() -> Registry:
    made = Registry()
    made.operation("tried", long=True)(lambda: 1)
    return made


def test_what_was_backed_up_comes_back(tmp_path: Path) -> None:
    """Every record as it was, every file to the byte, at another place."""
    with home(tmp_path / "a", registry()) as old:
        job, file = old.submit("tried"), old.file(b"meow" * 1000)
        empty = old.file(b"", "empty")
        made = backed_up(old.data, tmp_path / "kept")
        there = old.room.ports.records.get("jobs", job)
    assert (made.jobs, made.files, made.file_bytes) == ({"queued": 1}, 2, 4000)
    done = put_back(tmp_path / "kept", tmp_path / "b")
    assert (done.contents, done.running, done.replaced) == (made, 0, None)
    with home(tmp_path / "b", registry()) as new:
        assert new.room.ports.records.get("jobs", job) == there
        assert new.content(file) == b"meow" * 1000
        assert new.content(empty) == b""
    names = {path.name for path in (tmp_path / "b").iterdir()}
    assert names <= {"manydoors.db", "manydoors.db-use", "manydoors.db-turn", "files"}


def test_urls_that_were_given_out_stay_good(tmp_path: Path) -> None:
    """They are signed with a secret that comes along; and nobody else may read any of it."""
    with home(tmp_path / "a") as old:
        record = old.room.shelf.look(old.file(), LOCAL.owner)
        url = old.room.shelf.link(record)
        backed_up(old.data, tmp_path / "kept")
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "kept").rglob("*")}
    assert modes | {(tmp_path / "kept").stat().st_mode & 0o077} == {0}
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b") as new:
        assert new.room.shelf.link(record) == url


def test_what_opens_secrets_comes_along(tmp_path: Path) -> None:
    """And a backup that has lost it, or another, is damaged."""
    assert SEALS == wiring.SEAL_KEYS
    with home(tmp_path / "a") as old:
        old.file()
        keys = old.room.ports.seal_keys()
        backed_up(old.data, tmp_path / "kept")
    with home(tmp_path / "b") as other:
        other.file()
        assert other.room.ports.seal_keys() != keys
    replaced = put_back(tmp_path / "kept", tmp_path / "b", replace=True).replaced
    assert replaced
    assert (replaced / SEALS).exists()
    with home(tmp_path / "b") as new:
        assert new.room.ports.seal_keys() == keys
    (tmp_path / "kept" / SEALS).unlink()
    with pytest.raises(Unavailable, match=SEALS):
        put_back(tmp_path / "kept", tmp_path / "c")


def test_a_moment_among_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed together is there together, and commits meanwhile do not begin the copy
    anew: each page is copied once."""
    path = tmp_path / "a" / "records.db"
    records = LocalRecords(path, floor=1)
    for n in range(40):
        records.commit(Put(Record("c", f"{n:04}", {"text": "x" * 20_000})))
    over, written, steps = threading.Event(), [0], []

    def write() -> None:
        while not over.is_set():
            n = written[0] + 1
            pair = [Put(Record(name, "one", {"n": n})) for name in ("left", "right")]
            records.commit(*pair, Put(Record("more", f"{n}", {"text": "y" * 9000})))
            written[0] = n

    writer = threading.Thread(target=write)
    writer.start()
    while not written[0]:
        pass

    def tell(done: int, all: int) -> None:
        before = written[0]
        while len(steps) < 20 and written[0] < before + 2:  # the writer goes on between two steps
            pass
        steps.append((done, all))

    monkeypatch.setattr(snapshot, "STEP", 7)
    try:
        snapshot.take(path, tmp_path / "copy.db", tell)
    finally:
        over.set()
        writer.join()
        records.close()
    assert len({all for _, all in steps}) == 1
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert len(steps) > 20
    assert snapshot.wrongs(tmp_path / "copy.db") == []
    (left,) = snapshot.records_of(tmp_path / "copy.db", "left")
    (right,) = snapshot.records_of(tmp_path / "copy.db", "right")
    assert left.body == right.body
    assert len([*snapshot.records_of(tmp_path / "copy.db", "more")]) == left.body["n"]


def test_bytes_stay_while_a_backup_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is deleted between the snapshot and the copying is in the backup; its bytes go
    later, by its grave."""
    with home(tmp_path / "a") as old:
        file = old.file()
        copy_files = taking.copy_files

        def late(*given: Any) -> Any:
            old.room.shelf.delete(file, LOCAL.owner)
            assert old.room.ports.files.stat(file) is not None
            return copy_files(*given)

        monkeypatch.setattr(taking, "copy_files", late)
        made = backed_up(old.data, tmp_path / "kept")
        assert (made.files, made.damaged) == (1, ())
        assert old.room.ports.records.count(GRAVES) == 1
        old.clock.sleep(3600)
        old.room.shelf.sweep()
        assert old.room.ports.files.stat(file) is None
        assert old.room.ports.records.count(GRAVES) == 0
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b") as new:
        assert new.content(file) == b"hello"


def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    """A store whose own files are damaged or gone is not backed up in silence; with leave, all
    else is, and comes back."""
    with home(tmp_path / "a") as old:
        gone, bad, good = (old.file(b"hello %d" % n) for n in range(3))
        (old.data / "files" / gone).unlink()
        (old.data / "files" / bad).write_bytes(b"hullo 1")
        with pytest.raises(Unavailable, match=gone):
            backed_up(old.data, tmp_path / "kept")
        assert not [*tmp_path.glob("kept*")]
        made = backed_up(old.data, tmp_path / "kept", even_damaged=True)
    assert made.damaged == (gone, bad)
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b") as new:
        assert new.content(good) == b"hello 2"


def test_a_damaged_backup_is_not_restored(tmp_path: Path) -> None:
    """One other byte, in the store or in a file, or one file less: nothing is changed."""
    with home(tmp_path / "a") as old:
        file = old.file(b"hello")
        backed_up(old.data, tmp_path / "kept")
    for name in (f"files/{file}", "manydoors.db"):
        path = tmp_path / "kept" / name
        whole = path.read_bytes()
        for wrong in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], None):
            path.unlink() if wrong is None else path.write_bytes(wrong)
            with pytest.raises(Unavailable, match="kept"):
                put_back(tmp_path / "kept", tmp_path / "b")
            assert not (tmp_path / "b" / "manydoors.db").exists()
            path.write_bytes(whole)
    assert put_back(tmp_path / "kept", tmp_path / "b").contents.files == 1


def test_the_target(tmp_path: Path) -> None:
    """A name of its own, outside of the store's folder; an empty folder will do."""
    with home(tmp_path / "a") as old:
        old.file()
        with pytest.raises(BadSetting, match="lost with it"):
            backed_up(old.data, old.data / "kept")
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "letter").touch()
        with pytest.raises(BadSetting, match="there already"):
            backed_up(old.data, tmp_path / "other")
        (tmp_path / "empty").mkdir()
        assert backed_up(old.data, tmp_path / "empty").files == 1
    with pytest.raises(BadSetting, match="no store"):
        backed_up(tmp_path / "nothing", tmp_path / "kept")
    assert not (tmp_path / "nothing").exists()


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a store, and to a target: the second is told, and the first is not disturbed."""
    with home(tmp_path / "a") as old:
        old.file()
        (tmp_path / "kept.part").mkdir()
        other = Tenancy(tmp_path / "kept.part" / "lock")
        assert other.own()
        with pytest.raises(Unavailable, match="under way"):
            backed_up(old.data, tmp_path / "kept")
        other.leave()
        assert backed_up(old.data, tmp_path / "kept").files == 1
        other = Tenancy(old.data / "files" / DELETES)
        assert other.own()
        monkeypatch.setattr(taking, "PATIENCE", 0.0)
        with pytest.raises(Unavailable, match="of this store"):
            backed_up(old.data, tmp_path / "more")
        other.leave()


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told before it is filled, and nothing is left there."""
    with home(tmp_path / "a") as old:
        old.file(b"x" * 1000)
        usage = type("Usage", (), {"free": 999})
        monkeypatch.setattr(taking.shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(Unavailable, match="1,000 bytes are to go"):
            backed_up(old.data, tmp_path / "kept")
    assert not [*tmp_path.glob("kept*")]


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    """By backup as by all else, with what to do."""
    with home(tmp_path / "a") as old:
        old.file()
    with closing(sqlite3.connect(tmp_path / "a" / "manydoors.db")) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(BadSetting, match="upgrade the program"):
        backed_up(tmp_path / "a", tmp_path / "kept")


@pytest.mark.parametrize(
    ("member", "value", "told"), [("format", 2, "newer"), ("schema", 99, "newer"), ("x", 1, "no")]
)
def test_a_newer_backup_is_refused(tmp_path: Path, member: str, value: int, told: str) -> None:
    """One whose form or schema this program does not know."""
    with home(tmp_path / "a") as old:
        old.file()
        backed_up(old.data, tmp_path / "kept")
    page = tmp_path / "kept" / PAGE
    page.write_text(json.dumps(json.loads(page.read_text()) | {member: value}))
    with pytest.raises(BadSetting, match=told):
        Contents.read(tmp_path / "kept")


KILLED = """
import os, signal, sys
from pathlib import Path
from app.backup.taking import back_up
data, folder = map(Path, sys.argv[1:])
def tried(when):
    target, count = folder / f"kept-{when}", [0]
    def hook(event, arguments):
        told = event in ("open", "os.rename", "os.mkdir", "os.remove")
        if told and str(target) in str(arguments):
            count[0] += 1
            if count[0] == when:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    back_up(data, target, lambda *_: None, 1.0, even_damaged=False)
    os._exit(0)
for when in range(1, 100):
    if not (child := os.fork()):
        tried(when)
    _, status = os.waitpid(child, 0)
    print(status, flush=True)
    if not status:
        break
"""


def test_killed_anywhere(tmp_path: Path) -> None:
    """Killed at any of its steps, it leaves a whole backup or none; and the next one succeeds."""
    with home(tmp_path / "a") as old:
        files = [old.file(b"%d" % n) for n in range(2)]
    command = [sys.executable, "-c", KILLED, tmp_path / "a", tmp_path]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120)
    ends = [int(line) for line in ran.stdout.split()]
    assert set(ends[:-1]) == {signal.SIGKILL}
    assert ends[-1] == 0
    assert len(ends) > 10
    for when in range(1, len(ends) + 1):
        target = tmp_path / f"kept-{when}"
        if not target.exists():
            backed_up(tmp_path / "a", target)
        assert [*Contents.read(target).faults(target, silent)] == []
        assert {path.name for path in (target / "files").iterdir()} == {*files}
        assert not target.with_name(f"{target.name}.part").exists()


def test_a_damaged_store_is_not_kept(tmp_path: Path) -> None:
    """A page of it that is not what it was: that is told, and no backup is there."""
    with home(tmp_path / "a") as old:
        for n in range(50):
            old.file(b"%d" % n)
    path = tmp_path / "a" / "manydoors.db"
    with closing(sqlite3.connect(path)) as database:
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'records_id'"
        ).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[page * size - 200 : page * size] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="damaged"):
        backed_up(tmp_path / "a", tmp_path / "kept")
    assert not [*tmp_path.glob("kept*")]
