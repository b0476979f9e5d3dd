"""Events in SNS, as ministack has it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.ports.aws.topic import SnsTopic
from tests.engines.ministack import ACCOUNT, Ministack
from tests.ports.suite_topic import TopicSuite, event

pytestmark = pytest.mark.engine


@pytest.fixture
def arn(ministack: Ministack) -> str:
    """Of a topic `told`."""
    found: str = ministack.client("sns").create_topic(Name="told")["TopicArn"]
    return found


@pytest.fixture
def received(ministack: Ministack, arn: str) -> Callable[[], list[Any]]:
    """What a queue that listens to it gets."""
    sqs, sns = ministack.client("sqs"), ministack.client("sns")
    url = sqs.create_queue(QueueName="ear")["QueueUrl"]
    queue = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:ear"
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)

    def receive() -> list[Any]:
        found: list[Any] = []
        while came := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0 if found else 1
        ).get("Messages"):
            found += [json.loads(message["Body"]) for message in came]
        return found

    return receive


@pytest.fixture
def topic(arn: str) -> Iterator[SnsTopic]:
    topic = SnsTopic("told")
    yield topic
    topic.close()


class TestSns(TopicSuite):
    @pytest.fixture
    def deaf(self, ministack: Ministack) -> SnsTopic:
        return SnsTopic("nowhere")


@pytest.mark.parametrize("by", ["name", "arn"])
def test_who_listens_hears(
    topic: SnsTopic, arn: str, received: Callable[[], list[Any]], by: str
) -> None:
    """Each event is a message, its type an attribute; of a topic by its name or its ARN."""
    named = topic if by == "name" else SnsTopic(arn)
    events = [event(n, text="grüße") for n in range(12)]
    named.publish(*events)
    came = received()
    assert sorted(json.loads(one["Message"])["id"] for one in came) == sorted(
        one["id"] for one in events
    )
    assert json.loads(came[0]["Message"])["data"] == {"text": "grüße"}
    assert came[0]["MessageAttributes"]["type"]["Value"] == "job.failed"
    named.close()


def test_ten_cost_one_request(arn: str) -> None:
    """An ARN needs no look-up."""
    asked: list[str] = []
    topic = SnsTopic(arn, trace=lambda verb, answer: asked.append(verb))
    topic.publish(*(event(n) for n in range(11)))
    assert asked == ["publish_batch"] * 2
    topic.close()
