"""The torture in its short form: every kind of fault under load, judged from outside."""

import os
import subprocess
import sys

import pytest

from tests.whole.service import ROOT


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_accepted_job_survives_whatever_dies() -> None:
    """Nothing is lost, doubled, changed or wrong; the exit code is 0 for that alone."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--seconds", "15", "--log"],
        capture_output=True, text=True, timeout=390, cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    print(ran.stdout, ran.stderr)
    assert ran.returncode == 0, ran.stdout
