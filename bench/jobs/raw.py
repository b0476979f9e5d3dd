"""The bounds: a table of jobs on SQLite by hand, one process, each commit as durable as ours."""

import sqlite3
from contextlib import closing
from pathlib import Path

from bench.jobs.clock import BATCH, rate
from bench.records import Raw as Store

BODY = (
    '{"operation": "bench.nothing", "params": {}, "created": 1764000000.123, '
    '"due": 1764000000.123, "retries": 3, "backoff": 1.0, "keep": 2592000.0, "source": "python"}'
)
RESULT = BODY[:-1] + ', "result": true, "started": 1764000000.2, "finished": 1764000000.201}'
TABLE = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, status TEXT NOT NULL, due REAL, lease TEXT, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (due, id) WHERE due IS NOT NULL;
CREATE TABLE steps (job TEXT NOT NULL, number INTEGER NOT NULL, result TEXT NOT NULL,
    PRIMARY KEY (job, number)) WITHOUT ROWID;
"""
INSERT = "INSERT INTO jobs VALUES (?, 'queued', ?, NULL, ?)"
CLAIM = """UPDATE jobs SET status = 'running', due = due + 1e9, lease = ? WHERE id IN
    (SELECT id FROM jobs WHERE due < 1e9 ORDER BY due, id LIMIT ?) RETURNING id"""
FINISH = """UPDATE jobs SET status = 'succeeded', due = NULL, body = ?
    WHERE id = ? AND lease = ?"""
STEP = "INSERT INTO steps VALUES (?, ?, ?)"
SHARED = 10
TWO, FUSED = "claim, then finish: two commits", "finish one, claim the next: one"
TEN, SAME = "ten jobs share one", "our table and its indexes, by hand"


class Raw:
    """Jobs in a file that did not exist before."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        self.database.executescript(TABLE)
        self.count = self.steps = 0
        self.claimed: list[str] = []

    def close(self) -> None:
        self.database.close()

    def durability(self) -> str:
        names = ("journal_mode", "synchronous")
        mode, level = (self.database.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return f"{mode}, synchronous={level}"

    def insert(self, count: int = 1) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        for _ in range(count):
            self.count += 1
            self.database.execute(INSERT, (f"job_{self.count:026}", self.count, BODY))
        self.database.execute("COMMIT")

    def claim_then_finish(self) -> None:
        """Two commits a job."""
        self._claim(1)
        self.finish_and_claim(0)

    def finish_and_claim(self, count: int = 1) -> None:
        """One commit: the end of what was claimed, and the next `count`."""
        self.database.execute("BEGIN IMMEDIATE")
        for job in self.claimed:
            done = self.database.execute(FINISH, (RESULT, job, "lease"))
            assert done.rowcount == 1
        self._claim(count)
        self.database.execute("COMMIT")

    def _claim(self, count: int) -> None:
        found = self.database.execute(CLAIM, ("lease", count)).fetchall() if count else []
        assert len(found) == count
        self.claimed = [job for (job,) in found]

    def step(self) -> None:
        self.steps += 1
        self.database.execute(STEP, ("job_1", self.steps, "null"))


def figures(folder: Path, jobs: int) -> dict[str, dict[str, float | str]]:
    """Rates of each row of bounds."""
    return _lean(folder, jobs) | {SAME: _same(folder, jobs)}


def _same(folder: Path, jobs: int) -> dict[str, float | str]:
    """What the store's six indexes cost, with none of its code."""
    half = jobs // 2 // BATCH * BATCH
    with closing(Store(folder / "same.db")) as store:
        numbers, firsts = iter(range(half)), iter(range(half, half * 2, BATCH))
        return {
            "single": rate(half, lambda: store.put(next(numbers))),
            "batch": BATCH * rate(half // BATCH, lambda: store.put(next(firsts), BATCH)),
        }


def _lean(folder: Path, jobs: int) -> dict[str, dict[str, float | str]]:
    half = jobs // 2 // BATCH * BATCH
    third = jobs // 4 // SHARED * SHARED
    with closing(Raw(folder / "raw.db")) as raw:
        single = rate(half, raw.insert)
        batch = BATCH * rate(half // BATCH, lambda: raw.insert(BATCH))
        raw.insert(SHARED + 1)  # so that the last ones find something to claim
        two = rate(third, raw.claim_then_finish)
        fused = rate(third, raw.finish_and_claim)
        shared = SHARED * rate(third // SHARED, lambda: raw.finish_and_claim(SHARED))
        step = rate(third, raw.step)
        said: dict[str, float | str] = {"durability": raw.durability()}
    return {
        TWO: {"single": single, "batch": batch, "drain": two} | said,
        FUSED: {"drain": fused, "step": step} | said,
        TEN: {"drain": shared} | said,
    }
