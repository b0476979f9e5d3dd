"""Celery on Redis, told to lose nothing: acknowledged when done, given back when a worker dies."""

import os
import sys
from pathlib import Path
from typing import Any

from celery import Celery, group
from redis import Redis

from bench.jobs.redis_said import persistence

BIN = Path(sys.executable).parent
URL = os.environ["BENCH_REDIS"]
# A database of their own for the results, so that their number is its size.
app = Celery("bench", broker=f"{URL}/0", backend=f"{URL}/1")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)
WORKERS = [
    (
        *(str(BIN / "celery"), "--app", "bench.jobs.on_celery", "worker", "--loglevel", "ERROR"),
        *("--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle"),
    )
]
results = Redis.from_url(f"{URL}/1")


@app.task
def nothing() -> bool:
    return True


def submit() -> Any:
    return nothing.delay()


def submit_many(count: int) -> None:
    """A group goes to the broker one message after the other."""
    group(nothing.s() for _ in range(count)).apply_async()


def wait(result: Any) -> None:
    assert result.get(timeout=60, interval=0.001)


def finished() -> int:
    return int(results.dbsize())


def durability() -> str:
    return persistence(results) + "; acks_late"
