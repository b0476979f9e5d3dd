"""The 16 hops of Lambda, for real: a function that calls itself again and again, as a task does.

(This engine counts calls alone; AWS counts messages over SQS and SNS too.)
"""

import io
import sys
import time
import zipfile

import pytest

from app.deployment.cloud import Cloud
from tests.deployment.home import provisioned, settle
from tests.engines.ministack import Ministack

pytestmark = pytest.mark.engine
HOPS = 20

CODE = """
import sys
sys.path[:0] = {path}
import boto3

def handle(event, context):
    queues = boto3.client("sqs")
    url = queues.get_queue_url(QueueName="seen")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody=str(event))
    if event < {hops}:
        boto3.client("lambda").invoke(
            FunctionName="manydoors-dev", InvocationType="Event", Payload=str(event + 1)
        )
"""


def hopping(aws: Ministack) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        path = [each for each in sys.path if each.endswith("site-packages")]
        package.writestr("handler.py", CODE.format(path=path, hops=HOPS))
    aws.client("lambda").create_function(
        FunctionName="manydoors-dev",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="handler.handle",
        Code={"ZipFile": code.getvalue()},
        Timeout=60,
    )


def hops(aws: Ministack) -> int:
    """How many there were, once there are no more."""
    queues = aws.client("sqs")
    url = queues.create_queue(QueueName="seen")["QueueUrl"]
    aws.client("lambda").invoke(FunctionName="manydoors-dev", InvocationType="Event", Payload=b"1")
    last = quiet = 0
    while last < HOPS and quiet < 40:
        told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        found = int(told["Attributes"]["ApproximateNumberOfMessages"])
        quiet = quiet + 1 if found == last else 0
        last = found
        time.sleep(0.1)
    queues.delete_queue(QueueUrl=url)
    return last


def test_a_chain_ends_at_the_sixteenth_run_unless_it_is_allowed(
    empty: Ministack, cloud: Cloud
) -> None:
    """So a job would stop in its 16th slice; what is set after a deployment lets it go on."""
    provisioned(cloud)
    hopping(empty)
    assert 16 <= hops(empty) < HOPS  # the last is tried twice more
    assert "Recursion" in settle(cloud)
    assert hops(empty) == HOPS
