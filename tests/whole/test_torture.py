"""The torture in its short form: every kind of fault under load, judged from outside."""

import os
import subprocess
import sys

import pytest

from tests.torture.__main__ import CODES
from tests.whole.service import ROOT

TRIES = 4  # a run in which some kind of fault hit no work tells nothing, and is no success


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_an_accepted_job_survives_whatever_dies() -> None:
    """Nothing is lost, doubled, changed or wrong; the exit code is 0 for that alone."""
    for _ in range(TRIES):
        ran = subprocess.run(
            [sys.executable, "-m", "tests.torture", "--seconds", "15", "--log"],
            capture_output=True, text=True, timeout=390, cwd=ROOT, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        print(ran.stdout, ran.stderr)
        if ran.returncode != CODES["invalid"]:
            break
    assert ran.returncode == 0, ran.stdout
