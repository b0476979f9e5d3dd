"""Tallies: what ends counts once, in the commit that ends it."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import Refused, Run
from app.ports import Delete, Ports, Put
from app.room import job
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL, Caller
from app.room.engine import Engine
from app.room.job import Ending
from app.room.operation import Registry
from app.room.tally import SHORTEST, STATS, Tally, bucket, duration, percentile, tally_id
from app.testing import OwnClock

HOUR = 490896  # of the clock's beginning, 2026-01-01T00:00Z


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def engine(ports: Ports, clock: OwnClock) -> Engine:
    registry = Registry()

    @registry.operation("quick", long=True)
    def quick(fail: bool = False) -> None:
        """Take two seconds."""
        clock.sleep(2)
        if fail:
            raise Refused("No.")

    @registry.operation("nap")
    def nap(run: Run) -> None:
        """Sleep for an hour, in two runs."""
        run.sleep("1h")

    ports = replace(ports, clock=clock)
    return Engine(registry, ports, tally=Tally(ports.records, clock))


def work(engine: Engine) -> None:
    while claimed := engine.claim(10):
        engine.settle([(each, engine.execute(each, Control())) for each in claimed])


def told(engine: Engine, hour: int = HOUR, operation: str = "quick", owner: str = "local") -> Any:
    record = engine.ports.records.get(STATS, tally_id(hour, owner, operation))
    return record and {n: v for n, v in record.body.items() if n not in ("operation", "hour")}


def submit(engine: Engine, many: int = 1, caller: Caller = LOCAL, **params: Any) -> list[Any]:
    return engine.submit_all([Submission("quick", params)] * many, caller)


def test_endings_are_counted_by_minute(engine: Engine, clock: OwnClock) -> None:
    """What began and how it ended, each in its minute, and how long it had run."""
    submit(engine, 2)
    work(engine)
    clock.sleep(120)
    submit(engine, fail=True)
    work(engine)
    assert told(engine) == {"s00": 2, "k00": 2, "s02": 1, "f02": 1, f"d{bucket(2)}": 3}


def test_a_job_that_never_began_only_ends(engine: Engine) -> None:
    """Cancelled while queued: it has no begin and no duration."""
    (made,) = submit(engine)
    engine.cancel(made.id, LOCAL)
    assert told(engine) == {"c00": 1}


def test_each_hour_has_its_record(engine: Engine, clock: OwnClock) -> None:
    """A job that sleeps into the next begins in one and ends in the other, once each."""
    engine.submit(Submission("nap"), LOCAL)
    work(engine)
    clock.sleep(3600)
    work(engine)
    assert told(engine, HOUR, "nap") == {"s00": 1}
    assert told(engine, HOUR + 1, "nap") == {"k00": 1, "d0": 1}


def test_each_owner_has_its_record(engine: Engine) -> None:
    submit(engine)
    submit(engine, 2, Caller("other", "run"))
    work(engine)
    assert told(engine)["s00"] == 1
    assert told(engine, owner="other")["s00"] == 2


def test_a_crash_without_a_word_counts_as_begun_and_failed(engine: Engine, clock: OwnClock) -> None:
    submit(engine)
    for _ in range(5):
        engine.claim()
        clock.sleep(60)
    assert Counter(name[0] for name in told(engine)) == {"s": 1, "f": 1, "d": 1}


def test_a_refused_ending_is_not_counted(engine: Engine, clock: OwnClock) -> None:
    """Whose lease another has since counts nothing; an ending that is told twice counts once."""
    submit(engine)
    (late,) = engine.claim()
    clock.sleep(20)
    (fresh,) = engine.claim()
    assert engine.settle([(late, Ending("succeeded"))]) == [None]
    assert told(engine) in (None, {})
    for _ in range(2):
        engine.settle([(fresh, Ending("succeeded"))])
    assert told(engine)["k00"] == 1


def test_a_bulk_costs_one_write_a_record(engine: Engine) -> None:
    """Forty endings add once, with what they come to."""
    submit(engine, 40)
    ended = [(record, Ending("succeeded")) for record in engine.claim(40)]
    assert engine.settlement.tally
    moves = [(record, engine_settled(record, ending)) for record, ending in ended]
    (add,) = engine.settlement.tally.adds(moves)
    assert add.amounts == {"s00": 40, "k00": 40, "d0": 40}


def engine_settled(record: Any, ending: Ending) -> Any:
    return job.settled(record, ending, OwnClock().now())


def test_a_record_that_is_gone_is_made_again(engine: Engine) -> None:
    """So no ending ever waits for it."""
    submit(engine)
    work(engine)
    engine.ports.records.commit(Delete(STATS, tally_id(HOUR, "local", "quick")))
    submit(engine)
    work(engine)
    assert told(engine)["k00"] == 1
    (made,) = submit(engine)
    engine.ports.records.commit(Delete(STATS, tally_id(HOUR, "local", "quick")))
    (claimed,) = engine.claim()
    engine.settle([(claimed, Ending("succeeded"))])
    assert engine.get(made.id, LOCAL).label == "succeeded"


def test_a_record_goes_after_two_days(engine: Engine, clock: OwnClock) -> None:
    submit(engine)
    work(engine)
    found = engine.ports.records.get(STATS, tally_id(HOUR, "local", "quick"))
    assert found is not None
    assert 86400 * 2 <= (found.expires or 0) - clock.now() + 3600 <= 86400 * 2 + 3600


def test_without_a_tally_nothing_is_written(engine: Engine) -> None:
    engine.settlement.tally = None
    submit(engine)
    work(engine)
    assert engine.ports.records.count(STATS) == 0


@given(st.floats(SHORTEST, 36_000))
def test_a_bucket_is_no_wider_than_its_step(seconds: float) -> None:
    """What is read of a duration is within 7 % of it."""
    assert abs(duration(bucket(seconds)) / seconds - 1) < 0.07


def test_what_is_shorter_than_all_is_the_shortest() -> None:
    assert bucket(0) == bucket(-1) == bucket(SHORTEST) == 0


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_durations(durations: list[float]) -> None:
    """As of the sorted list, but for the width of a bucket; of nothing there are none."""
    buckets = Counter(map(bucket, durations))
    for share in (0.5, 0.95, 0.99):
        exact = sorted(durations)[-(-int(share * 100) * len(durations) // 100) - 1]
        read = percentile(buckets, share)
        assert read is not None
        assert abs(read / exact - 1) < 0.07
    assert percentile(Counter(), 0.5) is None


def test_a_put_beside_keeps_its_place(engine: Engine) -> None:
    """What is counted stands in the same commit as the ending: both, or neither."""
    submit(engine)
    (claimed,) = engine.claim()
    records: Any = engine.ports.records
    seen: list[Any] = []
    commit = records.commit
    records.commit = lambda *writes: (seen.append(writes), commit(*writes))[1]
    engine.settle([(claimed, Ending("succeeded"))])
    whole = [writes for writes in seen if len(writes) == 2]
    assert [type(write).__name__ for write in whole[0]] == ["Put", "Add"]
    assert isinstance(whole[0][0], Put)
