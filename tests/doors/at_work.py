"""Workers for tests of doors: the jobs of a room, run here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.room.boundary import Control
from app.room.enter import Room


def work(room: Room) -> int:
    """Runs what is due now; says how many runs that were."""
    runs = 0
    while claimed := room.engine.claim(10):
        for record in claimed:
            room.engine.settle([(record, room.engine.execute(record, Control()))])
            runs += 1
    return runs


@contextmanager
def worker(room: Room) -> Iterator[None]:
    """One that works whenever somebody sleeps, so that no thread races with a test's clock."""
    clock: Any = room.ports.clock
    sleep = clock.sleep

    def working(seconds: float) -> None:
        work(room)
        sleep(seconds)

    clock.sleep = working
    try:
        yield
    finally:
        clock.sleep = sleep
