"""What a million finished jobs in the store change, beside a store without."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.jobs.clock import BATCH, middle, rate
from bench.jobs.ours import Service, environ, workers
from bench.jobs.processes import running

ASKS = ("submit one by one", "submit by hundreds", "drain", "list", "get")
ROUNDS, READS, JOBS_AT_MOST = 5, 500, 2000


def compare(folder: Path, finished: int, jobs: int) -> dict[str, float]:
    """For each ask the time with them over the time without, the two in turn; medians."""
    times: dict[str, list[float]] = {ask: [] for ask in ASKS}
    with ExitStack() as stack:
        empty, full = (stack.enter_context(_started(folder / n)) for n in ("empty", "full"))
        fill(folder / "full", finished)
        for _ in range(ROUNDS):
            before, after = (_rates(each, min(jobs, JOBS_AT_MOST)) for each in (empty, full))
            for ask in ASKS:
                times[ask].append(before[ask] / after[ask])
    return {ask: middle(found) for ask, found in times.items()}


def _started(folder: Path) -> Service:
    """A service whose store holds one finished job."""
    folder.mkdir()
    service = Service(folder)
    with running(workers(), folder / "workers.log", environ(folder)):
        service.wait(service.submit())
    return service


def fill(folder: Path, finished: int) -> None:
    """Copies of the finished job there, older than it, as rows: running them would take long."""
    with closing(sqlite3.connect(folder / "manydoors.db", isolation_level=None)) as database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(records)")]
        taken = ", ".join("'job_0' || printf('%025d', n)" if c == "id" else c for c in columns)
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            f"""INSERT INTO records ({", ".join(columns)})
            WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?)
            SELECT {taken} FROM numbers,
                (SELECT * FROM records WHERE collection = 'jobs' AND label = 'succeeded' LIMIT 1)
            """,
            (finished,),
        )
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = database.execute("SELECT count(*) FROM records WHERE label = 'succeeded'")
        assert found.fetchone()[0] == finished + 1


def _rates(service: Service, jobs: int) -> dict[str, float]:
    half = jobs // 2 // BATCH * BATCH
    engine, caller = service.room.engine, service.caller
    known: list[Any] = [service.submit() for _ in range(10)]
    asks: dict[str, Callable[[], float]] = {
        "submit one by one": lambda: rate(half - len(known), service.submit),
        "submit by hundreds": lambda: rate(half // BATCH, lambda: service.submit_many(BATCH)),
        "drain": lambda: service.drain(service.folder / "workers.log", half * 2),
        "list": lambda: rate(READS, lambda: engine.list(caller)),
        "get": lambda: rate(READS, lambda: engine.get(known[0].id, caller)),
    }
    return {ask: asks[ask]() for ask in ASKS}
