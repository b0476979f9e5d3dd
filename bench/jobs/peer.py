"""One peer, measured from its own environment: python -m bench.jobs.peer on_huey 10000 200

Leaves figures.json in its folder. Each on_*.py is both the peer's tasks and what this loop asks of
it: `submit() -> handle`, `submit_many(count)`, `wait(handle)`, `finished() -> int`,
`durability()`, `WORKERS`, and `steps(count)` where the peer has durable steps.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.jobs.clock import BATCH, drain, rate, waits
from bench.jobs.processes import end_on_sigterm, running

FOLDER = Path(os.environ["BENCH_FOLDER"])
LOG = FOLDER / "workers.log"
STEPS_AT_MOST = 2000


def main(name: str, jobs: int, samples: int) -> None:
    end_on_sigterm()
    peer: Any = import_module(f"bench.jobs.{name}")
    figures: dict[str, Any] = {"waits": idle(peer, samples), **busy(peer, jobs)}
    if hasattr(peer, "steps"):
        count = min(jobs, STEPS_AT_MOST)
        began = time.perf_counter()
        peer.steps(count)
        figures["step"] = count / (time.perf_counter() - began)
    figures["durability"] = peer.durability()
    (FOLDER / "figures.json").write_text(json.dumps(figures))


def idle(peer: Any, samples: int) -> list[float]:
    with running(peer.WORKERS, LOG):
        for _ in range(10):  # the workers start, and have run something
            peer.wait(peer.submit())
        return waits(samples, lambda: peer.wait(peer.submit()))


def busy(peer: Any, jobs: int) -> dict[str, float]:
    """Half of the jobs submitted one by one, half in batches, all drained."""
    before, half = peer.finished(), jobs // 2 // BATCH * BATCH
    single = rate(half, peer.submit)
    batch = BATCH * rate(half // BATCH, lambda: peer.submit_many(BATCH))
    with running(peer.WORKERS, LOG):
        return {
            "single": single,
            "batch": batch,
            "drain": drain(peer.finished, before, half * 2),
        }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
