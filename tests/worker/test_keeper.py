"""A keeper's decisions, with a runner that does what the test says, and a clock that it owns."""

import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from app.ports import Record
from app.room.errors import Stale, Unavailable
from app.room.job import Ending
from app.testing import Testing
from app.worker import channel, keeper
from app.worker.desk import Desk
from app.worker.keeper import (
    ANSWER_SECONDS,
    LINGERS,
    LOOK_EVERY,
    MOST_AHEAD,
    SHORT,
    STOP_SECONDS,
    Keeper,
)


class Clock:
    """In place of the module `time`, inside the keeper."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Puppet:
    """A runner that only notes what it is sent."""

    socket, output = None, 0
    is_ending = is_behind = False

    def __init__(self, *_: object) -> None:
        self.desk = Desk()
        self.sent: list[dict[str, Any]] = []
        self.says: list[dict[str, Any]] = []
        self.died = ""
        self.written = b""
        made.append(self)

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def given(self) -> list[int]:
        return [number for message in self.sent for number, _ in message.get("jobs", [])]

    def read(self) -> list[dict[str, Any]]:
        says, self.says = self.says, []
        return says

    last_words = read

    def push(self) -> None:
        """All is sent at once."""

    def hear_output(self) -> None:
        """There is none."""

    def output_of(self, number: int) -> bytes:
        return b""

    def last_output(self) -> bytes:
        return self.written

    def is_lost(self) -> bool:
        return bool(self.died)

    def kill(self) -> str:
        return self.died

    def close(self) -> None:
        """It is gone."""


class Bell:
    def __init__(self) -> None:
        self.pipe = os.pipe()

    def fileno(self) -> int:
        return self.pipe[0]

    def hear(self) -> bool:
        return True

    def next(self) -> float | None:
        return None

    def close(self) -> None:
        for end in self.pipe:
            os.close(end)


made: list[Puppet] = []


class Stage:
    """A keeper, its puppet, and the jobs between them."""

    def __init__(self, testing: Testing, clock: Clock) -> None:
        self.testing, self.clock = testing, clock
        self.bell = Bell()
        self.keeper = Keeper(testing.room, self.bell, None)

    @property
    def puppet(self) -> Puppet:
        return made[-1]

    def claims(self, jobs: int, ahead: int | None = None) -> list[str]:
        """That many jobs are there, and claimed so far ahead."""
        ids = [self.testing.submit("nothing") for _ in range(jobs)]
        self.keeper._ahead = jobs if ahead is None else ahead
        self.keeper._rung = True
        self.keeper._feed()
        return ids

    def begins(self, number: int) -> None:
        self.puppet.desk.begin(number, self.clock.now)

    def ends(self, number: int, ran: float = 0.0) -> None:
        ending = channel.ending_out(Ending("succeeded", ran=ran))
        self.puppet.desk.clear()
        self.puppet.says.append({"number": number, "ending": ending})
        self.keeper._hear()

    def passes(self, seconds: float) -> None:
        self.clock.now += seconds
        self.keeper._watch()

    def status(self, id: str) -> str:
        self.keeper._settle()
        return str(self.testing.job(id)["status"])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made.clear()
    clock = Clock()
    monkeypatch.setattr(keeper, "time", clock)
    monkeypatch.setattr(keeper, "Process", Puppet)
    return clock


@pytest.fixture
def stage(testing: Testing, clock: Clock) -> Iterator[Stage]:
    stage = Stage(testing, clock)
    yield stage
    for end in stage.keeper._wake:
        os.close(end)
    stage.bell.close()


@pytest.mark.parametrize(
    ("ahead", "ran", "then"),
    [
        (1, 1e-5, 2),
        (2, 1e-5, 4),
        (40, 1e-5, MOST_AHEAD),
        (MOST_AHEAD, 0.0, MOST_AHEAD),
        (1, SHORT / 4, 1),
        (1, SHORT / 8, 2),
        (64, SHORT / 8, 2),
        (64, SHORT, 1),
        (64, 3600.0, 1),
    ],
)
def test_it_claims_as_far_ahead_as_a_short_job_may_take(
    stage: Stage, ahead: int, ran: float, then: int
) -> None:
    """It learns of short jobs by and by, and of a long one at once."""
    stage.keeper._ahead = ahead
    stage.keeper._adapt(ran)
    assert stage.keeper._ahead == then


def test_what_is_claimed_is_given_to_the_runner(stage: Stage) -> None:
    """And settled when it has ended."""
    ids = stage.claims(3)
    assert stage.puppet.given() == [1, 2, 3]
    stage.begins(1)
    stage.ends(1)
    assert [stage.status(id) for id in ids] == ["succeeded", "running", "running"]


def test_what_no_ring_has_told_of_is_found_all_the_same(stage: Stage) -> None:
    """A ring may be lost, and for the job of a worker that died there is none."""
    stage.keeper._feed()
    stage.testing.submit("nothing")
    stage.keeper._feed()
    assert stage.puppet.given() == []
    stage.clock.sleep(LOOK_EVERY)
    stage.keeper._feed()
    assert len(stage.puppet.given()) == 1


def test_nothing_is_claimed_behind_a_long_job(stage: Stage) -> None:
    """Another worker may be free."""
    stage.claims(1)
    stage.begins(1)
    stage.passes(SHORT * 1.1)
    stage.claims(1, ahead=4)
    assert stage.puppet.given() == [1]


def test_those_behind_a_long_job_are_given_back(stage: Stage) -> None:
    """Once its runner has said that it did not begin them; it is asked once."""
    ids = stage.claims(3)
    stage.begins(1)
    stage.passes(SHORT * 0.9)
    assert stage.puppet.sent[1:] == []
    stage.passes(SHORT)
    stage.passes(SHORT)
    assert stage.puppet.sent[1:] == [{"revoke": [2, 3]}]
    stage.puppet.says.append({"revoked": [2, 3]})
    stage.keeper._hear()
    assert [stage.status(id) for id in ids] == ["running", "queued", "queued"]
    assert stage.testing.job(ids[1])["attempt"] == 0


def test_those_behind_a_job_that_gives_no_thread_a_turn_are_given_back_too(stage: Stage) -> None:
    """The runner does not answer, and is kept from ever beginning them."""
    ids = stage.claims(2)
    stage.begins(1)
    stage.passes(SHORT * 1.1)
    stage.passes(ANSWER_SECONDS * 1.1)
    assert stage.status(ids[1]) == "queued"
    assert stage.puppet.desk.is_void(2)
    assert not stage.puppet.desk.is_void(3)


def test_the_second_long_job_is_asked_for_those_behind_it_anew(stage: Stage) -> None:
    """However long ago the first one was."""
    stage.claims(2)
    stage.begins(1)
    stage.passes(SHORT * 1.1)
    stage.puppet.says.append({"revoked": []})
    stage.ends(1)
    stage.begins(2)
    ids = stage.claims(1, ahead=4)
    stage.passes(3.0)
    assert stage.puppet.sent[-1] == {"revoke": [3]}
    assert stage.status(ids[0]) == "running"


def test_a_job_is_never_older_than_its_claim(stage: Stage) -> None:
    """Whatever stands on the desk by mistake."""
    ids = stage.claims(1)
    stage.puppet.desk.begin(1, 0.0)
    stage.passes(SHORT * 1.1)
    assert stage.status(ids[0]) == "running"


def test_a_crash_is_a_failed_attempt_of_what_lay_on_the_desk(stage: Stage) -> None:
    """The others go on in a new runner."""
    ids = stage.claims(3)
    stage.begins(2)
    stage.puppet.says.append({"number": 1, "ending": channel.ending_out(Ending("succeeded"))})
    stage.puppet.died, stage.puppet.written = "It died.", b"trace \xff"
    stage.keeper._watch()
    assert len(made) == 2
    assert stage.puppet.given() == [3]
    assert [stage.status(id) for id in ids] == ["succeeded", "queued", "running"]
    error = stage.testing.job(ids[1])["error"]
    assert (error["kind"], error["detail"]) == ("crashed", "It died.")
    assert error["traceback"] == "trace \ufffd"


def test_a_death_between_two_jobs_costs_none_of_them_an_attempt(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """The next runner gets them all; one that can't even begin is not tried without a pause."""
    stage.claims(2)
    before = stage.clock.now
    stage.puppet.died = "It died."
    with caplog.at_level(logging.WARNING, "manydoors.worker"):
        stage.keeper._watch()
    assert stage.puppet.given() == [1, 2]
    assert stage.clock.now > before


def test_a_runner_that_does_none_of_its_jobs_is_replaced(stage: Stage) -> None:
    """They are given to the next."""
    stage.claims(2)
    stage.passes(0.1)
    stage.passes(LINGERS * 0.9)
    assert len(made) == 1
    stage.passes(LINGERS * 0.2)
    assert len(made) == 2
    assert stage.puppet.given() == [1, 2]


def test_a_runner_that_does_what_was_given_back_is_replaced(stage: Stage) -> None:
    """Nobody would watch over that."""
    stage.puppet.desk.begin(7, 0.0)
    stage.passes(0.1)
    stage.passes(LINGERS * 1.1)
    assert len(made) == 2


def test_what_was_claimed_long_ago_is_not_begun_any_more(stage: Stage) -> None:
    """This worker was stopped past the lease: others have it by now."""
    stage.claims(2)
    stage.begins(1)
    stage.testing.clock.sleep(stage.testing.room.engine.lease + 1)
    theirs = stage.testing.room.engine.claim(2)
    stage.passes(stage.testing.room.engine.lease + 1)
    assert len(made) == 2
    assert stage.puppet.given() == []
    stage.keeper._settle()
    for record in theirs:
        assert stage.testing.room.engine.renew(record).lease == record.lease


class Broken:
    """In place of an engine's `settle`: fails so often, then works."""

    def __init__(self, stage: Stage, errors: list[Exception]) -> None:
        self._engine, self.errors = stage.testing.room.engine, errors
        self._settle = self._engine.settle

    def __call__(self, endings: list[tuple[Record, Ending]]) -> object:
        if endings and self.errors:
            raise self.errors.pop(0)
        return self._settle(endings)


def test_endings_are_kept_while_the_store_is_unavailable(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written as soon as it is back; meanwhile nothing is claimed, and pauses grow."""
    broken = Broken(stage, [Unavailable("no room")] * 3)
    monkeypatch.setattr(stage.keeper.engine, "settle", broken)
    ids = stage.claims(1)
    stage.begins(1)
    stage.ends(1)
    pauses = []
    while broken.errors:
        assert stage.status(ids[0]) == "running"
        stage.keeper._feed()
        pauses.append(stage.keeper._settle_at - stage.clock.now)
        stage.clock.now = stage.keeper._settle_at
    assert pauses == pytest.approx([0.05, 0.1, 0.2])
    assert stage.status(ids[0]) == "succeeded"
    assert stage.keeper._trouble == 0


@pytest.mark.parametrize("part", ["claim", "sweep"])
def test_a_claim_that_fails_costs_what_runs_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Whatever others write meanwhile, the worker lives, and looks again soon."""

    def outrun(*_: object) -> None:
        raise Stale("The job changes too often to be changed here.")

    engine = stage.keeper.engine
    ids = stage.claims(1)
    stage.begins(1)
    with monkeypatch.context() as patch:
        patch.setattr(engine if part == "claim" else engine.orphans, part, outrun)
        stage.keeper._ahead, stage.keeper._rung = MOST_AHEAD, True
        stage.keeper._feed()
    assert stage.keeper._look_at == stage.clock.now + LOOK_EVERY
    stage.ends(1)
    assert stage.status(ids[0]) == "succeeded"


def test_an_ending_that_no_store_takes_costs_the_others_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job fails, and the worker lives on."""
    monkeypatch.setattr(
        stage.keeper.engine, "settle",
        Broken(stage, [ValueError("together"), ValueError("alone")]),
    )  # fmt: skip
    ids = stage.claims(2)
    for number in (1, 2):
        stage.begins(number)
        stage.ends(number)
    assert [stage.status(id) for id in ids] == ["queued", "succeeded"]
    assert "alone" in stage.testing.job(ids[0])["error"]["detail"]


def test_told_to_stop_it_claims_nothing_and_gives_back_what_was_not_begun(stage: Stage) -> None:
    """What runs has some seconds to come to a boundary; then it is continued elsewhere."""
    ids = stage.claims(2)
    stage.begins(1)
    stage.keeper._stop()
    more = stage.claims(1)
    assert stage.puppet.sent[-2:] == [{"stop": True}, {"revoke": [1, 2]}]
    stage.puppet.says.append({"revoked": [2]})
    stage.keeper._hear()
    assert [stage.status(id) for id in (*ids, *more)] == ["running", "queued", "queued"]
    stage.passes(STOP_SECONDS * 0.9)
    assert not stage.keeper._is_done()
    stage.passes(STOP_SECONDS * 0.2)
    assert stage.status(ids[0]) == "queued"
    assert stage.testing.job(ids[0])["attempt"] == 1
    assert stage.keeper._is_done()


def test_a_crash_while_it_stops_begins_nothing_more(stage: Stage) -> None:
    """What was not begun goes back."""
    ids = stage.claims(2)
    stage.begins(1)
    stage.keeper._stop()
    stage.puppet.died = "It died."
    stage.keeper._watch()
    assert stage.puppet.given() == []
    assert stage.status(ids[1]) == "queued"
    assert stage.keeper._is_done()


def test_a_store_that_stays_away_does_not_keep_a_worker_from_leaving(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time, the lease's end is how others learn of it."""
    broken = Broken(stage, [Unavailable("no room")] * 9)
    monkeypatch.setattr(stage.keeper.engine, "settle", broken)
    stage.claims(1)
    stage.begins(1)
    stage.ends(1)
    stage.keeper._stop()
    stage.keeper._settle()
    assert not stage.keeper._is_done()
    stage.clock.now += STOP_SECONDS + 0.1
    assert stage.keeper._is_done()
