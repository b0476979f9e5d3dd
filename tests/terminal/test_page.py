"""Jobs in a table: as wide as the terminal, and coloured only where somebody sees it."""

from io import StringIO

import pytest

from app.terminal.page import table
from app.terminal.text import paint_for, painted, unpainted, width_of

ROOT, CHILD = "job_" + "0" * 26, "job_" + "0" * 26 + "-" + "a" * 16 + "-00000001"
NOW = 1_000_000_000.0


def job(**changed):
    when = "2001-09-09T01:00:00Z"
    known = {
        "id": ROOT, "operation": "cats.sheet", "status": "succeeded",
        "progress": {"done": 164, "total": 400, "note": ""}, "created_at": when,
        "started_at": when, "finished_at": "2001-09-09T01:03:20Z",
    }  # fmt: skip
    return known | changed


def rows(*jobs, **how):
    return list(table(jobs, NOW, **how))


def test_a_pipe_gets_all_of_it():
    """Every column, and names whole, however long."""
    name = "a.very." + "long" * 30
    heading, line = rows(job(operation=name))
    assert heading.split() == "ID OPERATION STATUS PROGRESS AGE DURATION".split()
    assert line.split()[1] == name
    assert "46 min 40 s" in line
    assert rows() == []


@pytest.mark.parametrize("width", [60, 69, 70, 79, 99, 120, 200])
@pytest.mark.parametrize("name", ["hello", "cats.sheet", "warehouse.inventory.reconcile.nightly"])
def test_a_terminal_gets_lines_that_fit(width, name):
    """Ids and statuses whole; names cut, and columns spared, where there is no room."""
    heading, *lines = rows(job(operation=name), job(status="running"), width=width)
    assert all(width_of(line) <= width for line in (heading, *lines))
    for line, status in zip(lines, ("succeeded", "running"), strict=True):
        assert line.startswith(ROOT)
        assert status in line
    assert lines[1].split()[1] == "cats.sheet"
    if width >= 79:
        assert lines[0].split()[1].startswith(name[:12])
        assert "164/400" in lines[0]
    if width >= 120:
        assert name in lines[0]
        assert "DURATION" in heading


def test_an_empty_column_is_spared_first():
    """A list of jobs without progress shows how long they took."""
    heading, line = rows(job(progress=None), width=79)
    assert heading.split() == ["ID", "OPERATION", "STATUS", "AGE", "DURATION"]
    assert "3 min 20 s" in line


def test_an_id_is_never_cut():
    """It is there to be copied, even where the line is too long then."""
    assert rows(job(id=CHILD), width=60)[1].split()[0] == CHILD


def test_colours_are_beside_the_text():
    """A line without them is the line that a pipe gets, and stands as straight."""
    plain = rows(job(), job(status="failed"), width=100)
    coloured = rows(job(), job(status="failed"), width=100, paint=painted)
    assert "\x1b[31mfailed\x1b[0m" in coloured[2]
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[0m"):
        coloured = [line.replace(code, "") for line in coloured]
    assert coloured == plain


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "paint"),
    [
        (Terminal(), {}, painted),
        (Terminal(), {"NO_COLOR": ""}, painted),
        (Terminal(), {"NO_COLOR": "1"}, unpainted),
        (Terminal(), {"TERM": "dumb"}, unpainted),
        (StringIO(), {}, unpainted),
    ],
)
def test_who_gets_colours(stream, environ, paint):
    """Terminals that have them, of people who want them."""
    assert paint_for(stream, environ) is paint
