"""Jobs of many slices and of many children in their short form, judged from outside."""

import os
import subprocess
import sys

import pytest

from tests.whole.service import ROOT


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("part", ["journey", "broods"])
def test_long_jobs_keep_their_promises(part: str) -> None:
    """Exact answers, no more done again than a checkpoint's, none left behind by a cancel; the exit
    code is 0 for that alone."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.long", "--short", "--only", part],
        capture_output=True, text=True, timeout=270, cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    print(ran.stdout, ran.stderr)
    assert ran.returncode == 0, ran.stdout
