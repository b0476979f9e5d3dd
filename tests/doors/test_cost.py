"""What comes from outside costs no more than its length: where a reader takes the square of it, one
request stands for an hour of everybody's."""

import time
from collections.abc import Callable

import pytest

from app.config import Settings
from app.room.enter import Room
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
