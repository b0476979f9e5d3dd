"""Text at a terminal: it fits, and it does no harm."""

import json

import pytest

from app.terminal.text import as_json, clock_time, counted, fitted, span, width_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0, "0 s"),
        (0.1234, "0.12 s"),
        (1.25, "1.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86399, "23 h 59 min"),
        (86400, "1 d"),
        (100 * 86400 + 7200, "100 d 2 h"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0:00"), (7, "0:07"), (750, "12:30"), (3723, "1:02:03")]
)
def test_a_clock_shows(seconds, text):
    assert clock_time(seconds) == text


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("画画", 3, "画…"),
        ("abc", 0, ""),
        ("a\u0301b", 2, "a\u0301b"),
    ],
)
def test_what_is_cut_off_leaves_an_ellipsis(text, width, shown):
    assert fitted(text, width) == shown
    assert width_of(shown) <= width


@pytest.mark.parametrize(
    "text", ["a\x1b[31m", "\x9b31m", "\x7f", "\u202eabc", "\U000e0041", "Käthe"]
)
def test_json_for_a_terminal_is_the_same_json(text):
    """Whatever would move the cursor is escaped as JSON escapes."""
    shown = as_json({"text": text})
    assert shown.isprintable()
    assert json.loads(shown) == {"text": text}


def test_numbers_are_never_in_powers_of_ten():
    assert [counted(n) for n in (3, 3.0, 0.25, 12345678)] == ["3", "3", "0.2", "12345678"]
