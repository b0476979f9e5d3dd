"""The sweep: who is due and was not heard is rung for once more."""

from collections.abc import Callable
from typing import Any

import pytest

from app import Run
from app.room.boundary import Control
from app.room.engine import LEASE
from app.room.sweep import OVERDUE, RUNG, sweep
from app.testing import Testing


@pytest.fixture
def rung(lab: Testing, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that are told from here on, in their order."""

    def nap(run: Run) -> None:
        run.sleep(30)

    declare(lambda: None)
    declare(nap, "nap")
    told: list[str] = []
    queue = lab.room.ports.queue
    monkeypatch.setattr(queue, "ring", lambda *hints: told.extend(each.id for each in hints))
    return told


def swept(lab: Testing, rung: list[str]) -> list[str]:
    rung.clear()
    count = sweep(lab.room.registry, lab.room.ports)
    assert count == len(rung)
    return sorted(rung)


def test_a_job_that_nobody_heard_of(lab: Testing, rung: list[str]) -> None:
    """Once it is overdue, for a hint of its own is under way at first."""
    id = lab.submit("tried")
    assert swept(lab, rung) == []
    lab.advance(OVERDUE + 1)
    assert swept(lab, rung) == [id]
    lab.run()
    assert swept(lab, rung) == []


def test_a_job_whose_worker_died(lab: Testing, rung: list[str]) -> None:
    """Once its lease has ended."""
    id = lab.submit("tried")
    lab.room.engine.claim()
    lab.advance(LEASE - 1)
    assert swept(lab, rung) == []
    lab.advance(OVERDUE + 2)
    assert swept(lab, rung) == [id]


def test_a_job_that_slept(lab: Testing, rung: list[str]) -> None:
    """Once its time has come."""
    id = lab.submit("nap")
    lab.room.engine.settle(
        [(each, lab.room.engine.execute(each, Control())) for each in lab.room.engine.claim()]
    )
    assert swept(lab, rung) == []
    lab.advance(30 + OVERDUE + 1)
    assert swept(lab, rung) == [id]


def test_of_many_the_oldest(lab: Testing, rung: list[str]) -> None:
    """A few for each status: whoever wakes takes all that is due."""
    ids = [lab.submit("tried") for _ in range(RUNG + 5)]
    lab.advance(OVERDUE + 1)
    assert swept(lab, rung) == ids[:RUNG]
