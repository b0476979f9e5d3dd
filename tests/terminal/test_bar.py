"""The bar of a job: pure, so each case is a row."""

import pytest

from app.terminal.bar import Look, Pace, bar
from app.terminal.text import width_of

HALF = Look("running", 1, 50, 100, "drawing", 10.0, 5.0)


@pytest.mark.parametrize(
    ("look", "width", "line"),
    [
        (Look("queued", elapsed=7.0), 80, "queued  0:07"),
        (Look("running", 1, elapsed=3723.0), 80, "running  1:02:03"),
        (Look("running", 2, 12, None, "", None, 3.0), 80, "running (attempt 2)  12"),
        (Look("running", 1, 12, 0, "odd", None, 3.0), 80, "running  12  odd"),
        (HALF, 30, "running  50/100  10.0/s  0:05~"),
        (HALF, 53, "running  [####----]   50%  50/100  10.0/s  0:05 left"),
        (HALF, 59, "running  [####----]   50%  50/100  10.0/s  0:05 left  draw~"),
        (HALF, 66, "running  [######-------]   50%  50/100  10.0/s  0:05 left  drawing"),
        (Look("waiting", 1, 1, 2, "", 10.0), 40, "waiting  [########--------]   50%  1/2"),
        (Look("running", 1, 3, 2), 40, "running  [################]  100%  3/2"),
        (Look("running", 1, -5, 2), 40, "running  [---------------]    0%  -5/2"),
        (Look("running", 1, 0.5, 1), 40, "running  [#######-------]   50%  0.5/1"),
        (Look("\x1b[2J", 1, note="\x1b]0;x\x07"), 80, "\\x1b[2J  0:00  \\x1b]0;x\\x07"),
    ],
)
def test_what_a_bar_shows(look, width, line):
    """Status, part, numbers, rate, remaining time, note: as far as there is room."""
    assert bar(look, width, plain=True) == line


def test_the_bar_has_blocks_where_the_terminal_can_show_them():
    """Plain is for terminals without UTF-8."""
    assert "█░" in bar(HALF, 80)
    assert bar(Look("running", 1, note="Käse"), 80, plain=True).isascii()


@pytest.mark.parametrize("width", range(1, 120))
def test_a_bar_is_never_wider_than_the_terminal(width):
    """Nor when its note is of characters that take two columns."""
    assert width_of(bar(HALF, width)) <= width
    wide = Look("running", 1, 1, 3, "画" * 80, 1.0, 1.0)
    assert width_of(bar(wide, width)) <= width


def paced(*looks: tuple[float, float]) -> Pace:
    pace = Pace()
    for now, done in looks:
        pace = pace.after(now, done)
    return pace


@pytest.mark.parametrize(
    ("looks", "rate"),
    [
        ([], None),
        ([(0, 10)], None),
        ([(0, 10), (2, 30)], 10.0),
        ([(0, 10), (0, 30)], None),
        ([(0, 10), (5, 10)], None),
        ([(0, 0), (100, 10), (102, 30)], 10.0),  # it slept: what is long ago does not count
        ([(0, 50), (1, 60), (2, 5), (4, 9)], 2.0),  # a new attempt began before it
    ],
)
def test_a_rate_is_that_of_late(looks, rate):
    """Of the last half minute, and only of going forwards."""
    assert paced(*looks).rate() == rate


def test_the_remaining_time_is_what_is_left_at_that_rate():
    """And shown only while it runs."""
    assert "1:30 left" in bar(Look("running", 1, 10, 100, "", 1.0), 80)
    assert "left" not in bar(Look("waiting", 1, 10, 100, "", 1.0), 80)
    assert "30.0/min" in bar(Look("running", 1, 10, 100, "", 0.5), 80)
