"""What readers of a job see: of its secrets, and of what it waits for."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from app import Run, Secret
from app.testing import Testing

SHOWN = {"user": "ada", "word": "********"}


@pytest.fixture
def id(lab: Testing, declare: Callable[..., Any]) -> str:
    def tried(user: str, word: Annotated[str, Secret]) -> None: ...

    declare(tried)
    return lab.submit("tried", user="ada", word="swordfish")


def test_secrets_are_masked(lab: Testing, id: str) -> None:
    """Before it runs, and after."""
    assert lab.job(id)["params"] == SHOWN
    lab.run()
    assert lab.job(id)["params"] == SHOWN


def test_those_of_a_batch_too(lab: Testing, id: str, declare: Callable[..., Any]) -> None:
    """A child that has several items has several secrets."""

    def parent(run: Run) -> None:
        run.map("tried", [{"user": "ada", "word": "swordfish"}] * 4, batch=2)

    declare(parent, "parent")
    lab.submit("parent")
    lab.run()
    assert [each["params"] for each in lab.jobs("tried") if each["parent"]] == [[SHOWN, SHOWN]] * 2


def test_of_an_operation_that_is_gone_all_is_masked(lab: Testing, id: str) -> None:
    """For nobody knows any more which of them are secret."""
    del lab.room.registry._operations["tried"]
    assert lab.job(id)["params"] == dict.fromkeys(SHOWN, "********")


def test_a_job_says_none_of_its_own(lab: Testing, declare: Callable[..., Any]) -> None:
    """Neither in its log, nor in the error that it ends with."""

    def tells(run: Run, word: Annotated[str, Secret]) -> None:
        run.log("it is", word)
        raise ValueError(f"no such word: {word}")

    declare(tells, "tells", retries=0)
    id = lab.submit("tells", word="swordfish")
    lab.run()
    said = [*lab.log(id), lab.error(id)["detail"], lab.error(id)["traceback"]]
    assert len(said) >= 3
    assert not [each for each in said if "swordfish" in each]


def test_what_has_come_is_not_waited_for(lab: Testing, declare: Callable[..., Any]) -> None:
    """Neither once the signal is there, nor while the run that it woke is at work."""
    seen: list[Any] = []

    def waits(run: Run) -> None:
        run.wait_for("go")
        seen.append(lab.job(run.id))

    declare(waits, "waits")
    id = lab.submit("waits")
    lab.run()
    assert lab.job(id)["waiting_for"] == {"reason": "signal", "name": "go"}
    lab.signal(id, "go")
    assert (lab.job(id)["status"], lab.job(id)["waiting_for"]) == ("queued", None)
    lab.run()
    assert [(each["status"], each["waiting_for"]) for each in seen] == [("running", None)]
