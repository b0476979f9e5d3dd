"""Children whose parent has ended: cancelled with it, soon, whatever they do and whoever dies."""

import pytest

from app.room import orphans as under_test
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.errors import Unavailable
from app.room.job import JOBS, Ending
from app.room.ledger import Lost
from app.room.orphans import AGAIN, LEASE, LOOK_EVERY, ORPHANED


@pytest.fixture
def engine(lab):
    return lab.room.engine


def waits(run, n: int) -> int:
    return run.wait_for("go")


@pytest.fixture
def brood(lab, declare):
    """A parent of four, whose children wait for a signal; it is put to wait."""

    declare(waits, "leaf")
    declare(lambda run: list(run.map("leaf", [{"n": n} for n in range(4)])), "parent")
    id = lab.submit("parent")
    lab.run_only(id)
    return id


def swept(engine):
    while engine.orphans.sweep():
        pass


def statuses(lab, name="leaf"):
    return [child["status"] for child in lab.jobs(name)]


def test_those_that_wait_do_not_wait_for_ever(lab, engine, brood):
    """For a signal that nobody sends, they would be there for a year."""
    for _ in range(4):
        lab.run_next()
    assert statuses(lab) == ["waiting"] * 4
    lab.cancel(brood)
    swept(engine)
    assert statuses(lab) == ["cancelled"] * 4
    assert {job["attempt"] for job in lab.jobs("leaf")} == {1}


def test_those_that_run_are_told(lab, engine, brood):
    """A wish to cancel, which stops them at their next boundary; it is told once."""
    (running,) = engine.claim()
    lab.cancel(brood)
    swept(engine)
    assert sorted(statuses(lab)) == ["cancelled"] * 3 + ["running"]
    told = engine.renew(running)
    assert "cancel" in told.body
    lab.advance(AGAIN)
    swept(engine)
    assert engine.renew(running).body["cancel"] == told.body["cancel"]
    engine.settle([(running, engine.execute(running, Control()))])
    assert statuses(lab) == ["cancelled"] * 4


def test_a_sign_of_life_finds_it_out_too(lab, engine, brood):
    """Where the only worker is busy with that child, nobody else looks."""
    (running,) = engine.claim()
    assert "cancel" not in engine.renew(running).body
    lab.cancel(brood)
    assert "cancel" in engine.renew(running).body


def test_those_of_a_failure_too(lab, engine, declare):
    """A parent that stops at the first that failed leaves nothing behind."""

    def leaf(run, n: int) -> int:
        return 1 // n if n < 1 else run.wait_for("go")

    declare(leaf, "leaf", retries=0)
    declare(lambda run: list(run.map("leaf", [{"n": n} for n in (1, 2, 0, 3)])), "parent")
    id = lab.submit("parent")
    lab.run()
    assert lab.job(id)["status"] == "failed"
    assert statuses(lab) == ["cancelled", "cancelled", "failed", "cancelled"]


def test_grandchildren_follow(lab, engine, declare):
    """Each generation is left by the one before it."""

    def middle(run, n: int) -> list:
        return list(run.map("leaf", [{"n": n}] * 2))

    declare(waits, "leaf")
    declare(middle, "middle")
    declare(lambda run: list(run.map("middle", [{"n": 1}] * 2)), "top")
    id = lab.submit("top")
    for _ in range(7):
        lab.run_next()
    assert {each["status"] for each in lab.jobs()} == {"waiting"}
    lab.cancel(id)
    swept(engine)
    assert {each["status"] for each in lab.jobs()} == {"cancelled"}


def test_those_in_a_line_leave_it(lab, engine, declare):
    """A child that waits for its turn is due for nobody; its place goes with it."""
    declare(waits, "leaf", concurrency=1)
    declare(lambda run: list(run.map("leaf", [{"n": n} for n in range(3)])), "parent")
    id = lab.submit("parent")
    lab.run_next()
    running = engine.claim()
    assert engine.claim() == []
    assert len(lab.room.ports.records.list("parked").items) == 2
    lab.cancel(id)
    swept(engine)
    assert lab.room.ports.records.list("parked").items == ()
    engine.settle([(running[0], Ending("cancelled"))])
    assert statuses(lab) == ["cancelled"] * 3


def test_many_are_cancelled_some_at_a_time(lab, engine, brood, monkeypatch):
    """So that a claim never waits long; each look goes on where the last one came to."""
    monkeypatch.setattr(under_test, "PORTION", 3)
    lab.cancel(brood)
    assert engine.orphans.sweep()
    assert statuses(lab).count("queued") == 1
    assert engine.orphans.sweep()
    assert statuses(lab).count("queued") == 0


def test_whoever_dies_another_goes_on(lab, engine, brood, monkeypatch):
    """The lease of the first ends, and what it did counts."""
    lab.cancel(brood)
    commit, seen = lab.room.ports.records.commit, []

    def fails(*writes):
        seen.append(writes)
        if len(seen) == 1:
            commit(*writes)
        raise Unavailable("gone")

    monkeypatch.setattr(lab.room.ports.records, "commit", fails)
    assert not engine.orphans.sweep()
    monkeypatch.undo()
    lab.advance(LEASE + LOOK_EVERY)
    swept(engine)
    assert statuses(lab) == ["cancelled"] * 4


def test_nothing_is_left_of_it(lab, engine, brood):
    """After a last look, for a store's index may have been behind."""
    lab.cancel(brood)
    swept(engine)
    assert len(lab.room.ports.records.list(ORPHANED).items) == 1
    lab.advance(2 * AGAIN)
    swept(engine)
    assert lab.room.ports.records.list(ORPHANED).items == ()


def test_a_job_without_children_leaves_none(lab, declare):
    """And pays nothing for it."""
    declare(lambda run: 1, "single")
    id = lab.submit("single")
    lab.run()
    assert lab.result(id) == 1
    assert lab.room.ports.records.list(ORPHANED).items == ()


def test_maps_that_have_ended_are_passed_by(lab, engine, declare, monkeypatch):
    """However many there were, a parent that has had its results leaves nothing to look for."""

    def leaf(n: int) -> int:
        return n

    def parent(run) -> None:
        for _ in run.each(range(5), every=1):
            run.map("leaf", [{"n": 1}])

    declare(leaf, "leaf")
    declare(parent, "parent")
    lab.submit("parent")
    lab.run()
    looked, list = [], lab.room.ports.records.list
    monkeypatch.setattr(
        lab.room.ports.records,
        "list",
        lambda *named, **how: looked.append(named) or list(*named, **how),
    )
    lab.advance(AGAIN)
    swept(engine)
    assert set(looked) == {("maps",)}


def test_a_claim_that_finds_orphans_alone_says_there_may_be_more(lab, engine, brood):
    """Else a worker would cancel one, and look again a second later."""
    lab.cancel(brood)
    for _ in range(4):
        assert engine.claim() == []
        assert engine.has_more
    assert engine.claim() == []
    assert not engine.has_more


def test_none_is_made_after_the_end(lab, engine, declare):
    """Making children is fenced: a run that was overtaken, or whose job has ended, makes none."""
    declare(waits, "leaf")

    def parent(run) -> list:
        overtaken.append(lab.room.ports.records.get(JOBS, run.id))
        lab.advance(11)
        claimed = engine.claim()
        engine.settle([(claimed[0], Ending("cancelled"))])
        return list(run.map("leaf", [{"n": n} for n in range(5)]))

    overtaken = []
    declare(parent, "parent")
    lab.submit("parent")
    with pytest.raises(Lost):
        engine.execute(engine.claim()[0], Control())
    assert lab.jobs("leaf") == []
    assert engine.get(overtaken[0].id, LOCAL).label == "cancelled"
