"""Schemathesis against what /openapi.json promises, on the operations that people meet first."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole.service import Service

EXAMPLES = 80  # of each documented operation, beside what its phases enumerate
FEWEST = 2000  # cases in all
SEED = 20261121


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_finds_nothing(service: Service, tmp_path: Path) -> None:
    """All checks, valid and invalid data, links followed: each answer is one that is promised."""
    command = Path(sys.executable).with_name("schemathesis")
    ran = subprocess.run(
        [
            command, "run", f"{service.url}/openapi.json", "--checks", "all", "--mode", "all",
            "--max-examples", str(EXAMPLES), "--seed", str(SEED), "--no-color",
            "--generation-database", "none", "--continue-on-failure",
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=500,
    )  # fmt: skip
    print(ran.stdout[-6000:])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    cases = re.search(r"(\d+) generated", ran.stdout)
    assert cases
    assert int(cases[1]) >= FEWEST
