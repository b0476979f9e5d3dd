"""The documentation's code: Python runs, and what a terminal shows is what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole.service import Service

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNNER = """
import sys
from pathlib import Path
from app import operation, wiring
from app.config import Settings
from app.room.records import opened
import app.operations

ports = wiring.make_ports(Settings(data=Path(sys.argv[1])))
with opened(ports):
    exec(compile(sys.stdin.read(), sys.argv[2], "exec"), {"__name__": "documentation"})
"""


def blocks(document: Path, language: str) -> Iterator[tuple[int, str]]:
    text = document.read_text()
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield text[: match.start()].count("\n") + 2, match[1]


def python_blocks() -> Iterator[object]:
    shown_whole = (ROOT / "app/operations/hello.py").read_text()
    for document in DOCUMENTS:
        for line, code in blocks(document, "python"):
            if code != shown_whole:
                yield pytest.param(document, line, code, id=f"{document.name}:{line}")


def commands() -> Iterator[tuple[Path, int, str, str]]:
    for document in DOCUMENTS:
        for line, block in blocks(document, "console"):
            for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
                yield document, line, command, output


@pytest.mark.parametrize(("document", "line", "code"), [*python_blocks()])
def test_python_runs(document: Path, line: int, code: str, tmp_path: Path) -> None:
    """Each block runs as it stands, with the store open."""
    where = f"{document.name}:{line}"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUNNER, str(tmp_path), where],
        input=code, capture_output=True, text=True, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_the_first_example_is_the_file_it_says() -> None:
    """The README shows app/operations/hello.py whole."""
    shown = [code for _, code in blocks(ROOT / "README.md", "python")]
    assert (ROOT / "app/operations/hello.py").read_text() in shown


def test_terminals_show_what_they_say(service: Service, tmp_path: Path) -> None:
    """Each command, in the order of the documents, prints what stands below it."""
    told = list(commands())
    assert len(told) > 8
    for document, line, command, output in told:
        here = command.replace("localhost:8000", service.address)
        here = here.replace(".venv/bin/python", sys.executable)
        ran = subprocess.run(
            ["/bin/sh", "-c", here], capture_output=True, text=True, cwd=ROOT,
            env=service.environ, timeout=60,
        )  # fmt: skip
        assert ran.stdout.rstrip("\n") == output.rstrip("\n"), f"{document.name}:{line}: {command}"
