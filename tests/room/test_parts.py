"""The parts of a room are made when they are asked for, and once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.room.enter import Room

PARTS = ("claims", "engine", "shelf", "calendar")


@pytest.mark.parametrize("part", PARTS)
def test_who_comes_at_once_gets_the_same(room: Room, part: str) -> None:
    all_there = Barrier(8)

    def ask(_: int) -> object:
        all_there.wait()
        return getattr(room, part)

    assert part not in vars(room)
    with ThreadPoolExecutor(8) as threads:
        assert len({id(found) for found in threads.map(ask, range(8))}) == 1
    assert getattr(room, part) is vars(room)[part]
