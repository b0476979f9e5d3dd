"""The brim of the queue."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.ports import Ports
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.engine import Engine
from app.room.errors import Busy
from app.room.job import Ending
from app.room.operation import Registry
from tests.ports.stand_ins import HandClock
from tests.room.fake_workers import Counted


def work(n: int = 0) -> int:
    return n


class Tap:
    """An engine with a low brim, on a store that counts what it is asked."""

    def __init__(self, ports: Ports, most: int) -> None:
        registry, self.clock = Registry(), HandClock()
        registry.operation("tried", long=True)(work)
        self.records = Counted(ports.records)
        self.engine = Engine(registry, replace(ports, records=self.records, clock=self.clock))
        self.engine.acceptance.brim.most = most

    def submit(self, number: int = 1, owner: str = LOCAL.owner) -> None:
        some = [Submission("tried", {"n": n}) for n in range(number)]
        self.engine.submit_all(some, replace(LOCAL, owner=owner))

    def end(self, number: int) -> None:
        claimed = self.engine.claim(number)
        self.engine.settle([(record, Ending("succeeded")) for record in claimed])


@pytest.fixture
def tap(ports: Ports) -> Callable[[int], Tap]:
    return lambda most: Tap(ports, most)


def test_over_the_brim_is_busy(tap: Any) -> None:
    """A batch that does not fit whole is refused whole; another owner has a queue of their own."""
    filled = tap(100)
    filled.submit(99)
    with pytest.raises(Busy, match="100"):
        filled.submit(2)
    filled.submit()
    with pytest.raises(Busy):
        filled.submit()
    filled.submit(50, owner="bob")


def test_it_is_told_when_there_will_be_room(tap: Any) -> None:
    """By how fast the queue has emptied of late; and once there is room, it opens."""
    filled = tap(100)
    filled.submit(100)
    with pytest.raises(Busy) as busy:
        filled.submit()
    assert busy.value.after == 1.0
    filled.end(5)
    filled.clock.sleep(10)
    filled.submit(5)
    with pytest.raises(Busy):
        filled.submit(1)
    filled.end(4)
    filled.clock.sleep(8)
    with pytest.raises(Busy) as busy:
        filled.submit(10)
    assert busy.value.after == 12.0
    filled.submit(4)


def test_who_submits_little_never_counts(tap: Any) -> None:
    """One count for a hundredth of the brim, and one a second of a full queue."""
    filled = tap(1000)
    for _ in range(10):
        filled.submit()
    assert filled.records.counts == 0
    filled.submit(5)
    assert filled.records.counts == 1
    filled.submit(985)
    filled.records.counts = 0
    for number in (1, 500, 1, 500):
        with pytest.raises(Busy):
            filled.submit(number)
    assert filled.records.counts == 0
    filled.clock.sleep(1)
    for number in (1, 500, 1, 500):
        with pytest.raises(Busy):
            filled.submit(number)
    assert filled.records.counts == 1


def test_a_clock_that_is_set_back_keeps_no_queue_full(tap: Any) -> None:
    """What has emptied since is counted a second later, whatever time of day it is."""
    filled = tap(100)
    filled.clock.ahead = 3600.0
    filled.submit(100)
    with pytest.raises(Busy):
        filled.submit()
    filled.end(100)
    filled.clock.ahead = 0.0
    filled.clock.sleep(2)
    filled.submit()
