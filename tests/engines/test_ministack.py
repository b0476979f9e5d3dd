"""The engine that the adapters of AWS are tried on does what they rely on."""

import pytest

from tests.engines.ministack import Ministack

pytestmark = pytest.mark.engine


def test_reset(ministack: Ministack) -> None:
    """It answers, and forgets what a test made."""
    sqs = ministack.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert len(ministack.messages("q")) == 1
    ministack.reset()
    assert not sqs.list_queues().get("QueueUrls")
    sqs.close()
