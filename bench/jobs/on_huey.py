"""Huey on SQLite, with its `fsync` option: each result is kept, as ours are."""

import os
import sys
from pathlib import Path
from typing import Any

from huey import SqliteHuey

FOLDER = Path(os.environ["BENCH_FOLDER"])
BIN = Path(sys.executable).parent
# 30 s: with the default of 5 a writer that had bad luck is told that the database is locked.
huey = SqliteHuey("bench", filename=str(FOLDER / "huey.db"), fsync=True, timeout=30)
WORKERS = [(str(BIN / "huey_consumer"), "bench.jobs.on_huey.huey", "-w2", "-kprocess", "-q", "-n")]


@huey.task()
def nothing() -> bool:
    return True


def submit() -> Any:
    return nothing()


def submit_many(count: int) -> None:
    """Huey has no batch: a group is put in one commit after the other."""
    for _ in range(count):
        nothing()


def wait(result: Any) -> None:
    assert result.get(blocking=True, timeout=60, backoff=1, max_delay=0.001, preserve=True)


def finished() -> int:
    return int(huey.storage.result_store_size())


def durability() -> str:
    said = {
        name: huey.storage.conn.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    }
    if said["synchronous"] != 2:
        raise RuntimeError(f"not durable: {said}")
    return f"{said['journal_mode']}, synchronous={said['synchronous']}; taken before it runs"
