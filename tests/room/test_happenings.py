"""Who asked for it hears how jobs ended."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app import Refused, Run, Topic
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.errors import Unavailable
from app.room.job import Ending, Error
from app.testing import Testing

Declare = Callable[..., Any]


class Told:
    """A topic that writes down what it hears."""

    def __init__(self) -> None:
        self.heard = True
        self.events: list[dict[str, Any]] = []

    def publish(self, *events: dict[str, Any]) -> None:
        self.events += events


@pytest.fixture
def told(lab: Testing) -> Told:
    """What the lab's service publishes."""
    topic = Told()
    lab.room = Room(lab.room.registry, replace(lab.room.ports, topic=topic))
    return topic


@pytest.fixture
def heard(lab: Testing, declare: Declare) -> list[Any]:
    """What an operation hears that takes all kinds of endings."""
    heard: list[Any] = []

    def hear(message: dict[str, object]) -> None:
        heard.append(message)

    declare(hear, "hear", on=[Topic("job.succeeded"), Topic("job.failed"), Topic("job.cancelled")])
    return heard


def fail() -> None:
    raise Refused("Too many cats.")


def test_each_kind_of_ending_is_told(
    lab: Testing, declare: Declare, heard: list[Any], told: Told
) -> None:
    """Inside the service and outside, with what it came to."""
    declare(lambda: 1, "fine")
    declare(fail, "fails")
    ids = [lab.submit("fine"), lab.submit("fails"), lab.submit("fine", delay=60)]
    lab.cancel(ids[2])
    lab.run()
    about = {"owner": "local"}
    fine = {"job": ids[0], "operation": "fine", "status": "succeeded"} | about
    failed = {"job": ids[1], "operation": "fails", "status": "failed"} | about
    failed["error"] = {"kind": "refused", "detail": "Too many cats."}  # type: ignore[assignment]
    cancelled = {"job": ids[2], "operation": "fine", "status": "cancelled"} | about
    expected = [cancelled, fine, failed]
    assert [event["data"] for event in told.events] == expected
    assert sorted(heard, key=str) == sorted(expected, key=str)
    assert [event["type"] for event in told.events] == [
        "job.cancelled", "job.succeeded", "job.failed",
    ]  # fmt: skip


def test_it_is_a_cloud_event(lab: Testing, declare: Declare, told: Told) -> None:
    """With all that the specification asks for; its id is the ending's own."""
    declare(lambda: 1, "fine")
    id = lab.submit("fine")
    lab.run()
    (event,) = told.events
    del event["data"]
    assert event == {
        "specversion": "1.0",
        "id": f"{id}.succeeded",
        "source": "/v1/jobs",
        "type": "job.succeeded",
        "subject": id,
        "time": event["time"],
        "datacontenttype": "application/json",
    }
    assert event["time"].endswith("+00:00")


def test_an_operation_gets_what_it_names(lab: Testing, declare: Declare) -> None:
    """Those facts that it has parameters for; of other endings it does not hear."""
    heard: list[Any] = []

    def tell(job: str, operation: str, error: dict[str, str]) -> None:
        heard.append((job, operation, error["detail"]))

    declare(tell, "tell", on=[Topic("job.failed")])
    declare(lambda: 1, "fine")
    declare(fail, "fails")
    lab.submit("fine")
    id = lab.submit("fails")
    lab.run()
    assert heard == [(id, "fails", "Too many cats.")]


def test_of_what_an_event_started_nothing_is_told(
    lab: Testing, declare: Declare, heard: list[Any], told: Told
) -> None:
    """Else it would go round in circles."""
    declare(lambda: 1, "fine")
    lab.submit("fine")
    lab.run()
    assert len(heard) == len(told.events) == 1
    assert len(lab.jobs("hear")) == 1


def test_of_children_nothing_is_told(
    lab: Testing, declare: Declare, heard: list[Any], told: Told
) -> None:
    """They are a part of their parent."""

    def parent(run: Run) -> Any:
        return list(run.map("child", [{"n": n} for n in range(3)]))

    def child(n: int) -> int:
        return n

    declare(child, "child")
    declare(parent, "parent")
    lab.submit("parent")
    lab.run()
    assert [each["operation"] for each in heard] == ["parent"]
    assert len(told.events) == 1


def test_an_attempt_that_fails_is_no_ending(
    lab: Testing, declare: Declare, heard: list[Any]
) -> None:
    """A job that is tried again is told of when it ends."""
    tries: list[int] = []

    def shaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no")

    declare(shaky, "shaky")
    lab.submit("shaky")
    lab.run()
    assert len(tries) == 3
    assert [each["status"] for each in heard] == ["succeeded"]


def test_an_ending_that_is_written_twice_starts_once(
    lab: Testing, declare: Declare, heard: list[Any]
) -> None:
    """An answer that was lost makes a worker settle again."""
    declare(lambda: 1, "fine")
    lab.submit("fine")
    (claimed,) = lab.room.engine.claim()
    for _ in range(2):
        lab.room.engine.settle([(claimed, Ending("succeeded", result=1))])
    lab.run()
    assert len(heard) == 1


def test_trouble_with_telling_harms_no_job(
    lab: Testing, declare: Declare, heard: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has ended; an operation that cannot take it, or a store that is away, changes
    nothing of that."""

    def picky(cats: int) -> None:
        """Takes nothing that an event has."""

    declare(picky, "picky", on=[Topic("job.succeeded")])
    declare(lambda: 1, "fine")
    id = lab.submit("fine")
    (claimed,) = lab.room.engine.claim()

    def away(*given: Any, **named: Any) -> None:
        raise Unavailable("The store is away.")

    monkeypatch.setattr(lab.room.engine.acceptance, "accept", away)
    lab.room.engine.settle([(claimed, Ending("succeeded", result=1))])
    assert lab.result(id) == 1
    assert lab.jobs("picky") == []


def test_where_nobody_listens_no_event_is_made(
    lab: Testing, declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain job costs no more."""
    monkeypatch.setattr("app.room.happenings.event_of", None)
    declare(lambda: 1, "fine")
    id = lab.submit("fine")
    lab.run()
    assert lab.result(id) == 1


def test_what_could_not_be_read_is_not_told(lab: Testing, told: Told, heard: list[Any]) -> None:
    """A topic that writes back here would fill the store with its own echoes."""
    failed = Submission("inbox.unreadable", {}, failed=Error("malformed", "no"))
    lab.room.engine.submit(failed, LOCAL)
    lab.run()
    assert told.events == heard == []
