"""What the settings name of AWS beside the table: is each there, and may it be used?"""

from collections.abc import Iterator
from typing import Any

from app.config import Settings
from app.deployment.cloud import Cloud, explained
from app.deployment.finding import Finding, examined
from app.room.errors import Forbidden


def examine(settings: Settings, cloud: Cloud) -> Iterator[Finding]:
    """Changes nothing, and asks what the service itself may ask, where there is such a thing."""
    if settings.bucket:
        yield from examined("bucket", lambda: _bucket(cloud, settings.bucket))
    if settings.queue:
        yield from examined("queue", lambda: _queue(cloud, settings.queue))
    if settings.topic:
        yield from examined("topic", lambda: _topic(cloud, settings.topic))


def _bucket(cloud: Cloud, name: str) -> Iterator[Finding]:
    # A HEAD would be allowed to fewer, and says of no trouble what it is.
    with _looking("bucket", name, "MANYDOORS_BUCKET"):
        cloud.client("s3").list_multipart_uploads(Bucket=name, MaxUploads=1)
    yield _there("bucket", name)


def _queue(cloud: Cloud, name: str) -> Iterator[Finding]:
    queues = cloud.client("sqs")
    with _looking("queue", name, "MANYDOORS_QUEUE"):
        if "://" in name:
            queues.get_queue_attributes(QueueUrl=name, AttributeNames=["QueueArn"])
        else:
            queues.get_queue_url(QueueName=name)
    yield _there("queue", name)


def _topic(cloud: Cloud, name: str) -> Iterator[Finding]:
    arn = name if ":" in name else cloud.arn("sns", name)
    try:
        with _looking("topic", name, "MANYDOORS_TOPIC"):
            cloud.client("sns").get_topic_attributes(TopicArn=arn)
    except Forbidden as error:  # whoever may publish need not be allowed to look
        yield Finding("topic", "advice", error.detail)
        return
    yield _there("topic", name)


def _looking(what: str, name: str, setting: str) -> Any:
    return explained(f"look at the {what} {name}, which {setting} names")


def _there(what: str, name: str) -> Finding:
    return Finding(what, "ok", f"{what} {name} is there")
