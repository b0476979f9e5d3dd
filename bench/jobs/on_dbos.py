"""DBOS on SQLite: a workflow a job, and as many durable steps in workflows of a hundred.

Its queue is asked each 10 ms instead of each second, and a worker takes at most a hundred at once
instead of all that there is: both are faster so.
"""

import os
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig

FOLDER = Path(os.environ["BENCH_FOLDER"])
URL = f"sqlite:///{FOLDER / 'dbos.db'}"
QUEUE, STEPS = "bench", 100
WORKERS = [(sys.executable, "-m", "bench.jobs.on_dbos", f"worker-{n}") for n in range(2)]


@DBOS.workflow(name="nothing")
def nothing() -> bool:
    return True


@DBOS.step(name="step")
def step(number: int) -> int:
    return number


@DBOS.workflow(name="walk")
def walk(count: int) -> int:
    return sum(step(number) for number in range(count))


def launch(executor: str) -> None:
    config: DBOSConfig = {
        "name": "bench",
        "system_database_url": URL,
        "log_level": "ERROR",
        "executor_id": executor,
        "application_version": "1",
    }
    DBOS(config=config)
    DBOS.launch()


def prepare() -> DBOSClient:
    """The tables, the queue, and a client that runs nothing itself."""
    launch("bench")
    DBOS.register_queue(QUEUE, worker_concurrency=100, polling_interval_sec=0.01)
    DBOS.destroy()
    return DBOSClient(system_database_url=URL)


def work(executor: str) -> None:
    launch(executor)
    threading.Event().wait()


if __name__ == "__main__":
    work(sys.argv[1])
else:
    client: Any = prepare()
    options: Any = {"workflow_name": "nothing", "queue_name": QUEUE, "app_version": "1"}


def submit() -> Any:
    return client.enqueue(options)


def submit_many(count: int) -> None:
    with client._sys_db.engine.begin() as connection:
        for _ in range(count):
            client.enqueue_in_transaction(connection, options)


def wait(handle: Any) -> None:
    assert handle.get_result(polling_interval_sec=0.001)


def finished() -> int:
    return int(_ask("SELECT count(*) FROM workflow_status WHERE status = 'SUCCESS'"))


def steps(count: int) -> None:
    launch("bench")
    for _ in range(count // STEPS):
        walk(STEPS)
    DBOS.destroy()


def durability() -> str:
    with client._sys_db.engine.connect() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        }
    if said["synchronous"] != 2:
        raise RuntimeError(f"not durable: {said}")
    return f"{said['journal_mode']}, synchronous={said['synchronous']}"


def _ask(statement: str) -> Any:
    database = sqlite3.connect(FOLDER / "dbos.db", timeout=30)
    try:
        return database.execute(statement).fetchone()[0]
    finally:
        database.close()
