"""Hostile documents and texts at the command line: an exit code that says what it was, one sentence
on the terminal, and never a traceback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from app.cli import main
from tests.hostile.corpus import MALFORMED, TEXTS, WELL_FORMED
from tests.hostile.place import QUICK

USAGE = 2
SMALL = 2_000
EACH = 4  # of the corpus, whose other documents the same reader reads at every other door
SAID = ("nothing", "half a character", "lines", "escape", "right to left", "5,000 digits", "up",
        "JSON, 900 deep", "a date before all", "a date behind all", "an exponent", "a minus",
        "a quoted string", "10,000 characters")  # fmt: skip
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def data() -> Iterator[str]:
    with TemporaryDirectory(prefix="hostile-", dir=QUICK) as folder:
        yield folder


@pytest.fixture
def run(data: str, capsys: pytest.CaptureFixture[str]) -> Run:

    def run(*arguments: str) -> tuple[int, str]:
        try:
            code = main(["--data", data, *arguments], {})
        except SystemExit as left:  # as argparse leaves
            code = int(str(left.code))
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        # Nothing that came moves the terminal's cursor.
        assert all(character.isprintable() or character in "\n\t" for character in told.err)
        return code, told.err

    assert run("submit", "hello", "name=a")[0] == 0
    return run


def test_what_is_no_document_is_usage(run: Run, tmp_path: Path) -> None:
    """A parameter from a file, a plan of a schedule and the value of a signal."""
    file = tmp_path / "document"
    for name, body in list(MALFORMED.items())[::EACH]:
        if len(body) < SMALL:
            file.write_bytes(body)
            code, told = run("call", "hello", f"name=@{file}")
            assert (name, code) == (name, USAGE)
            assert told.count("\n") <= 3


def test_what_is_one_is_read(run: Run, tmp_path: Path) -> None:
    """The schema says the rest."""
    file = tmp_path / "document"
    for name, body in list(WELL_FORMED.items())[::EACH]:
        if len(body) < SMALL:
            file.write_bytes(body)
            assert run("call", "hello", f"name=@{file}")[0] in (0, 1), name


def test_a_job_for_the_end_of_time_is_shown(run: Run) -> None:
    """However far off it is put, it is made, and listed."""
    for delay in ("3650000d", "5000000d"):
        assert run("submit", "hello", "name=a", f"--delay={delay}")[0] == 0
    assert run("jobs")[0] == 0


@pytest.mark.parametrize(
    "command",
    [("call", "hello", "name={}"), ("call", "hello", "{}"), ("call", "{}"), ("job", "{}"),
     ("cancel", "{}"), ("retry", "{}"), ("jobs", "--status={}"), ("jobs", "--operation={}"),
     ("submit", "hello", "name=a", "--key={}"), ("submit", "hello", "name=a", "--delay={}"),
     ("submit", "hello", "name=a", "--due={}"), ("signal", "job_a", "go", "{}"),
     ("call", "hello", "name=@{}")],
    ids=" ".join,
)  # fmt: skip
def test_a_text_is_taken_or_refused(run: Run, command: tuple[str, ...]) -> None:
    """Done, no, or usage: never anything else."""
    for name in SAID:
        code, told = run(*(each.replace("{}", TEXTS[name]) for each in command))
        assert code in (0, 1, USAGE, 4), name
        assert code == 0 or told, name
