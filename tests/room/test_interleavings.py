"""What goes wrong between two writes: a store that fails for a moment, a clock that was wrong, two
who do the same at once. Each keeps its promise all the same."""

from dataclasses import replace
from typing import Annotated, Any

import pytest

from app import File, Run, Secret, Topic, Upload
from app.doors.jobs import Jobs
from app.ports import BODY_CAP, Put, Reply
from app.room.call import LOCAL
from app.room.children import child_id
from app.room.enter import Room
from app.room.errors import Stale, TooLarge, Unavailable
from app.room.job import Ending
from app.room.lane import MOST, MOST_TURNS, Lane, Limits
from app.room.policy import Rate
from app.room.schedule import Plan
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


def test_what_is_decided_at_a_claim_costs_what_is_ready_nothing(
    lab: Testing, mapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However that is refused: it is decided again, at a later claim."""
    (dead,) = lab.room.engine.claim()
    lab.cancel(dead.id)
    lab.advance("11s")

    def outrun(*_: object) -> None:
        raise Stale("The job changes too often to be changed here.")

    monkeypatch.setattr(lab.room.engine.settlement, "settle", outrun)
    ready = [record.id for record in lab.room.engine.claim(3)]
    assert ready == [each["id"] for each in lab.jobs("child") if each["id"] != dead.id]


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


def buggy(params: dict[str, Any]) -> str:
    raise KeyError("a bug in the key of an operation")


def test_who_listens_with_a_bug_costs_nobody_else_anything(lab: Testing, declare: Any) -> None:
    """The job that ended has ended, and the worker lives."""
    declare(fail, retries=0)
    declare(lambda: None, "listens", on=[Topic("job.failed")], singleton=True, key=buggy)
    lab.submit("tried", word="b")
    lab.run()
    assert lab.jobs("tried")[0]["status"] == "failed"


def test_an_upload_that_an_operation_fails_to_take_leaves_a_trace(
    lab: Testing, declare: Any
) -> None:
    """It is not told again and again, and no sweep fails of it."""
    declare(lambda: None, on=[Upload("*.txt")], singleton=True, key=buggy)
    lab.file(b"abc", "a.txt")
    lab.advance("1h")
    lab.room.shelf.sweep()
    (trace,) = lab.jobs("inbox.unreadable")
    assert trace["status"] == "failed"
    assert "KeyError" in trace["error"]["detail"]


def takes(file: File) -> int:
    return file.size


def test_an_upload_is_told_again_where_the_store_failed(
    lab: Testing, declare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it could not be looked at is no fault of the file's."""
    declare(takes, on=[Upload("*.txt")])
    get = Flaky(lab, monkeypatch, "get")
    stored = type(lab.room.shelf)._tell
    monkeypatch.setattr(
        type(lab.room.shelf), "_tell", lambda *told: setattr(get, "left", 1) or stored(*told)
    )
    lab.file(b"abc", "a.txt")
    monkeypatch.undo()
    lab.advance("1h")
    lab.room.shelf.sweep()
    lab.run()
    assert [(job["operation"], job["result"]) for job in lab.jobs()] == [("tried", 3)]


def test_a_schedule_that_cannot_be_read_stops_no_other(lab: Testing, declare: Any) -> None:
    """As one that a newer version of the program wrote, and that comes first each time."""
    declare(lambda: None)
    records = lab.room.ports.records
    for name in ("a", "b"):
        lab.room.calendar.put(name, Plan("tried", every="1m"), LOCAL, "test")
    first, _ = records.list("schedules", newest_first=False).items
    plan = first.body["plan"] | {"newer": True}
    records.commit(Put(replace(first, body=first.body | {"plan": plan})))
    for _ in range(3):
        lab.advance("1m")
        assert lab.tick() == 1
    assert {job["key"].split()[0] for job in lab.jobs("tried")} == {"b"}


def test_children_are_found_when_their_parent_is_kept_for_a_second(
    lab: Testing, declare: Any
) -> None:
    """What leads to them outlives it: there may be so many that it takes a while."""
    declare(lambda run: run.wait_for("never"), "child")
    declare(lambda run: list(run.map("child", [{}] * 3)), keep="1s")
    parent = lab.submit("tried")
    for _ in range(4):
        lab.run_next()
    lab.cancel(parent)
    lab.advance("2m")
    lab.room.engine.claim()  # tidies
    assert lab.room.ports.records.get("jobs", parent) is None
    lab.run()
    assert {child["status"] for child in lab.jobs("child")} == {"cancelled"}
