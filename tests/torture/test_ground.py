"""The ground under the torture gives way as it is told to."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.torture.ground import BENT, Clock
from tests.torture.nemesis import DECK, STOPS, plan

TOLD = "import time; print(time.time(), time.time_ns() / 1e9, flush=True)"


@pytest.mark.parametrize("skew", [0.0, 3600.0, -86_400.0])
def test_the_clock_of_a_process(tmp_path: Path, skew: float) -> None:
    """It is wrong by as much as is said, however it is asked."""
    clock = Clock(tmp_path / "skew")
    clock.set(skew)
    told = subprocess.run(
        [sys.executable, "-c", TOLD], env=os.environ | clock.environ | {"PYTHONPATH": str(BENT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for moment in map(float, told.stdout.split()):
        assert moment - time.time() == pytest.approx(skew, abs=60)


def test_a_plan() -> None:
    """The same seed is the same plan: each kind once before any comes again."""
    first, again = plan(7, DECK), plan(7, DECK)
    kinds = [next(first)[1] for _ in set(DECK)]
    assert [next(again)[1] for _ in set(DECK)] == kinds
    assert set(kinds) == set(DECK)
    assert set(kinds[: len(STOPS)]) == set(STOPS)
