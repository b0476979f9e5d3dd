"""Operations that stand on packages which are not always there."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TELL = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None  # as if it were not installed
from app.room.operation import REGISTRY
import app.operations
print(*(operation.name for operation in REGISTRY))
print(*({"duckdb", "PIL"} & {name for name in sys.modules if sys.modules[name]}))
"""


def told(*absent: str) -> tuple[set[str], str]:
    ran = subprocess.run(
        [sys.executable, "-c", TELL, *absent],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
    )  # fmt: skip
    names, loaded = ran.stdout.split("\n")[:2]
    return set(names.split()), loaded


def test_what_is_missing_takes_its_operations_with_it_and_no_others() -> None:
    bare, _ = told("duckdb", "PIL")
    assert "cats.speak" in bare
    assert not bare & {"data.query", "data.profile", "cats.picture", "cats.pics", "cats.sheet"}


@pytest.mark.parametrize(("absent", "there"), [("PIL", "data.query"), ("duckdb", "cats.picture")])
def test_each_stands_alone(need, absent: str, there: str) -> None:
    need("duckdb" if absent == "PIL" else "PIL")
    assert there in told(absent)[0]


def test_declaring_loads_neither(need) -> None:
    """Who never asks a table or draws a picture pays nothing for it."""
    need("duckdb")
    need("PIL")
    names, loaded = told()
    assert {"data.query", "cats.picture"} <= names
    assert loaded == ""
