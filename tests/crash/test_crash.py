"""A sample of the points at which `python -m tests.crash` breaks a life of jobs."""

import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.crash.injected import points, tried

SAMPLE = 20


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_life_that_is_broken(require: Callable[[object, str], None]) -> None:
    """Killed, failed or out of space at any write: what was acknowledged is there, and every job
    ends with one result."""
    require(shutil.which("strace"), "strace is not installed")
    found = points()
    assert len(found) > 1000
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        told = [*pool.map(tried, found[:: len(found) // SAMPLE])]
    assert [(str(one.point), one.wrong) for one in told if one.wrong] == []
    assert sum(one.reached for one in told) >= SAMPLE - 1
