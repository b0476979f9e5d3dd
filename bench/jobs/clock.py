"""How every subject of the comparison is timed, ours and the peers' alike."""

import random
import statistics
import time
from collections.abc import Callable

BATCH = 100
PAUSE_SECONDS = 0.1  # at most, between two jobs of an idle service
LOOK_SECONDS = 0.05
DRAIN_SECONDS = 600  # a drain that takes longer is broken
WARM = 0.02  # of the jobs: by then all workers have started


def rate(times: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - began)


def waits(samples: int, job: Callable[[], object]) -> list[float]:
    """Milliseconds that one job took from submit to done, each after a moment of nothing to do."""
    chance = random.Random(1)
    found = []
    for _ in range(samples):
        time.sleep(chance.uniform(0, PAUSE_SECONDS))
        began = time.perf_counter()
        job()
        found.append((time.perf_counter() - began) * 1000)
    return found


def drain(finished: Callable[[], int], before: int, jobs: int) -> float:
    """Jobs a second until all `jobs` have a result, not counting how long the workers started."""
    until = time.perf_counter() + DRAIN_SECONDS
    first: tuple[float, int] | None = None
    while time.perf_counter() < until:
        done, now = finished() - before, time.perf_counter()
        if done > jobs:
            raise RuntimeError(f"{done} results of {jobs} jobs")
        if first is None and done >= jobs * WARM:
            first = (now, done)
        if done == jobs:
            began, ahead = first or (now, 0)
            if ahead == jobs:
                raise RuntimeError(f"{jobs} jobs are too few to time a drain")
            return (jobs - ahead) / (now - began)
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"{finished() - before} of {jobs} jobs done after {DRAIN_SECONDS} s")


def middle(values: list[float]) -> float:
    return statistics.median(values)
