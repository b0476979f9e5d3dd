"""A restore puts one store in the place of another, whole, and what ran then runs again."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.backup.contents import PAGE, SEALS, STORE, digest
from app.backup.restoring import FRESH
from app.ports import Put, Record
from app.ports.local import schema, snapshot
from app.ports.local.place import REPLACED
from app.ports.local.records import LocalRecords
from app.ports.local.tenancy import Tenancy
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.errors import BadSetting, Unavailable
from app.room.file_uses import FILES
from app.room.job import SUCCEEDED, attempt
from app.room.operation import Registry
from app.room.schedule import Plan
from app.room.tick import Ticker
from tests.doors.at_work import work

from .home import Home, backed_up, home, put_back

ROOT = Path(__file__).parents[2]
HOUR = 3600.0


def registry(**options: Any) -> Registry:
    made = Registry()
    made.operation("tried", long=True, **options)(lambda: 1)
    return made


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A backup of one job and one file."""
    with home(tmp_path / "a", registry()) as old:
        old.submit("tried")
        old.file(b"kept")
        backed_up(old.data, tmp_path / "kept")
    return tmp_path / "kept"


def test_a_folder_that_is_not_empty(kept: Path, tmp_path: Path) -> None:
    """Is left as it is; with leave what is there is put aside, from where it can be taken back."""
    with home(tmp_path / "b", registry()) as there:
        job, file = there.submit("tried"), there.file(b"there")
    with pytest.raises(BadSetting, match="--replace"):
        put_back(kept, tmp_path / "b")
    with home(tmp_path / "b") as there:
        assert there.content(file) == b"there"
    replaced = put_back(kept, tmp_path / "b", replace=True).replaced
    assert replaced
    assert replaced.name.startswith(REPLACED)
    with home(tmp_path / "b") as new:
        assert new.room.ports.records.get("jobs", job) is None
        assert new.room.ports.files.stat(file) is None
    with home(replaced) as there:
        assert there.room.ports.records.get("jobs", job)
        assert there.content(file) == b"there"


def test_a_folder_in_use(kept: Path, tmp_path: Path) -> None:
    """Is refused, with leave too, while any process has the store open; afterwards it is not."""
    program = (
        "import sys; from pathlib import Path; from app.ports.local.records import LocalRecords;"
        "records = LocalRecords(Path(sys.argv[1])); records.ping(); print(flush=True); input()"
    )
    command = [sys.executable, "-c", program, tmp_path / "b" / STORE]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(BadSetting, match="in use"):
            put_back(kept, tmp_path / "b", replace=True)
        other.stdin.close()
        other.wait(20)
    assert put_back(kept, tmp_path / "b", replace=True).replaced


def test_nobody_opens_what_is_exchanged(tmp_path: Path) -> None:
    """Who comes meanwhile is told to come again, and made no store."""
    (tmp_path / "b").mkdir()
    tenancy = Tenancy(tmp_path / "b" / f"{STORE}-use")
    assert tenancy.own()
    records = LocalRecords(tmp_path / "b" / STORE, patience=0.05)
    with pytest.raises(Unavailable, match="restored") as told:
        records.ping()
    assert told.value.after
    assert not (tmp_path / "b" / STORE).exists()
    tenancy.leave()
    records.ping()
    records.close()


def test_a_store_lets_go_when_it_is_closed(tmp_path: Path) -> None:
    """And holds on while any thread still reads."""
    records = LocalRecords(tmp_path / STORE)
    other = Tenancy(tmp_path / f"{STORE}-use")
    records.ping()
    assert not other.own()
    records.close()
    assert other.own()
    other.leave()
    records.ping()
    assert not other.own()
    records.close()


def test_what_ran_runs_again(tmp_path: Path) -> None:
    """At once, though its lease has not ended; and that run was no attempt, of which this job has
    one alone."""
    with home(tmp_path / "a", registry(retries=0)) as old:
        job = old.submit("tried")
        (claimed,) = old.room.engine.claim()
        assert claimed.id == job
        backed_up(old.data, tmp_path / "kept")
    assert put_back(tmp_path / "kept", tmp_path / "b").running == 1
    with home(tmp_path / "b", registry(retries=0)) as new:
        work(new.room)
        ended = new.room.engine.get(job, LOCAL)
        assert (ended.label, attempt(ended)) == (SUCCEEDED, 1)


def test_a_run_of_before_counts_no_more(tmp_path: Path) -> None:
    """Of a job that had failed once, the second attempt runs again as the second."""
    registry = Registry()
    tries: list[int] = []

    @registry.operation("tried", long=True, retries=1, backoff=0)
    def tried() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError
        return 1

    with home(tmp_path / "a", registry) as old:
        job = old.submit("tried")
        work_once(old)
        (claimed,) = old.room.engine.claim()
        assert attempt(claimed) == 2
        backed_up(old.data, tmp_path / "kept")
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b", registry) as new:
        work(new.room)
        ended = new.room.engine.get(job, LOCAL)
        assert (ended.label, attempt(ended)) == (SUCCEEDED, 2)


def work_once(at: Home) -> None:
    (record,) = at.room.engine.claim()
    at.room.engine.settle([(record, at.room.engine.execute(record, Control()))])


@pytest.mark.parametrize(("catch_up", "owed"), [("none", 0), ("one", 1), ("all", 3)])
def test_what_schedules_missed(tmp_path: Path, catch_up: Any, owed: int) -> None:
    """Between the backup and the start of the service, is owed as after any pause."""
    with home(tmp_path / "a", registry()) as old:
        plan = Plan("tried", every="1h", catch_up=catch_up)
        old.room.calendar.put("hourly", plan, LOCAL, "rest")
        backed_up(old.data, tmp_path / "kept")
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b", registry()) as new:
        new.clock.sleep(3.5 * HOUR)
        assert Ticker(new.room.registry, new.room.ports).tick().jobs == owed
        assert Ticker(new.room.registry, new.room.ports).tick().jobs == 0
        new.clock.sleep(HOUR / 2)
        assert Ticker(new.room.registry, new.room.ports).tick().jobs == 1


def test_a_backup_of_an_older_program(tmp_path: Path) -> None:
    """Is brought up to date as it is restored; the backup stays as it was."""
    (tmp_path / "a").mkdir()
    with closing(sqlite3.connect(tmp_path / "a" / STORE, isolation_level=None)) as database:
        for statement in schema.MIGRATIONS[0]:
            database.execute(statement)
        facts = "'c', 'a', '{}', 7, 'o', 'l', NULL, 0, NULL, '', 'w'"
        database.execute(f"INSERT INTO records VALUES ({facts})")
        database.execute("PRAGMA user_version = 1")
    assert backed_up(tmp_path / "a", tmp_path / "kept").schema == 1
    before = (tmp_path / "kept" / STORE).read_bytes()
    put_back(tmp_path / "kept", tmp_path / "b")
    with home(tmp_path / "b") as new:
        assert new.room.ports.records.get("c", "a")
    assert (tmp_path / "kept" / STORE).read_bytes() == before


def test_no_backup(tmp_path: Path) -> None:
    """What is none is told of before anything is made."""
    for source in (tmp_path / "nothing", tmp_path):
        with pytest.raises(BadSetting, match="no backup"):
            put_back(source, tmp_path / "b")
    assert not (tmp_path / "b").exists()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from app.backup.restoring import restore
from app.ports.local.place import Place
source, folder = map(Path, sys.argv[1:])
def tried(when):
    data, count = folder / f"{when}", [0]
    def hook(event, arguments):
        if event in ("open", "os.rename", "os.mkdir", "os.remove") and str(data) in str(arguments):
            count[0] += 1
            if count[0] == when:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)
    place = Place(data / "manydoors.db", 1)
    restore(source, place, lambda *_: None, 1.0, replace=True, is_deserted=lambda: True)
    os._exit(0)
for when in range(1, 100):
    shutil.copytree(folder / "other", folder / f"{when}")
    if not (child := os.fork()):
        tried(when)
    _, status = os.waitpid(child, 0)
    print(status, flush=True)
    if not status:
        break
"""


def test_killed_anywhere(kept: Path, tmp_path: Path) -> None:
    """Killed at any of its steps it leaves the old or the new, or what no program opens and the
    next restore takes away; and what was there before is never lost."""
    with home(tmp_path / "tries" / "other", registry()) as other:
        other.file(b"old")
    command = [sys.executable, "-c", KILLED, kept, tmp_path / "tries"]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120)
    ends = [int(line) for line in ran.stdout.split()]
    assert set(ends[:-1]) == {signal.SIGKILL}
    assert ends[-1] == 0
    found = [state(tmp_path / "tries" / f"{when}") for when in range(1, len(ends) + 1)]
    assert found == sorted(found, key=("old", "torn", "new").index)
    assert {*found} == {"old", "torn", "new"}
    for when in range(1, len(ends) + 1):
        data = tmp_path / "tries" / f"{when}"
        put_back(kept, data, replace=True)
        assert state(data) == "new"
        assert not (data / FRESH).exists()
        assert "old" in {state(aside) for aside in data.glob(f"{REPLACED}*")}


def state(data: Path) -> str:
    """Which store is there, with all its files; "torn" if a program refuses to open it."""
    with home(data) as there:
        try:
            page = there.room.shelf.list(LOCAL.owner, cursor=None, limit=10)
        except BadSetting:
            return "torn"
        (file,) = page.items
        return {b"old": "old", b"kept": "new"}[there.content(file.id)]


def test_what_is_torn_says_what_to_do(kept: Path, tmp_path: Path) -> None:
    with home(tmp_path / "b", registry()) as there:
        there.file()
    (tmp_path / "b" / f"{STORE}-restoring").touch()
    with home(tmp_path / "b") as there, pytest.raises(BadSetting, match="SOURCE --replace"):
        there.file()
    with pytest.raises(BadSetting, match="--replace"):
        put_back(kept, tmp_path / "b")
    assert put_back(kept, tmp_path / "b", replace=True).replaced


def altered(kept: Path, *puts: Put) -> None:
    """A backup of somebody who means harm: whole, with records of their own."""
    store = kept / STORE
    with closing(LocalRecords(store, floor=0)) as records:
        records.commit(*puts)
    snapshot.gather(store)
    for each in kept.glob(f"{STORE}-*"):
        each.unlink()
    page = json.loads((kept / PAGE).read_text())
    about = {"sha256": digest(store), "size": store.stat().st_size}
    (kept / PAGE).write_text(json.dumps(page | about))


def test_a_backup_leads_nowhere_else(tmp_path: Path) -> None:
    """A file's key in it is no path: what it names is neither read nor written."""
    kept = tmp_path / "deep" / "er" / "kept"
    with home(tmp_path / "a") as old:
        old.file()
        backed_up(old.data, kept)
    (tmp_path / "deep" / "planted").write_text("harm")
    body = {"keys": ["../../../planted"], "ready": 1.0, "size": 4, "sha256": ""}
    altered(kept, Put(Record(FILES, "file_x", body, owner="local")))
    with pytest.raises(BadSetting, match="not as this program"):
        put_back(kept, tmp_path / "b")
    assert not (tmp_path / "planted").exists()
    assert not (tmp_path / "b" / STORE).exists()


@pytest.mark.parametrize("name", [STORE, SEALS, "files", "files/FILE"])
def test_a_backup_has_no_links(tmp_path: Path, name: str) -> None:
    """They would bring a file of whoever restores to whoever owns the files."""
    with home(tmp_path / "a") as old:
        file = old.file(b"mine")
        (old.data / SEALS).write_text("0" * 64)
        backed_up(old.data, tmp_path / "kept")
    there = tmp_path / "kept" / name.replace("FILE", file)
    there.rename(tmp_path / "elsewhere")
    there.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadSetting, match="is a link"):
        put_back(tmp_path / "kept", tmp_path / "b")
    assert not (tmp_path / "b" / STORE).exists()
