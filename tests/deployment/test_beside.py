"""What `doctor` says of a bucket, a queue and a topic that the settings name."""

from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.deployment import beside
from app.deployment.cloud import Cloud
from tests.deployment.conftest import cloud_of
from tests.deployment.home import provisioned
from tests.engines import ministack
from tests.engines.ministack import ACCOUNT

pytestmark = pytest.mark.engine
BUCKET, NAME = f"manydoors-dev-{ACCOUNT}", "manydoors-dev"
THERE = {"bucket": BUCKET, "queue": NAME, "topic": NAME}


def said(cloud: Cloud, **named: str) -> dict[str, str]:
    findings = beside.examine(Settings(data=Path("none"), **named), cloud)
    return {finding.check: f"{finding.state}: {finding.detail}" for finding in findings}


def test_what_is_there_is_told(cloud: Cloud) -> None:
    """By a name, or by a URL and an ARN; and nothing of what no setting names."""
    provisioned(cloud)
    assert {text.partition(":")[0] for text in said(cloud, **THERE).values()} == {"ok"}
    url = cloud.client("sqs").get_queue_url(QueueName=NAME)["QueueUrl"]
    by_address = said(cloud, queue=url, topic=cloud.arn("sns", NAME))
    assert {text.partition(":")[0] for text in by_address.values()} == {"ok"}
    assert said(cloud) == {}


def test_what_is_not_there_is_told_with_its_setting(cloud: Cloud) -> None:
    """A service starts without any of them, and loses what it sends there."""
    told = said(cloud, bucket="nowhere", queue="nowhere", topic="nowhere")
    for what, text in told.items():
        setting = f"MANYDOORS_{what.upper()}"
        assert text.startswith(
            f"wrong: AWS could not look at the {what} nowhere, which {setting} names: "
        )


def test_what_may_not_be_used_is_wrong_and_a_topic_may_be_unseen(require: Any) -> None:
    """Whoever publishes needs no right to look at a topic."""
    with ministack.running(require, AUTH="true") as strict:
        provisioned(cloud_of(strict))
        iam = strict.client("iam")
        iam.create_user(UserName="nobody")
        made = iam.create_access_key(UserName="nobody")["AccessKey"]
        told = said(cloud_of(strict, made["AccessKeyId"], made["SecretAccessKey"]), **THERE)
    words = "AWS does not let these credentials look at the"
    assert told["bucket"].startswith(f"wrong: {words} bucket")
    assert told["queue"].startswith(f"wrong: {words} queue")
    assert told["topic"].startswith(f"advice: {words} topic")
