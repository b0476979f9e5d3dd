"""Every write of a lane's life fails in turn, by a death of all processes or an answer lost."""

from contextlib import suppress
from typing import Any

import pytest

from app.room.call import LOCAL, Call
from app.room.engine import Engine
from app.room.errors import Unavailable
from app.room.job import Ending, Error, Wait
from app.room.operation import Registry
from app.testing import Testing
from tests.room.fake_workers import Counted, Crowd, Died
from tests.room.lane_books import check_books
from tests.room.memory import stored_in_memory

LIMIT = 2
OPTIONS: dict[str, dict[str, Any]] = {
    "concurrency": {"concurrency": LIMIT},
    "rate": {"rate": "2/s"},
    "both": {"concurrency": LIMIT, "rate": "3/s"},
}


def work(n: int = 0) -> int:
    return n


class Life:
    """Jobs of one lane, from their submission to their end, with all that may come between."""

    def __init__(self, service: Testing) -> None:
        self.service, self.crowd = service, Crowd(service)

    def live(self) -> None:
        service, crowd = self.service, self.crowd
        service.room.enter_all([Call("tried", {"n": n}, asynchronous=True) for n in range(7)])
        jobs = [each["id"] for each in service.jobs()]
        crowd.claim_all()
        service.cancel(jobs[3])
        self.end(Ending("succeeded", result=1))
        service.cancel(jobs[2])
        crowd.claim(3)
        self.end(Ending("failed", error=Error("internal", "boom", after=5.0)))
        service.advance(1)
        crowd.claim_all()
        self.end(Ending("waiting", wait=Wait("sleep", until=service.clock.now() + 3)))
        self.end(Ending("continued"))
        service.advance(1)
        crowd.claim_all()
        self.end(Ending("succeeded", result=1), Ending("succeeded", result=1))

    def end(self, *endings: Ending) -> None:
        crowd = self.crowd
        some = list(zip(crowd.running, endings, strict=False))
        del crowd.running[: len(some)]  # what they ran is over, whatever comes of it
        self.service.room.engine.settle(some)

    def outlive(self) -> None:
        """All processes are new; nobody knows of anything but the store."""
        room = self.service.room
        room.engine = Engine(room.registry, room.ports, room.engine.lease)
        self.crowd.running.clear()

    def finish(self) -> None:
        for _ in range(60):
            self.crowd.drain()
            check_books(self.service.room.ports.records)
            if all(job["finished_at"] for job in self.service.jobs()):
                return
            self.service.advance(7)
        raise AssertionError(self.service.jobs())


def lived(kind: str, number: int, when: str, fault: type[BaseException]) -> bool:
    """Was there a write of that number?"""
    with stored_in_memory() as inner:
        records = Counted(inner)
        records.fault = (number, when, fault)
        with Testing(Registry(), records=records) as service:
            service.room.registry.operation("tried", long=True, retries=9, **OPTIONS[kind])(work)
            life = Life(service)
            with suppress(Died, Unavailable):
                life.live()
            hit, records.fault = records.writes >= number, None
            if fault is Died or not hit:
                life.outlive()
            check_books(records)
            life.finish()
            assert life.crowd.most <= (LIMIT if kind != "rate" else 7)
            ended = [job["status"] for job in service.jobs()]
            assert set(ended) <= {"succeeded", "cancelled"}
            assert ended.count("cancelled") <= 2
            assert service.room.engine.list(LOCAL, status="queued").items == ()
            left = inner.get("lanes", "tried")
            assert left is None or not (left.body["holders"] or left.body["turns"])
            assert left is None or kind != "concurrency"
        return hit


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", [Died, Unavailable])
@pytest.mark.parametrize("kind", sorted(OPTIONS))
def test_any_write_may_be_the_last(kind: str, fault: type[BaseException], when: str) -> None:
    """Whichever write fails, and whether it landed or not: the books agree, the limit holds, and
    every job comes to its end."""
    number = 1
    while lived(kind, number, when, fault):
        number += 1
    assert number > 20
