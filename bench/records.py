"""What the embedded store costs over SQLite itself: python -m bench.records [folder]

Every row is a durable commit (synchronous=FULL) unless it only reads. The ratio is to the raw row
above it, from the same run: a machine's disk is the largest part of each figure.
"""

import json
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

from app.ports import Put, Record
from app.ports.local import schema
from app.ports.local.records import LocalRecords

BODY = {
    "operation": "cats.sheet",
    "params": {"pics": ["file_01J9Z3NDEKTSV4RRFFQ69G5FAV"] * 6, "size": 400},
    "progress": {"done": 17, "total": 400, "note": "drawing"},
    "attempt": 1,
    "source": "rest",
}
TURNS = 300


def row(name: str, rate: float, bound: float | None = None) -> float:
    ratio = f"{rate / bound:8.2f}" if bound else " " * 8
    print(f"{name:44}{rate:10,.0f}/s{1e6 / rate:10,.1f} us{ratio}")
    return rate


def rate(times: int, work: Callable[[int], object]) -> float:
    start = time.perf_counter()
    for n in range(times):
        work(n)
    return times / (time.perf_counter() - start)


def new(n: int) -> Put:
    record = Record("jobs", f"job_{n:026}", BODY, owner="o", label="queued", due=float(n))
    return Put(record, expect=0)


class Raw:
    """The same table and indexes, by hand."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = FULL")
        if not self.database.execute("PRAGMA user_version").fetchone()[0]:
            for statement in (text for step in schema.MIGRATIONS for text in step):
                self.database.execute(statement)
            self.database.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")

    def put(self, first: int, count: int = 1) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        for n in range(first, first + count):
            values = (
                "jobs",
                f"job_{n:026}",
                json.dumps(BODY),
                "o",
                "queued",
                n,
                0,
                None,
                "",
                "",
                0,
            )
            self.database.execute(schema.CREATE, values)
        self.database.execute("COMMIT")

    def close(self) -> None:
        self.database.close()

    def get(self, n: int) -> object:
        found = self.database.execute(schema.GET, ("jobs", f"job_{n:026}")).fetchone()
        return json.loads(found[2])


def threads(records: LocalRecords, count: int, each: int) -> float:
    def work(base: int) -> None:
        for n in range(each):
            records.commit(new(base + n))

    crowd = [threading.Thread(target=work, args=((k + count) * 10**7,)) for k in range(count)]
    start = time.perf_counter()
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    return count * each / (time.perf_counter() - start)


def one_process(folder: Path) -> None:
    with closing(Raw(folder / "raw.db")) as raw:
        single = row("raw: one row", rate(2000, raw.put))
        records = LocalRecords(folder / "records.db")
        records.commit(new(10**9))
        row("commit: one Put", rate(2000, lambda n: records.commit(new(n))), single)
        for count in (2, 8, 16):
            row(f"commit: one Put, {count} threads", threads(records, count, 500), single)
        batch = row(
            "raw: 100 rows, per row", 100 * rate(100, lambda n: raw.put(10**6 + n * 100, 100))
        )
        ours = rate(100, lambda n: records.commit(*(new(10**6 + n * 100 + k) for k in range(100))))
        row("commit: 100 Puts, per Put", 100 * ours, batch)
        read = row("raw: read one", rate(20_000, lambda n: raw.get(n % 2000)))
        row("get", rate(20_000, lambda n: records.get("jobs", f"job_{n % 2000:026}")), read)
        row(
            "list of 50, per record",
            50 * rate(500, lambda _: records.list("jobs", owner="o")),
            read,
        )

    def take(limit: int) -> Callable[[int], object]:
        return lambda _: records.take("jobs", now=1e10, until=2e10, limit=limit, label="running")

    row("take of 1", rate(1000, take(1)), single)
    row("take of 100, per record", 100 * rate(50, take(100)), batch)
    row(
        "take, nothing due",
        rate(5000, lambda _: records.take("x", now=0, until=1, limit=1, label="")),
    )
    records.close()


def hammer_raw(path: Path, base: int) -> list[float]:
    with closing(Raw(path)) as raw:
        return waits(lambda n: raw.put(base + n))


def hammer_ours(path: Path, base: int) -> list[float]:
    with closing(LocalRecords(path)) as records:
        return waits(lambda n: records.commit(new(base + n)))


def waits(work: Callable[[int], object]) -> list[float]:
    found = []
    for n in range(TURNS):
        start = time.perf_counter()
        work(n)
        found.append(time.perf_counter() - start)
    return found


def processes(folder: Path) -> None:
    title = "4 processes, one Put a commit"
    print(f"\n{title:44}{'rate':>12}{'median':>13}{'p99':>10}{'longest':>12}")
    for name, hammer in (("raw: busy timeout", hammer_raw), ("commit: in turn", hammer_ours)):
        path = folder / f"{hammer.__name__}.db"
        Raw(path).close()
        with get_context("spawn").Pool(4) as pool:
            start = time.perf_counter()
            found = pool.starmap(hammer, [(path, (k + 1) * 10**6) for k in range(4)], chunksize=1)
            rate = 4 * TURNS / (time.perf_counter() - start)
        every = sorted(wait * 1000 for waits in found for wait in waits)
        middle, late, longest = (every[int((len(every) - 1) * part)] for part in (0.5, 0.99, 1))
        print(f"{name:44}{rate:10,.0f}/s{middle:10.2f} ms{late:7.2f} ms{longest:9.2f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else ".") as folder:
        print(f"{'':44}{'rate':>12}{'each':>13}{'ratio':>8}")
        one_process(Path(folder))
        processes(Path(folder))


if __name__ == "__main__":
    main()
