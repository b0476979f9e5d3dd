"""Limits on DynamoDB: places and turns over its transactions, and what they cost."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from app.ports import Record
from app.ports.aws.records import AwsRecords
from app.ports.local.clock import SystemClock, Ulids
from app.room.call import LOCAL, Call
from app.room.engine import Engine
from app.room.job import Ending
from app.room.operation import Registry
from app.testing import Testing
from tests.engines import dynamo as engine
from tests.room.fake_workers import Crowd
from tests.room.lane_books import check_books, listed

pytestmark = pytest.mark.engine


class Meter:
    """What was asked of the store, by verb."""

    def __init__(self) -> None:
        self.verbs: Counter[str] = Counter()

    def add(self, verb: str, answer: dict[str, Any]) -> None:
        self.verbs[verb] += 1


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def service(dynamo: str, meter: Meter) -> Iterator[Testing]:
    name = f"table-{uuid.uuid4().hex}"
    engine.make_table(dynamo, name)
    records = AwsRecords(name, url=dynamo, trace=meter.add)
    with Testing(Registry(), records=records) as made:
        yield made
    records.close()


def work(n: int = 0) -> int:
    return n


def test_places_and_turns(service: Testing) -> None:
    """A limit, a rate, keys, a cancelled job and a crashed one: all end, with empty books."""
    operation = service.room.registry.operation
    operation("limited", long=True, concurrency=2, key="n", retries=2)(work)
    operation("paced", long=True, rate="2/s")(work)
    crowd = Crowd(service)
    jobs = [service.submit("limited", n=n % 2) for n in range(8)]
    jobs += [service.submit("paced", n=n) for n in range(5)]
    crowd.claim_all()
    assert Counter(each.body["operation"] for each in crowd.running) == {"limited": 4, "paced": 2}
    check_books(service.room.ports.records)
    service.cancel(jobs[7])
    crowd.running.pop(0)  # it crashed
    for _ in range(6):
        crowd.drain()
        check_books(service.room.ports.records)
        service.advance(5)
    ended = [service.job(id)["status"] for id in jobs]
    assert Counter(ended) == {"succeeded": 12, "cancelled": 1}
    assert listed(service.room.ports.records, "parked") == []


def test_many_workers_at_one_lane(service: Testing) -> None:
    """Eight threads, each an engine of its own, at a lane of three: never more run at once."""
    room = service.room
    room.registry.operation("tried", long=True, concurrency=3)(work)
    room.enter_all([Call("tried", {"n": n}, asynchronous=True) for n in range(40)])
    ports = replace(room.ports, clock=SystemClock(), new_id=Ulids())
    running: set[str] = set()
    seen: list[int] = []

    def worker(_: int) -> None:
        own = Engine(room.registry, ports)
        idle = 0
        while idle < 40:
            claimed: list[Record] = own.claim()
            idle = 0 if claimed else idle + 1
            for record in claimed:
                running.add(record.id)
                seen.append(len(running))
                time.sleep(0.01)  # it runs
                seen.append(len(running))
                running.discard(record.id)
                own.settle([(record, Ending("succeeded", result=1))])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(worker, range(8)))
    assert max(seen) <= 3
    assert {job["status"] for job in service.jobs()} == {"succeeded"}
    assert len(room.engine.list(LOCAL, status="succeeded", limit=100).items) == 40
    check_books(room.ports.records)


def test_what_a_job_costs(service: Testing, meter: Meter) -> None:
    """Requests of a job that finds its place, and of one that waits for it; the same job without a
    limit asks for none of that."""
    operation, crowd = service.room.registry.operation, Crowd(service)
    service.room.engine.settlement.tally = None
    operation("limited", long=True, concurrency=1)(work)
    operation("free", long=True)(work)
    for name in ("limited", "free"):  # the first tell of their priority
        service.submit(name)
        crowd.drain()
    service.room.engine.flow._look_at = service.clock.now() + 30

    def asked(act: Any) -> dict[str, int]:
        meter.verbs.clear()
        act()
        return dict(meter.verbs)

    def run(name: str) -> None:
        service.submit(name)
        crowd.claim()
        crowd.end(crowd.running[0])

    claim = {"get_item": 1, "query": 1, "update_item": 1}
    assert asked(lambda: run("free")) == claim | {"put_item": 2}
    # The lane is read and written at the admission and at the end.
    assert asked(lambda: run("limited")) == claim | {
        "put_item": 1, "get_item": 3, "transact_write_items": 2,
    }  # fmt: skip
    service.submit("limited")
    crowd.claim()
    service.submit("limited")
    parked = asked(crowd.claim)
    called = asked(lambda: crowd.end(crowd.running[0]))
    assert parked["transact_write_items"] == called["transact_write_items"] == 1
    assert sum(parked.values()) <= 11  # it looks once more for something to run
    assert sum(called.values()) <= 5
