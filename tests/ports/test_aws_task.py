"""Jobs told of by Zappa's asynchronous tasks, by way of ministack's Lambda."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ports import Hint
from app.ports.aws.task import MOST, TaskQueue, work
from handlers import task
from tests.engines.ministack import Ministack
from tests.ports.suite_queue import Hears, QueueSuite

pytestmark = pytest.mark.engine

WRITES_DOWN = """
import json, os, uuid

def handle(event, context):
    path = f"{os.environ['SEEN']}/{uuid.uuid4().hex}"
    with open(path + ".part", "w") as file:
        json.dump(event, file)
    os.rename(path + ".part", path)
"""


class Rest:
    """Where a task queue leaves what is no task."""

    def __init__(self) -> None:
        self.rung: list[str] = []

    def ring(self, *hints: Hint) -> None:
        self.rung += [hint.id for hint in hints]


@pytest.fixture
def rest() -> Rest:
    return Rest()


@pytest.fixture
def came(
    ministack: Ministack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], list[Any]]:
    """The events that a function `doors` got, once there are so many of them."""
    seen = tmp_path / "seen"
    seen.mkdir()
    ministack.function("doors", WRITES_DOWN, SEEN=str(seen))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")

    def wait(number: int, seconds: float = 20.0) -> list[Any]:
        end = time.monotonic() + seconds
        while True:
            found = [each for each in seen.iterdir() if each.suffix != ".part"]
            if len(found) >= number or time.monotonic() >= end:
                return [json.loads(each.read_text()) for each in found]
            time.sleep(0.05)

    return wait


@pytest.fixture
def queue(came: Any, rest: Rest) -> Iterator[TaskQueue]:
    queue = TaskQueue(rest)
    yield queue
    queue.close()


class TestTask(QueueSuite):
    @pytest.fixture
    def queue(self, came: Any) -> Iterator[TaskQueue]:
        queue = TaskQueue(None)
        yield queue
        queue.close()

    @pytest.fixture
    def hears(self, came: Callable[..., list[Any]]) -> Hears:
        return lambda seconds: bool(came(1, seconds))

    @pytest.fixture
    def deaf(self, ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> TaskQueue:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "nowhere")
        return TaskQueue(None)

    def test_a_delay_holds_a_hint_back(self, queue: Any, hears: Hears) -> None:
        """There is no task for later: without a queue the tick finds the job."""
        queue.ring(Hint("job_1", 1.9))
        assert not hears(0.5)


def test_the_event_is_the_doors(queue: TaskQueue, came: Callable[..., list[Any]]) -> None:
    """What Zappa sends is what `handlers.task` takes for a hint."""
    queue.ring(Hint("job_1", offload="task"))
    (event,) = came(1)
    assert task.knows(event)
    (ask,) = task.asks(event, None)  # type: ignore[arg-type]
    assert (ask.what.hint, ask.id) == ("job_1", "job_1")  # type: ignore[union-attr]


def test_a_queue_takes_what_is_not_to_be_a_task(rest: Rest, came: Callable[..., list[Any]]) -> None:
    """By default, when it is due later, and what is over ten at once."""
    accepted: list[int] = []
    queue = TaskQueue(rest, trace=lambda verb, answer: accepted.append(answer["StatusCode"]))
    queue.ring(Hint("a"), Hint("b", offload="queue"), Hint("c", 5.0, "task"), Hint("d", 0, "task"))
    assert rest.rung == ["a", "b", "c"]
    assert [event["args"] for event in came(1)] == [["d"]]
    queue.ring(*(Hint(f"job_{n}", 0, "task") for n in range(MOST + 2)))
    assert rest.rung[3:] == [f"job_{MOST}", f"job_{MOST + 1}"]
    # What Lambda took it will bring; the engine that stands for it loses some of many at once.
    assert accepted == [202] * (1 + MOST)
    queue.close()


def test_what_fails_as_a_task_goes_to_the_queue(
    ministack: Ministack,
    rest: Rest,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And the log says what to do."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "nowhere")
    with caplog.at_level(logging.WARNING):
        TaskQueue(rest).ring(Hint("a", 0, "task"), Hint("b", 0, "task"))
    assert rest.rung == ["a", "b"]
    assert "Lambda's function is not there" in caplog.text


def test_another_handler_than_ours_runs_nothing() -> None:
    """Zappa's own would call what the task names: it says what to set."""
    with pytest.raises(RuntimeError, match="lambda_handler"):
        work("job_1")
