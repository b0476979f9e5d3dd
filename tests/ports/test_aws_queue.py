"""Hints in SQS, as ministack has it."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.ports import Hint
from app.ports.aws.queue import SqsQueue
from tests.engines.ministack import Ministack
from tests.ports.suite_queue import Hears, QueueSuite

pytestmark = pytest.mark.engine


@pytest.fixture
def there(ministack: Ministack) -> str:
    """The URL of a queue `jobs`."""
    url: str = ministack.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    return url


@pytest.fixture
def asked() -> list[str]:
    """What was asked of SQS."""
    return []


@pytest.fixture
def queue(there: str, asked: list[str]) -> Iterator[SqsQueue]:
    queue = SqsQueue("jobs", trace=lambda verb, answer: asked.append(verb))
    yield queue
    queue.close()


@pytest.fixture
def received(ministack: Ministack, there: str) -> Callable[[int], list[Any]]:
    """The messages that are there now, or come within so many seconds."""
    sqs = ministack.client("sqs")

    def receive(wait: int) -> list[Any]:
        found: list[Any] = []
        while came := sqs.receive_message(
            QueueUrl=there, MaxNumberOfMessages=10, WaitTimeSeconds=0 if found else wait
        ).get("Messages"):
            found += came
        return found

    return receive


class TestSqs(QueueSuite):
    @pytest.fixture
    def hears(self, received: Callable[[int], list[Any]]) -> Hears:
        return lambda seconds: bool(received(int(seconds)))

    @pytest.fixture
    def deaf(self, ministack: Ministack) -> SqsQueue:
        return SqsQueue("nowhere")


def test_a_message_is_what_the_handler_reads(
    queue: SqsQueue, received: Callable[[int], list[Any]]
) -> None:
    """`{"job": id}`, one for each hint."""
    queue.ring(*(Hint(f"job_{n}") for n in range(23)))
    bodies = [json.loads(message["Body"]) for message in received(1)]
    assert sorted(body["job"] for body in bodies) == sorted(f"job_{n}" for n in range(23))
    assert all(len(body) == 1 for body in bodies)


def test_ten_cost_one_request(queue: SqsQueue, asked: list[str]) -> None:
    """And the look-up of the name comes once a process."""
    queue.ring(Hint("job_1"))
    assert asked == ["get_queue_url", "send_message_batch"]
    asked.clear()
    queue.ring(*(Hint(f"job_{n}") for n in range(20)))
    assert asked == ["send_message_batch"] * 2


def test_a_url_needs_no_look_up(there: str, asked: list[str]) -> None:
    """With the queue's URL a cold start has a request less."""
    queue = SqsQueue(there, trace=lambda verb, answer: asked.append(verb))
    queue.ring(Hint("job_1"))
    assert asked == ["send_message_batch"]
    queue.close()


def test_what_sqs_cannot_hold_so_long_is_left(
    queue: SqsQueue, asked: list[str], ministack: Ministack
) -> None:
    """A job that is due in more than 15 minutes is the tick's; one in exactly 15 is not."""
    queue.ring(Hint("job_1", 901.0), Hint("job_2", 86400.0))
    assert asked == []
    queue.ring(Hint("job_3", 900.4), Hint("job_4", 901.0))
    assert asked[-1] == "send_message_batch"
    assert len(ministack.messages("jobs")) == 1


def test_what_sqs_does_not_take_is_sent_once_more(
    queue: SqsQueue, received: Callable[[int], list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """Of a batch some may fail; what fails again leaves a line in the log."""
    ask, sent = queue._wire.ask, list[Any]()

    def partly(verb: str, **request: Any) -> Any:
        if verb != "send_message_batch":
            return ask(verb, **request)
        sent.append([entry["MessageBody"] for entry in request["Entries"]])
        last = request["Entries"].pop()
        if request["Entries"]:
            ask(verb, **request)
        return {"Failed": [{"Id": last["Id"], "Code": "InternalError", "SenderFault": False}]}

    queue._wire.ask = partly  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        queue.ring(Hint("job_1"), Hint("job_2"))
    assert sent == [['{"job": "job_1"}', '{"job": "job_2"}'], ['{"job": "job_2"}']]
    assert [message["Body"] for message in received(0)] == ['{"job": "job_1"}']
    assert "SQS did not take 1 hints" in caplog.text
