"""What Records in SQLite promise beside what all Records promise."""

import os
import sqlite3
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from app.ports import PAGE_CAP, Put, Record, Records
from app.ports.local import schema
from app.ports.local.connections import READERS, Connections, _set
from app.ports.local.place import Place, filesystem
from app.ports.local.records import LocalRecords
from app.room.errors import BadSetting, Stale, Unavailable

from .suite_records import RecordsSuite
from .suite_takes import TakesSuite

NOBODY = 65534  # the user that owns nothing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "records.db"


@pytest.fixture
def make(path: Path) -> Iterator[Callable[..., LocalRecords]]:
    made: list[LocalRecords] = []

    def make(**settings: object) -> LocalRecords:
        made.append(LocalRecords(path, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for records in made:
        records.close()


@pytest.fixture
def records(make: Callable[..., LocalRecords]) -> LocalRecords:
    return make()


class TestLocalRecords(RecordsSuite, TakesSuite):
    pass


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A stranger who writes to the file, and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("COMMIT")


def one(id: str, **body: object) -> Put:
    return Put(Record("c", id, body))


def test_full(path: Path) -> None:
    """Every connection syncs each commit."""
    connections = Connections(Place(path, 0), 1.0, None)
    for _ in range(READERS):
        assert connections.read("PRAGMA synchronous", ()) == [(2,)]

    def check(database: sqlite3.Connection) -> None:
        assert database.execute("PRAGMA synchronous").fetchall() == [(2,)]
        assert database.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        checked.append(database)

    checked: list[sqlite3.Connection] = []
    connections.write(check)
    assert checked
    connections.close()


def test_not_full() -> None:
    """Where SQLite does not do as told, the store does not open."""
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(BadSetting, match="keep"):
        _set(database)


@pytest.mark.parametrize(("owner", "label", "newest_first"), [*product((True, False), repeat=3)])
def test_lists_never_scan(
    path: Path, records: Records, owner: bool, label: bool, newest_first: bool
) -> None:
    """A page, and the page after it, is a search by an index in its order, and sorts nothing."""
    records.commit(one("a"))
    for onward in (False, True):
        statement = schema.page(owner, label, newest_first, onward)
        beyond = "id<?" if newest_first else "id>?"
        terms = ["collection=?", "owner=?" * owner, "label=?" * label, beyond * onward]
        (step,) = plan(path, statement)
        assert step.startswith("SEARCH records USING INDEX ")
        assert step.endswith(f"({' AND '.join(filter(None, terms))})")


@pytest.mark.parametrize(("owner", "label"), [*product((True, False), repeat=2)])
def test_count_never_scans(path: Path, records: Records, owner: bool, label: bool) -> None:
    """A count reads the part of an index that has what it counts, and no record."""
    records.commit(one("a"))
    terms = " AND ".join(["collection=?", *["owner=?"] * owner, *["label=?"] * label])
    (step,) = plan(path, schema.count(owner, label))
    assert step.startswith("SEARCH records USING COVERING INDEX ")
    assert step.endswith(f"({terms})")


def test_take_never_scans(path: Path, records: Records) -> None:
    """What is due is found by priority and due, and what has expired by its time."""
    records.commit(one("a"))
    search = "SEARCH records USING "
    assert plan(path, schema.GET) == [f"{search}INDEX records_id (collection=? AND id=?)"]
    assert plan(path, schema.PRIORITY) == [
        f"{search}COVERING INDEX records_due (collection=? AND priority<?)"
    ]
    assert plan(path, schema.DUE) == [
        f"{search}COVERING INDEX records_due (collection=? AND priority=? AND due<?)"
    ]
    assert f"{search}COVERING INDEX records_expires (expires<?)" in plan(path, schema.TIDY)
    assert plan(path, schema.NOTE) == [f"{search}INDEX records_id (collection=? AND id=?)"]


def plan(path: Path, statement: str) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        values = [1] * statement.count("?")
        return [row[3] for row in database.execute("EXPLAIN QUERY PLAN " + statement, values)]


def test_commits_share_a_sync(make: Callable[..., LocalRecords], path: Path) -> None:
    """Commits that wait at the same time are one transaction, and each has its own answer."""
    commits = []
    records = make(trace=lambda text: commits.append(text) if text == "COMMIT" else None)
    records.commit(one("a"))
    commits.clear()

    def commit(n: int) -> bool:
        try:
            new = Record("c", f"new{n}", {})
            records.commit(Put(new), Put(Record("c", "a", {}), expect=1 if n % 2 else None))
        except Stale:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        with held(path):
            answers = pool.map(commit, range(8))
            committer = records._here().commit.__self__  # type: ignore[attr-defined]
            until = time.monotonic() + 10
            while len(committer._asks) < 8 and time.monotonic() < until:
                time.sleep(0.001)
        stood = [n for n, answer in enumerate(answers) if answer]
    assert len(commits) == 1
    assert set(stood) >= {0, 2, 4, 6}
    assert {record.id for record in records.list("c").items} == {"a", *(f"new{n}" for n in stood)}


def test_alone_does_not_wait(make: Callable[..., LocalRecords]) -> None:
    """One thread's commits are a transaction each."""
    commits = []
    records = make(trace=lambda text: commits.append(text) if text == "COMMIT" else None)
    for n in range(5):
        records.commit(one(f"{n}"))
    assert len(commits) == 5


def test_a_note_is_one_statement(make: Callable[..., LocalRecords]) -> None:
    """What a run writes of itself, which no index has, is one statement and no other."""
    said: list[str] = []
    records = make(trace=lambda text: said.append(text.split()[0]))
    start = Record("c", "a", {}, label="running", due=5, lease="mine")
    (record,) = records.commit(Put(start))
    assert record is not None
    said.clear()
    (noted,) = records.commit(Put(replace(record, body={"n": 1}), record.version, "mine"))
    assert said == ["UPDATE"]
    assert noted == records.get("c", "a")
    assert noted is not None
    assert (noted.version, noted.body, noted.due) == (2, {"n": 1}, 5)


def test_a_note_that_moves_a_record(make: Callable[..., LocalRecords]) -> None:
    """Where it changes what an index has, that index finds it in its new place alone."""
    records = make()
    (record,) = records.commit(Put(Record("c", "a", {}, label="running", due=5, lease="mine")))
    assert record is not None
    records.commit(Put(replace(record, label="queued", due=7), record.version, "mine"))
    assert [records.count("c", label=label) for label in ("running", "queued")] == [0, 1]
    assert records.take("c", now=6, until=9, limit=1, label="running") == ()
    assert records.take("c", now=8, until=9, limit=1, label="running")


def test_busy(make: Callable[..., LocalRecords], path: Path) -> None:
    """Who waits too long for a stranger is told Unavailable; reads and later writes do not wait."""
    records = make(patience=0.2)
    records.commit(one("a"))
    with held(path):
        with pytest.raises(Unavailable, match="busy"):
            records.commit(one("b"))
        assert records.get("c", "a")
        assert records.list("c").items
    records.commit(one("b"))


def test_fork_under_way(records: Records) -> None:
    """What other threads do goes on around a pause for a fork."""
    stop = threading.Event()

    def commit(n: int) -> int:
        done = 0
        while not stop.is_set():
            records.commit(one(f"{n}-{done}"))
            assert records.get("c", f"{n}-{done}")
            done += 1
        return done

    from app.ports.local.connections import _go_on, _pause

    with ThreadPoolExecutor(3) as pool:
        counts = [pool.submit(commit, n) for n in range(3)]
        for _ in range(20):
            _pause()
            _go_on()
        stop.set()
    assert len(records.list("c", limit=100_000).items) == sum(count.result() for count in counts)


def test_floor(make: Callable[..., LocalRecords], records: Records) -> None:
    """With too little space left writes are Unavailable and reads go on."""
    records.commit(Put(Record("c", "a", {}, due=1)))
    low = make(floor=1 << 62)
    with pytest.raises(Unavailable, match="full"):
        low.commit(one("b"))
    with pytest.raises(Unavailable, match="full"):
        low.take("c", now=1, until=2, limit=1, label="")
    assert [record.id for record in low.list("c").items] == ["a"]
    low.ping()


def test_a_store_is_its_owners_alone(make: Callable[..., LocalRecords], path: Path) -> None:
    """Also in a folder that all may read, and with a umask that lets them."""
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)
    before = os.umask(0o022)
    try:
        make().commit(Put(Record("things", "a", {})))
        files = [each for each in path.parent.iterdir() if each.is_file()]
        assert {path.name, f"{path.name}-wal"} <= {each.name for each in files}
        assert {each.name for each in files if each.stat().st_mode & 0o077} == set()
    finally:
        os.umask(before)


def test_newer_schema(records: Records, make: Callable[..., LocalRecords], path: Path) -> None:
    """A store of a newer program is refused, with what to do, and left as it is."""
    records.commit(one("a"))
    records.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    for verb in (make().ping, lambda: make().commit(one("b"))):
        with pytest.raises(BadSetting, match="upgrade"):
            verb()


def test_older_schema(
    records: Records,
    make: Callable[..., LocalRecords],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store of an older program is brought up to date and keeps what it has."""
    records.commit(one("a"))
    records.close()
    step = ("CREATE TABLE more (x)", "INSERT INTO more VALUES (1)")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda records: records.get("c", "a"), [make() for _ in range(4)]))
    assert all(found)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT * FROM more").fetchall() == [(1,)]


def test_schema_1(path: Path, make: Callable[..., LocalRecords]) -> None:
    """A store of before takes were counted keeps its rows, which have none, and counts on."""
    path.parent.mkdir()
    facts = "'c', ?, '{}', 7, 'o', 'l', ?, 0, NULL, '', 'w'"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in schema.MIGRATIONS[0]:
            database.execute(statement)
        database.executemany(f"INSERT INTO records VALUES ({facts})", [("a", 1.0), ("b", None)])
        database.execute("PRAGMA user_version = 1")
    records = make()
    a = Record("c", "a", {}, version=7, owner="o", label="l", due=1.0, writer="w")
    assert records.list("c", newest_first=False).items == (a, replace(a, id="b", due=None))
    assert [taken.takes for taken in records.take("c", now=1, until=2, limit=9, label="")] == [1]
    (stored,) = records.commit(Put(replace(a, takes=3), expect=8))
    assert stored == records.get("c", "a")
    assert records.count("c", label="l") == 2


def test_opened_together(path: Path) -> None:
    """Many who open a new store at once all get it."""
    start = threading.Barrier(8)
    made = [LocalRecords(path) for _ in range(8)]

    def first(n: int) -> None:
        start.wait(10)
        made[n].commit(one(f"{n}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first, range(8)))
    assert len(made[0].list("c").items) == 8
    for records in made:
        records.close()


def test_not_a_folder(tmp_path: Path) -> None:
    """A folder that can not be made is a BadSetting that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetting, match="file/data"):
        LocalRecords(tmp_path / "file" / "data" / "records.db").ping()


def test_unwritable_folder() -> None:
    """A folder of somebody else is a BadSetting that names it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)  # root may write anywhere
        try:
            with pytest.raises(BadSetting, match="written"):
                LocalRecords(Path(folder) / "records.db").ping()
        finally:
            if root:
                os.seteuid(0)
            Path(folder).chmod(0o755)


def test_network_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder on a network filesystem is a BadSetting that names the kind."""
    monkeypatch.setattr("app.ports.local.place._mounts", lambda: "1 1 0:1 / / rw - nfs4 host:/ rw")
    with pytest.raises(BadSetting, match="nfs4"):
        LocalRecords(path).ping()


def test_filesystem() -> None:
    """The innermost mount counts, and of two at one point the later."""
    mounts = """\
21 1 8:1 / / rw - ext4 /dev/sda rw
22 21 0:5 / /proc rw shared:1 - proc proc rw
30 21 0:9 / /mnt/a\\040b rw - nfs4 host:/x rw
31 30 0:9 / /mnt/a\\040b/local rw - xfs /dev/sdb rw
32 21 0:9 / /srv rw - ext4 /dev/sdc rw
33 21 0:9 / /srv rw - cifs //host/x rw"""
    kinds = {
        "/": "ext4",
        "/home": "ext4",
        "/mnt/a b/c": "nfs4",
        "/mnt/a b/local/d": "xfs",
        "/srv/x": "cifs",
    }
    assert {folder: filesystem(Path(folder), mounts) for folder in kinds} == kinds
    assert filesystem(Path("/"), "") == ""


def test_not_a_store(path: Path) -> None:
    """A file that is no store is Unavailable, and stays as it is."""
    path.parent.mkdir()
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(Unavailable, match="damaged"):
        LocalRecords(path).ping()
    assert path.read_text().startswith("Dear diary")


def test_tidies(records: Records) -> None:
    """What has expired goes by itself, now and then, beside a take."""
    records.commit(*(Put(Record("c", f"{n}", {}, expires=n)) for n in range(1, 6)))
    records.take("c", now=3, until=9, limit=1, label="")
    assert [record.id for record in records.list("c").items] == ["5", "4"]
    records.take("c", now=5, until=9, limit=1, label="")
    assert len(records.list("c").items) == 2
    records.take("c", now=65, until=99, limit=1, label="")
    assert records.list("c").items == ()


def test_a_list_reads_no_more_than_its_page(records: LocalRecords) -> None:
    """Of what a page has no place for, one body is read at most."""
    for n in range(200):
        records.commit(one(f"{n:03}", t="x" * 100_000))
    tracemalloc.start()
    try:
        page = records.list("c", limit=200)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(page.sizes) <= PAGE_CAP
    assert most < 4 * PAGE_CAP
