"""When a job must be ended with its process: each decision as a row of a table."""

from dataclasses import replace

import pytest

from app.ports import Record
from app.room.job import Ending
from app.room.ledger import Lost
from app.testing import Testing
from app.worker.guardian import CANCEL_SECONDS, Guardian


def claimed(testing: Testing, operation: str = "nothing") -> Record:
    testing.submit(operation)
    return testing.room.engine.claim()[0]


@pytest.mark.parametrize(
    ("operation", "slice", "age", "spent", "took", "kind", "says"),
    [
        ("nothing", None, 59.9, 0.0, 0, None, ""),
        ("nothing", None, 60.1, 0.0, 0, "timeout", "longer than its timeout of 60 s"),
        ("nothing", None, 10.0, 49.0, 0, None, ""),
        ("nothing", None, 10.0, 51.0, 0, "timeout", "longer than its timeout of 60 s"),
        ("nothing", 5.0, 6.9, 0.0, 0, None, ""),
        ("nothing", 5.0, 7.1, 0.0, 0, "timeout", "no boundary within its slice of 5 s"),
        ("nothing", None, 1.0, 0.0, 10**12, None, ""),
        ("lean", None, 1.0, 0.0, 1000, None, ""),
        ("lean", None, 1.0, 0.0, 1001, "crashed", "1,001 bytes of memory, over the 1,000"),
        ("lean", None, 61.0, 0.0, 1001, "timeout", "longer than its timeout"),
    ],
)
def test_a_job_over_its_bounds_fails_with_the_reason(
    testing: Testing, operation: str, slice: float | None, age: float, spent: float, took: int,
    kind: str | None, says: str,
) -> None:  # fmt: skip
    """Its time, over all its slices; its slice; its memory."""
    record = claimed(testing, operation)
    record = replace(record, body=record.body | {"spent": spent})
    ending = Guardian(testing.room, slice).look(record, age, took, overdue=False)
    if kind is None:
        assert ending is None
        return
    assert ending
    assert ending.error
    assert (ending.what, ending.error.kind, ending.ran) == ("failed", kind, age)
    assert says in ending.error.detail
    assert not ending.error.final


def test_each_attempt_has_all_its_time(testing: Testing) -> None:
    """What failed attempts took does not shorten the next one."""
    guardian, engine = Guardian(testing.room, None), testing.room.engine
    record = claimed(testing)
    late = guardian.look(record, 60.1, 0, overdue=False)
    assert late
    engine.settle([(record, late)])
    testing.clock.sleep(60)
    again = engine.claim()[0]
    assert guardian.look(again, 59.0, 0, overdue=False) is None
    engine.settle([(again, Ending("continued", ran=59.0))])
    slice = engine.claim()[0]
    assert guardian.look(slice, 0.9, 0, overdue=False) is None
    assert guardian.look(slice, 1.1, 0, overdue=False)


def test_a_job_whose_operation_is_gone_has_no_bounds(testing: Testing) -> None:
    """What ran when its declaration went goes on."""
    record = claimed(testing)
    record = replace(record, body=record.body | {"operation": "gone"})
    guardian = Guardian(testing.room, None)
    assert guardian.look(record, 1e6, 10**12, overdue=False) is None
    assert not guardian.limits_memory(record)


def test_when_the_worker_has_to_leave_the_job_is_continued_elsewhere(testing: Testing) -> None:
    """Whatever else is to be said of it."""
    ending = Guardian(testing.room, None).look(claimed(testing, "lean"), 99.0, 2000, overdue=True)
    assert ending == Ending("continued", ran=99.0)


def test_a_job_that_is_asked_to_stop_has_some_seconds_for_it(testing: Testing) -> None:
    """Then it is ended."""
    record, guardian = claimed(testing), Guardian(testing.room, None)
    assert guardian.look(record, 1.0, 0, overdue=False) is None
    assert guardian.cancelled is None
    testing.cancel(record.id)
    guardian.rung = True
    assert guardian.look(record, 1.1, 0, overdue=False) is None
    assert guardian.cancelled == record.id
    testing.clock.sleep(CANCEL_SECONDS)
    assert guardian.look(record, 6.1, 0, overdue=False) is None
    testing.clock.sleep(0.1)
    ending = guardian.look(record, 6.2, 0, overdue=False)
    assert ending == Ending("cancelled", ran=6.2)


def test_the_next_job_is_not_asked_to_stop_for_the_last_one(testing: Testing) -> None:
    """A wish to cancel is that of one job."""
    first, guardian = claimed(testing), Guardian(testing.room, None)
    testing.cancel(first.id)
    assert guardian.look(first, 1.0, 0, overdue=False) is None
    testing.clock.sleep(CANCEL_SECONDS + 1)
    second = claimed(testing)
    assert guardian.look(second, 1.0, 0, overdue=False) is None
    assert guardian.cancelled is None


def test_the_lease_of_what_runs_is_renewed_in_time(testing: Testing) -> None:
    """A long job is looked after for as long as it takes."""
    record, guardian = claimed(testing), Guardian(testing.room, None)
    lease = testing.room.engine.lease
    for _ in range(40):
        testing.clock.sleep(lease / 8)
        assert guardian.look(record, 1.0, 0, overdue=False) is None
        assert not testing.room.engine.claim()


def test_a_job_that_another_has_is_lost(testing: Testing) -> None:
    """This worker was stopped for longer than the lease."""
    record, guardian = claimed(testing), Guardian(testing.room, None)
    testing.clock.sleep(testing.room.engine.lease + 1)
    assert testing.room.engine.claim()
    with pytest.raises(Lost):
        guardian.look(record, 1.0, 0, overdue=False)


def test_what_was_written_past_python_stands_behind_what_the_job_said(testing: Testing) -> None:
    """Line by line; an earlier attempt's lines stay."""
    record = claimed(testing)
    guardian = Guardian(testing.room, None)
    said = Ending("succeeded", own={"log": {"count": 1, "lines": [[1.0, "INFO", "said"]]}})
    log = guardian.with_output(record, said, b"one\n\xfftwo\n").own["log"]
    assert [line[1:] for line in log["lines"]] == [
        ["INFO", "said"], ["OUT", "one"], ["OUT", "\ufffdtwo"],
    ]  # fmt: skip
    assert log["count"] == 3
    earlier = replace(record, body=record.body | {"log": said.own["log"]})
    log = guardian.with_output(earlier, Ending("cancelled"), b"one").own["log"]
    assert [line[2] for line in log["lines"]] == ["said", "one"]
