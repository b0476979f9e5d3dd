"""What goes wrong between two writes: a store that fails for a moment, a clock that was wrong, two
who do the same at once. Each keeps its promise all the same."""

from dataclasses import replace
from typing import Annotated, Any

import pytest

from app import Run, Secret
from app.doors.jobs import Jobs
from app.ports import BODY_CAP, Put, Reply
from app.room.call import LOCAL
from app.room.children import child_id
from app.room.enter import Room
from app.room.errors import TooLarge, Unavailable
from app.room.job import Ending
from app.room.lane import MOST, MOST_TURNS, Lane, Limits
from app.room.policy import Rate
from app.room.strict_json import write_json
from app.testing import BEGIN, Testing


class Flaky:
    """Fails the next so many calls of one verb of a store, where it is asked for `what`."""

    def __init__(self, lab: Testing, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
        self.left, self.what = 0, ""
        self._real = getattr(lab.room.ports.records, verb)
        monkeypatch.setattr(lab.room.ports.records, verb, self._asked)

    def _asked(self, *asked: Any, **how: Any) -> Any:
        if self.left and self.what in repr(asked):
            self.left -= 1
            raise Unavailable("down")
        return self._real(*asked, **how)


@pytest.fixture
def mapped(lab: Testing, declare: Any) -> str:
    """A parent that waits for three children, of which each has one attempt."""
    declare(lambda: "done", "child", retries=0)

    def parent(run: Run) -> list[Any]:
        return list(run.map("child", [{}] * 3, failures="collect"))

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run_only(id)
    return id


@pytest.mark.parametrize("writes_too", [False, True])
def test_a_claim_whose_look_failed_costs_no_attempt(
    lab: Testing, mapped: str, monkeypatch: pytest.MonkeyPatch, writes_too: bool
) -> None:
    """Nobody began it: the only attempt that a job has must not go so. Where the store is away
    when it is given back, it is given back later."""
    get, commit = Flaky(lab, monkeypatch, "get"), Flaky(lab, monkeypatch, "commit")
    get.left, get.what = 1, mapped
    commit.left = int(writes_too)
    assert len(lab.room.engine.claim(2)) == 1
    assert commit.left == 0
    lab.advance("1m")
    lab.run()
    lost = [job for job in lab.jobs("child") if job["status"] != "succeeded"]
    assert [job["error"]["kind"] for job in lost] == ["crashed"]  # of which the claim went well


@pytest.fixture
def napper(lab: Testing, declare: Any) -> str:
    """A job that sleeps for three days, twice; the first are over."""

    def nap(run: Run) -> str:
        run.sleep("3d")
        run.sleep("3d")
        return "woke"

    declare(nap)
    id = lab.submit("tried")
    lab.run_next()
    lab.advance("3d")
    return id


@pytest.fixture
def without(lab: Testing, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the clock while no code of the service declares `tried`, as in half a deployment."""

    def passed(duration: str) -> None:
        with monkeypatch.context() as patch:
            patch.delitem(lab.room.registry._operations, "tried")
            lab.run_next()
            lab.advance(duration)
            lab.run_next()

    return passed


def test_a_job_of_long_ago_waits_for_its_operation_as_any(
    lab: Testing, napper: str, without: Any
) -> None:
    """For a day from when the operation is missed, not from when the job was to start; and each
    time that it is missed."""
    for _ in range(2):
        without("23h")
        assert lab.job(napper)["status"] == "waiting"
        lab.advance("1m")
        assert lab.run_next() == napper
        lab.advance("3d")
    assert lab.result(napper) == "woke"


def test_an_operation_that_is_gone_for_good_ends_its_jobs(
    lab: Testing, napper: str, without: Any
) -> None:
    """A day after it was missed first."""
    without("25h")
    assert lab.error(napper)["kind"] == "unknown"


def fail(word: Annotated[str, Secret]) -> None:
    raise ZeroDivisionError


def test_a_bulk_retry_remembers_for_good(lab: Testing, declare: Any) -> None:
    """What was retried is not retried again days later, when the key of that is free again."""
    declare(fail, retries=0, keep="3d")
    jobs = Jobs(lab.room, LOCAL)
    first = lab.submit("tried", word="b")
    lab.run()
    (second,) = jobs.retry_all("failed").items
    lab.cancel(second.id)
    assert second.body["retry_of"] == first
    for _ in range(3):
        assert jobs.retry_all("failed").items == ()
        lab.advance("23h")
        lab.run()


def test_a_bulk_retry_seals_no_secret_twice(lab: Testing, declare: Any) -> None:
    """Where no key opens it, it is said so, and no job gets what was sealed for the secret."""
    declare(fail, retries=0)
    lab.submit("tried", word="b")
    lab.run()
    lost = Room(lab.room.registry, replace(lab.room.ports, seal_keys=lambda: (b"k" * 32,)))
    with pytest.raises(Unavailable, match="MANYDOORS_SEAL_KEYS"):
        Jobs(lost, LOCAL).retry_all("failed")
    assert len(lab.jobs()) == 1


def test_a_callback_that_is_put_off_again_and_again_still_has_its_job(
    lab: Testing, declare: Any
) -> None:
    """A receiver may ask for twelve hours each time: to the last attempt there is what to tell."""
    declare(lambda: None, keep="1s")
    lab.submit("tried", callback_url="https://example.com/hook")
    lab.mailbox.answers = [Reply(503, str(12 * 3600))] * 7
    lab.run()
    assert lab.jobs("webhooks.deliver")[0]["status"] == "succeeded"
    assert len(lab.mailbox.letters) == 8


def test_one_that_was_parked_since_it_was_read_is_not_written_twice(
    lab: Testing, declare: Any
) -> None:
    """A commit in which a place is given back may find that it is next in line."""
    declare(lambda: None, concurrency=1)
    engine, get = lab.room.engine, lab.room.ports.records.get
    first, second = lab.submit("tried"), lab.submit("tried")
    stale = get("jobs", second)
    assert stale is not None
    (holder,) = engine.claim(2)
    assert get("jobs", second) != stale
    (held,) = engine.settle([(holder, Ending("returned"))])
    assert held is not None
    assert held.id == first
    engine.settlement.abandon([held, stale])
    assert lab.job(first)["status"] == "cancelled"
    assert lab.job(second)["status"] == "queued"  # whoever looks again finds it
    lab.run()
    assert lab.job(second)["status"] == "succeeded"


def test_an_ending_beside_which_too_much_stands_is_tried_so_often_and_no_more(
    lab: Testing, declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that tries for ever does nothing else; whoever settles is told."""
    declare(lambda: None)
    lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    tries: list[Any] = []

    def full(*writes: Any) -> Any:
        assert len(tries) < 10
        tries.append(writes)
        raise TooLarge("What stands beside it")

    monkeypatch.setattr(lab.room.ports.records, "commit", full)
    with pytest.raises(TooLarge):
        lab.room.engine.settle([(claimed, Ending("succeeded", result=1))])


def test_a_lane_at_all_its_limits_fits_into_its_record() -> None:
    """As many as it lets in, with the longest ids that jobs have."""
    ids = [child_id(f"job_{0:026}-{0:016}", n) for n in range(MOST)]
    held = (BEGIN + 0.1234567, None)
    limits, turns = Limits(10 * MOST, Rate(10 * MOST, 60.0)), tuple(ids[:MOST_TURNS])
    assert Lane("tried", limits, turns=turns).room == 0
    lane = Lane("tried", limits, dict.fromkeys(ids, held), turns, waiting=10**9)
    assert lane.room == 0
    (put,) = lane.write(BEGIN)
    assert isinstance(put, Put)
    assert len(write_json(put.record.body)) < BODY_CAP - 10_000
