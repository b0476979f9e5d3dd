"""A store is brought up to date whole: killed at any moment it is the old or the new, and opens."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.ports.local import schema
from app.ports.local.records import LocalRecords
from app.ports.local.tenancy import Tenancy
from app.room.errors import BadSetting

ROOT = Path(__file__).parents[2]
ROWS = 300
# A step more, of the kind that is hardest: a table is made anew with all that is in it.
REBUILT = (
    "CREATE TABLE fresh AS SELECT * FROM records",
    "UPDATE fresh SET body = json_set(body, '$.seen', 1)",
    "CREATE TABLE told (n)",
    "INSERT INTO told SELECT count(*) FROM fresh",
    "UPDATE records SET body = (SELECT body FROM fresh WHERE fresh.id = records.id)",
    "DROP TABLE fresh",
)
PROGRAM = """
import os, shutil, signal, sqlite3, sys
from pathlib import Path
from app.ports.local import schema
from app.ports.local.records import LocalRecords
schema.MIGRATIONS += (tuple(sys.argv[2:]),)
folder = Path(sys.argv[1])
def upgrade(when):
    count = [0]
    class Watched(sqlite3.Connection):
        def execute(self, statement, *more):
            if self.in_transaction or statement.startswith(("BEGIN", "COMMIT")):
                count[0] += 1
                if count[0] == when:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().execute(statement, *more)
    connect = sqlite3.connect
    sqlite3.connect = lambda *given, **more: connect(*given, factory=Watched, **more)
    records = LocalRecords(folder / f"{when}.db")
    records.ping()
    records.close()
    os._exit(0)
for when in range(1, 60):
    shutil.copy(folder / "old.db", folder / f"{when}.db")
    if not (child := os.fork()):
        upgrade(when)
    print(status := os.waitpid(child, 0)[1], flush=True)
    if not status:
        break
"""


def old_store(path: Path) -> None:
    """Of the first schema that there was."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN")
        for statement in schema.MIGRATIONS[0]:
            database.execute(statement)
        insert = "INSERT INTO records VALUES ('c', ?, ?, 7, 'o', 'l', 1.0, 0, NULL, '', 'w')"
        rows = [(f"{n:03}", json.dumps({"n": n})) for n in range(ROWS)]
        database.executemany(insert, rows)
        database.execute("PRAGMA user_version = 1")
        database.execute("COMMIT")


def test_killed_at_every_statement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All the way from the first schema that there was to one more than there is."""
    old_store(tmp_path / "old.db")
    command = [sys.executable, "-c", PROGRAM, tmp_path, *REBUILT]
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=120)
    ends = [int(line) for line in ran.stdout.split()]
    killed = len(ends) - 1
    assert killed > len(REBUILT) + 3
    assert ends == [signal.SIGKILL] * killed + [0]
    newest = len(schema.MIGRATIONS) + 1
    found = [state(tmp_path / f"{when}.db") for when in range(1, len(ends) + 1)]
    assert found == [(1, False)] * killed + [(newest, True)]
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, REBUILT))
    for when in range(1, killed + 1):
        with closing(LocalRecords(tmp_path / f"{when}.db")) as records:
            items = records.list("c", newest_first=False, limit=ROWS + 1).items
        assert [item.body for item in items] == [{"n": n, "seen": 1} for n in range(ROWS)]
        assert state(tmp_path / f"{when}.db") == (newest, True)


@pytest.mark.parametrize(("call", "whens"), [("fdatasync", (1, 2)), ("pwrite64", (2, 9, 30))])
def test_killed_at_writes(
    tmp_path: Path, call: str, whens: tuple[int, ...], require: Callable[[Any, str], None]
) -> None:
    """And where the system is at work for it: at syncs, and at writes along the way."""
    require(shutil.which("strace"), "strace is not installed")
    old_store(tmp_path / "old.db")
    program = PROGRAM.partition("for when in")[0] + "upgrade(0)\n"
    for when in whens:
        shutil.copy(tmp_path / "old.db", tmp_path / "0.db")
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}"]
        words = [sys.executable, "-c", program, tmp_path, *REBUILT]
        ran = subprocess.run(
            ["strace", "-f", "-o", "/dev/null", *inject, *words], cwd=ROOT, check=False
        )
        assert ran.returncode == -signal.SIGKILL
        assert state(tmp_path / "0.db") in [(1, False), (len(schema.MIGRATIONS) + 1, True)]
        for left in tmp_path.glob("0.db*"):
            left.unlink()


def state(path: Path) -> tuple[int, bool]:
    """Its schema, and whether it is that of the last step; every row is there, and it is whole."""
    with closing(sqlite3.connect(path)) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        rows = [n for (n,) in database.execute("SELECT json_extract(body, '$.n') FROM records")]
        seen = {s for (s,) in database.execute("SELECT json_extract(body, '$.seen') FROM records")}
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert sorted(rows) == list(range(ROWS))
    assert "fresh" not in tables
    assert seen == ({1} if "told" in tables else {None})
    return version, "told" in tables


def test_an_older_program_has_it_open(tmp_path: Path) -> None:
    """Then it is not brought up to date under its hands: who comes is told to stop that first."""
    old_store(tmp_path / "old.db")
    older = Tenancy(tmp_path / "old.db-use")
    assert older.share()
    records = LocalRecords(tmp_path / "old.db", patience=0.1)
    with pytest.raises(BadSetting, match="stop that program"):
        records.ping()
    assert state(tmp_path / "old.db") == (1, False)
    older.leave()
    records.ping()
    records.close()
    assert state(tmp_path / "old.db") == (len(schema.MIGRATIONS), False)
