"""A trigger is checked as it is made, and told with the line that made it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.room.errors import BadOperation
from app.room.trigger import Cron, Every, Queue, Stream, Topic, Trigger, Upload, described

GOOD = {
    Cron("0 3 * * *"): {"type": "cron", "line": "0 3 * * *", "tz": "UTC"},
    Cron("*/5 9-17 * jan mon", tz="Europe/Berlin"): {
        "type": "cron",
        "line": "*/5 9-17 * jan mon",
        "tz": "Europe/Berlin",
    },
    Cron("0 0 29 2 *"): {"type": "cron", "line": "0 0 29 2 *", "tz": "UTC"},
    Every("1h"): {"type": "every", "interval": "1h"},
    Every(1): {"type": "every", "interval": 1},
    Upload("pics/*.jpg"): {"type": "upload", "name": "pics/*.jpg"},
    Topic("news"): {"type": "topic", "name": "news"},
    Queue("o" * 128): {"type": "queue", "name": "o" * 128},
    Stream("cats"): {"type": "stream", "name": "cats"},
}


@pytest.mark.parametrize("trigger", GOOD, ids=repr)
def test_says_what_it_is(trigger):
    """A trigger is a value, and reads as JSON can say it."""
    assert isinstance(trigger, Trigger)
    assert described(trigger) == GOOD[trigger]
    assert trigger == type(trigger)(**vars(trigger))


BAD = [
    *[(Cron, line) for line in ("", "0 3 * *", "0 3 * * * *", "@daily", "61 * * * *", None, 5)],
    *[(Cron, line) for line in ("a b c d e", "0 0 31 2 *", ["0", "3", "*", "*", "*"])],
    *[(Every, interval) for interval in (0, "0s", "999ms", -5, "hourly", None, True, [], 10**400)],
    *[(kind, name) for kind in (Upload, Topic, Queue, Stream) for name in ("", "x" * 129, None, 3)],
]


@pytest.mark.parametrize(("kind", "value"), BAD, ids=lambda part: str(part)[:30] or "empty")
def test_refuses(kind, value):
    """What can never come due, or comes from nowhere, is told with this file and line."""
    with pytest.raises(BadOperation) as told:
        kind(value)
    assert re.match(rf"{re.escape(__file__)}:\d+: {kind.__name__}\(", str(told.value))


@pytest.mark.parametrize("tz", ["", "Mars/Phobos", "Europe", "../etc/passwd", "UTC\0", None, 2])
def test_refuses_a_zone(tz):
    """A zone that there is not is told, whatever it does to a file system."""
    with pytest.raises(BadOperation, match="no such zone"):
        Cron("0 3 * * *", tz=tz)


@pytest.mark.parametrize(
    ("glob", "name", "fits"),
    [
        ("pics/*.jpg", "pics/a.jpg", True),
        ("pics/*.jpg", "pics/a b,ü.jpg", True),
        ("pics/*.jpg", "pics/2026/a.jpg", False),
        ("pics/*.jpg", "more/pics/a.jpg", False),
        ("pics/*.jpg", "pics/a.jpg\n", False),
        ("pics/**/*.jpg", "pics/a.jpg", True),
        ("pics/**/*.jpg", "pics/2026/11/a.jpg", True),
        ("**", "any/thing", True),
        ("a?.txt", "ab.txt", True),
        ("a?.txt", "a/.txt", False),
        ("a[1].txt", "a[1].txt", True),
        ("a[1].txt", "a1.txt", False),
    ],
)
def test_an_uploads_name_fits_a_glob(glob: str, name: str, fits: bool) -> None:
    """A star stands for no slash, two for any; nothing else is special."""
    assert Upload(glob).fits(name) is fits


WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@given(
    st.lists(st.sampled_from([*WILD, "a", "b", "/", ".", "\n"]), min_size=1, max_size=6),
    st.text("ab/.\n", max_size=8),
)
def test_globs_by_hand(parts: list[str], name: str) -> None:
    """The same as a regular expression finds, which may take far longer."""
    glob = "".join(parts)
    read = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    pattern = "".join(WILD.get(part) or re.escape(part) for part in read)
    assert Upload(glob).fits(name) is (re.fullmatch(pattern, name, re.DOTALL) is not None)
