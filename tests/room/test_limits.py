"""A job's record has room for all that a job may keep in it at once, and grows no further."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app import Refused, Run
from app.ports import BODY_CAP, COMMIT_CAP, MOST_WRITES, Put, Record, Write
from app.room import lane as lane_module
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.claim import INLINE
from app.room.enter import Room
from app.room.errors import TooLarge
from app.room.happenings import event_of
from app.room.job import JOBS, SIGNAL_BYTES, TERMINAL, Ending
from app.room.job_error import error_of
from app.room.journal import MOST_INLINE
from app.room.lane import MOST, MOST_TURNS, Lane, Limits
from app.room.notes import LARGEST_STATE
from app.room.policy import Rate
from app.room.strict_json import write_json
from app.testing import Testing

FILLS = {"ascii": "x", "four bytes": "\U0001f408", "escapes": "\n", "long escapes": "\x01"}
STEP = 10_000  # encoded bytes that a small step remembers


def filled(size: int, fill: str) -> str:
    """A text that has so many encoded bytes with its quotes."""
    each = len(write_json(fill)) - 2
    return "y" * ((size - 2) % each) + fill * ((size - 2) // each)


def asleep(run: Run, fill: str) -> None:
    run.sleep(60)


def broken(run: Run, fill: str) -> None:
    raise ValueError(fill * 20_000)


def rich(run: Run, fill: str) -> str:
    return filled(INLINE, fill)


def greedy(run: Run, fill: str) -> None:
    """Remembers more in one item than the record keeps, again in each attempt."""
    for number in range(20):
        run.step(f"more {number}", filled, 99_000, fill)


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
@pytest.mark.parametrize(
    ("last", "ends"),
    [(asleep, "succeeded"), (broken, "failed"), (rich, "succeeded"), (greedy, "failed")],
)
def test_a_job_at_all_its_limits_fits_into_its_record(
    lab: Testing, last: Callable[[Run, str], Any], ends: str, fill: str
) -> None:
    """Parameters, state, signals, journal, log, error and result together, at every moment."""

    def tried(run: Run, text: str) -> Any:
        run.state["kept"] = filled(LARGEST_STATE - len('{"kept":}'), fill)
        for _ in run.each(range(1), every=1000):
            for number in range(MOST_INLINE // STEP - 1):
                run.step(f"small {number}", filled, STEP, fill)
            for _ in range(200):
                run.log(fill * 2000)
            run.progress(1, 2, fill * 200)
            given = last(run, fill)
        return given

    lab.room.registry.operation("tried", retries=4)(tried)
    id = lab.submit("tried", text=filled(INLINE - len('{"text":}'), fill), key="k" * 255)
    for number in range(2):
        lab.signal(id, f"early {number}", filled(SIGNAL_BYTES - 100, fill))
    sizes = []
    while lab.room.ports.records.get(JOBS, id).label not in TERMINAL:
        if lab.run_next() is None:
            lab.advance(60)
        sizes.append(len(write_json(lab.room.ports.records.get(JOBS, id).body)))
    assert max(sizes) <= BODY_CAP
    job = lab.job(id)
    assert job["status"] == ends
    if last is greedy:
        assert (job["error"]["kind"], job["attempt"]) == ("too_large", 1)
        assert "make the item a job of its own" in job["error"]["detail"]
    if last is broken:
        assert job["error"]["detail"].startswith("ValueError: ")


def test_a_lane_names_no_more_than_its_record_holds() -> None:
    """However many its limits let through: those with a place, and those with a turn."""
    limits = Limits(100_000, Rate(100_000, 1.0))
    lane, now = Lane("x" * 128, limits), 1795256130.123456
    for number in range(2 * MOST):
        if lane.room:
            lane = lane.more().promised(f"job_{number:026}", now)
        if number < MOST - MOST_TURNS:
            lane = lane.entered(f"job_{number:026}", now)
    assert (lane.room, len(lane.turns), len(lane.holders)) == (0, MOST_TURNS, MOST)
    (put,) = lane.write(now)
    assert isinstance(put, Put)
    assert len(write_json(put.record.body)) <= BODY_CAP


def test_a_lane_that_is_full_of_names_goes_on(
    lab: Testing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest waits in line, as at any limit."""
    monkeypatch.setattr(lane_module, "MOST", 3)
    lab.room.registry.operation("tried", long=True, concurrency=10, rate="8/s")(lambda: None)
    for _ in range(20):
        lab.submit("tried")
    running = lab.room.engine.claim(20)
    assert len(running) == 3
    lab.room.engine.settle([(each, Ending("succeeded", result=None)) for each in running])
    lab.run()
    assert {job["status"] for job in lab.jobs("tried")} == {"succeeded"}


def test_ten_of_the_largest_events_are_one_request() -> None:
    """SNS takes 256 KB in all, with their attributes."""
    sizes = []
    for fill in FILLS.values():
        error = error_of(Refused(fill * 20_000))
        body = {"operation": "o" * 128, "finished": 0.0, "error": vars(error)}
        record = Record(JOBS, "job_" + "0" * 26, body, owner="\U0001f408" * 512, label="failed")
        event = event_of(record)
        sizes.append(len(json.dumps(event, ensure_ascii=False).encode()) + len(event["type"]) * 2)
    assert 10 * max(sizes) < 262_144


class Tight:
    """A store whose commits hold no more than DynamoDB's, whatever the embedded one would take."""

    most_writes, most_bytes = MOST_WRITES, COMMIT_CAP

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *writes: Write) -> Any:
        bodies = [write.record.body for write in writes if isinstance(write, Put)]
        if len(writes) > MOST_WRITES or sum(len(write_json(each)) for each in bodies) > COMMIT_CAP:
            raise TooLarge("One commit holds no more.")
        return self._store.commit(*writes)


def test_many_large_jobs_of_a_lane_are_more_than_one_commit(lab: Testing) -> None:
    """They are let in, put aside, called and settled in as many as it takes."""
    store: Any = Tight(lab.room.ports.records)
    room = Room(lab.room.registry, replace(lab.room.ports, records=store))

    def tried(text: str) -> None:
        """Nothing."""

    lab.room.registry.operation("tried", long=True, concurrency=30)(tried)
    text, jobs = "x" * (INLINE - len('{"text":""}')), 70
    for _ in range(jobs):
        made = room.engine.submit(Submission("tried", {"text": text}), LOCAL)
        kept = made.body | {"state": {"kept": text}}  # of an attempt before
        store.commit(Put(replace(made, body=kept), expect=1))
    ended = 0
    while ended < jobs:
        running = room.engine.claim(64)
        assert running
        settled = room.engine.settle([(each, Ending("succeeded")) for each in running])
        ended += len([each for each in settled if each is not None])
        lab.advance(2)
    assert {job["status"] for job in lab.jobs("tried")} == {"succeeded"}
