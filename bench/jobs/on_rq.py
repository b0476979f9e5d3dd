"""RQ on Redis, by its SimpleWorker: its usual worker forks for each job and is slower still."""

import os
import sys
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue

from bench.jobs.redis_said import persistence

BIN = Path(sys.executable).parent
URL = os.environ["BENCH_REDIS"]
WORKER = (
    *(str(BIN / "rq"), "worker", "--url", f"{URL}/2", "--worker-class", "rq.SimpleWorker"),
    *("--quiet", "--disable-job-desc-logging", "bench"),
)
WORKERS = [WORKER, WORKER]
redis = Redis.from_url(f"{URL}/2")
queue = Queue("bench", connection=redis)


def nothing() -> bool:
    return True


def submit() -> Any:
    return queue.enqueue(nothing, result_ttl=3600)


def submit_many(count: int) -> None:
    queue.enqueue_many([Queue.prepare_data(nothing, result_ttl=3600) for _ in range(count)])


def wait(job: Any) -> None:
    result = job.latest_result(timeout=60)
    assert result is not None
    assert result.return_value is True


def finished() -> int:
    return int(redis.zcard("rq:finished:bench"))


def durability() -> str:
    return persistence(redis)
