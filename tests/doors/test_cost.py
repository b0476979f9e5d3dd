"""What comes from outside costs no more than its length: where a reader takes the square of it, one
request stands for an hour of everybody's."""

import time
from collections.abc import Callable

import pytest

from app.config import Settings
from app.room.enter import Room
from app.room.trigger import Upload
from app.wsgi import create_app

LONG = 100_000  # characters; a head may have more
ENOUGH = 5.0  # seconds; each takes milliseconds, and took minutes


def within(work: Callable[[], object]) -> None:
    began = time.monotonic()
    work()
    assert time.monotonic() - began < ENOUGH


@pytest.mark.parametrize(
    "cookie",
    [
        'manydoors_session="' + "\\" * LONG + '"',
        'manydoors_session="' + "\\0" * (LONG // 2),
        "manydoors_session=" + "; " * (LONG // 2),
        "manydoors_session;" * (LONG // 18),
    ],
    ids=["backslashes", "escapes", "separators", "names"],
)
def test_a_cookie(room: Room, cookie: str) -> None:
    """A header of cookies is read once, from left to right, before anybody is known."""
    client = create_app(room, Settings(log_level="ERROR")).test_client()
    within(lambda: client.get("/v1/jobs", headers={"Cookie": cookie}))


@pytest.mark.parametrize("glob", ["*a*a*a*a*.jpg", "**/**/**/**/x.jpg", "**a**a**a**/*.jpg"])
def test_the_name_of_a_file(glob: str) -> None:
    """One that nearly fits a glob in many ways: of the longest that a file may have."""
    within(lambda: [Upload(glob).fits(name * 500) for name in ("aa", "a/", "/a")])
