"""Durations are written in one way everywhere."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.room.duration import DURATION, seconds


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[("500ms", 0.5), ("90s", 90.0), ("15m", 900.0), ("2h", 7200.0), ("7d", 604_800.0)],
        *[("1.5h", 5400.0), ("0s", 0.0), ("007s", 7.0), (0, 0.0), (1, 1.0), (0.25, 0.25)],
        ("999999999d", 999_999_999 * 86_400.0),
    ],
)
def test_reads(written, read):
    """A number and a unit, or a number of seconds."""
    assert seconds(written) == read
    assert type(seconds(written)) is float


@pytest.mark.parametrize(
    "written",
    [
        *["", "s", "1", "1 s", " 1s", "1s ", "1s\n", "-1s", "+1s", "1S", "1sec", "1w", "1h30m"],
        *["1e3s", ".5s", "1.s", "1,5s", "٣s", "1_000s", "1000000000s", "0.1234567s", "inf", "nans"],
        *[-1, -0.1, float("nan"), float("inf"), 10**400, True, False, None, [], b"1s"],
        *[Decimal(1), 1j],
    ],
    ids=lambda written: repr(written)[:30],
)
def test_refuses(written):
    """Everything else is a ValueError that says how it is written."""
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(written)


@given(st.from_regex(DURATION) | st.text("0123456789.smhd\n", max_size=12))
def test_the_published_pattern_is_the_rule(text):
    """What the schemas' pattern takes is what the reader takes."""
    published = re.search(DURATION.replace("$", r"\Z"), text)
    try:
        assert seconds(text) >= 0
        assert published
    except ValueError:
        assert not published
