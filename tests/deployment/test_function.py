"""What Zappa can't set, on an engine that keeps it."""

from typing import Any

import pytest

from app.deployment.cloud import Cloud
from app.room.errors import Unknown
from tests.deployment.home import (
    DEAD,
    QUEUE,
    allowed,
    deployed,
    function_of,
    mapped,
    provisioned,
    settle,
)
from tests.engines.ministack import Ministack

pytestmark = pytest.mark.engine


@pytest.fixture
def arn(empty: Ministack, cloud: Cloud) -> str:
    provisioned(cloud)
    return deployed(empty)


def invocation(aws: Ministack, arn: str) -> Any:
    return aws.client("lambda").get_function_event_invoke_config(FunctionName=arn)


def test_all_is_set_once(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """A queue that Zappa mapped gets what it lacks; the second time there is nothing to set."""
    id = mapped(empty, arn, QUEUE)
    assert settle(cloud) == [
        "Recursion",
        "Retries of asynchronous calls",
        "Days that the log is kept",
        "Partial failures of sqs manydoors-dev",
        "Functions at once for sqs manydoors-dev",
    ]
    assert settle(cloud) == []
    client = empty.client("lambda")
    mapping = client.get_event_source_mapping(UUID=id)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 50}
    assert mapping["BatchSize"] == 10
    assert client.get_function_recursion_config(FunctionName=arn)["RecursiveLoop"] == "Allow"
    assert invocation(empty, arn)["MaximumRetryAttempts"] == 0
    (group,) = empty.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/aws/lambda/manydoors-dev", 30)


def test_a_function_that_is_not_there_is_unknown(cloud: Cloud, empty: Ministack) -> None:
    """Whoever asks says what to do."""
    with pytest.raises(Unknown):
        function_of(cloud)


@pytest.mark.parametrize("service", ["s3", "sns"])
def test_what_only_lambda_keeps_is_tried_again(
    empty: Ministack, cloud: Cloud, arn: str, service: str
) -> None:
    """An upload or a topic's message is in no store yet: it goes to the dead queue at last."""
    allowed(empty, arn, service, f"arn:aws:{service}:eu-central-1:000000000000:theirs")
    assert "Retries of asynchronous calls" in settle(cloud)
    told = invocation(empty, arn)
    assert told["MaximumRetryAttempts"] == 2
    assert told["DestinationConfig"]["OnFailure"] == {"Destination": DEAD}
    assert settle(cloud) == []
    empty.client("lambda").remove_permission(FunctionName=arn, StatementId=service)
    assert settle(cloud) == ["Retries of asynchronous calls"]
    told = invocation(empty, arn)
    assert told["MaximumRetryAttempts"] == 0
    assert not told.get("DestinationConfig", {}).get("OnFailure")


def test_a_log_kept_otherwise_is_left_so(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """Whoever set a year meant it."""
    logs = empty.client("logs")
    logs.create_log_group(logGroupName="/aws/lambda/manydoors-dev")
    logs.put_retention_policy(logGroupName="/aws/lambda/manydoors-dev", retentionInDays=365)
    assert "Days that the log is kept" not in settle(cloud)


def test_a_log_that_is_there_is_bounded(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """Lambda makes it at the first run, for ever."""
    empty.client("logs").create_log_group(logGroupName="/aws/lambda/manydoors-dev")
    assert "Days that the log is kept" in settle(cloud)
    assert settle(cloud) == []


def test_how_many_run_at_once_is_ones_own_choice(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """By the event source's `maximum_concurrency`; without it, what is set already stays."""
    id = mapped(empty, arn, QUEUE)
    client = empty.client("lambda")
    settle(cloud, {"arn": QUEUE, "maximum_concurrency": 7})
    assert client.get_event_source_mapping(UUID=id)["ScalingConfig"]["MaximumConcurrency"] == 7
    assert settle(cloud) == []
    settle(cloud, {"arn": QUEUE, "maximum_concurrency": 9})
    assert client.get_event_source_mapping(UUID=id)["ScalingConfig"]["MaximumConcurrency"] == 9


def test_a_queue_of_ones_own_hides_messages_long_enough(
    empty: Ministack, cloud: Cloud, arn: str
) -> None:
    """Six times the function's timeout; one that hides them longer is left so."""
    queues = empty.client("sqs")
    for name, seconds in (("short", 30), ("long", 9000)):
        url = queues.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(seconds)})
        told = queues.get_queue_attributes(QueueUrl=url["QueueUrl"], AttributeNames=["QueueArn"])
        # AWS and this engine ask that it be no shorter than the function's timeout.
        empty.client("lambda").update_function_configuration(FunctionName=arn, Timeout=20)
        mapped(empty, arn, told["Attributes"]["QueueArn"])
    empty.client("lambda").update_function_configuration(FunctionName=arn, Timeout=900)
    mended = settle(cloud)
    assert "Seconds that short hides a message" in mended
    assert "Seconds that long hides a message" not in mended
    url = queues.get_queue_url(QueueName="short")["QueueUrl"]
    told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert told["Attributes"]["VisibilityTimeout"] == "5400"


def test_a_queue_that_zappa_could_not_map_is_mapped(
    empty: Ministack, cloud: Cloud, arn: str
) -> None:
    """It only logs what AWS refuses, as with a role that is a moment old, and ends well."""
    event = {"arn": QUEUE, "batch_size": 20, "maximum_concurrency": 7}
    assert "Reading of sqs manydoors-dev" in settle(cloud, event)
    client = empty.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=arn)["EventSourceMappings"]
    assert mapping["EventSourceArn"] == QUEUE
    assert mapping["BatchSize"] == 20
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert settle(cloud, event) == []


def test_a_queue_that_nobody_reads_is_told(empty: Ministack, cloud: Cloud) -> None:
    """Not mapped at all, or switched off; but not one that the settings switch off."""
    provisioned(cloud)
    arn = deployed(empty, MANYDOORS_QUEUE="manydoors-dev")
    assert "Reading of sqs manydoors-dev" in settle(cloud)
    client = empty.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName=arn)["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    assert settle(cloud, {"arn": QUEUE, "enabled": False}) == []
    assert settle(cloud) == ["Reading of sqs manydoors-dev"]
    assert client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Enabled"


@pytest.mark.parametrize(("given", "position"), [({}, "TRIM_HORIZON"), ("LATEST", "LATEST")])
def test_a_stream_is_mapped_where_it_is_to_begin(
    empty: Ministack, cloud: Cloud, arn: str, given: Any, position: str
) -> None:
    """Zappa asks AWS without a position, is refused and goes on; by default nothing is missed."""
    made = empty.client("dynamodb").create_table(
        TableName="theirs",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    event = {"arn": made["TableDescription"]["LatestStreamArn"], "batch_size": 20}
    if given:
        event["starting_position"] = given
    assert "Where dynamodb theirs is read from" in settle(cloud, event)
    (mapping,) = empty.client("lambda").list_event_source_mappings(FunctionName=arn)[
        "EventSourceMappings"
    ]
    assert mapping["StartingPosition"] == position
    assert mapping["BatchSize"] == 20
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert settle(cloud, event) == []


def test_permissions_that_zappa_doubled_are_taken_back(
    empty: Ministack, cloud: Cloud, arn: str
) -> None:
    """One of each stays; the policy of a function has 20 KB, and then no update passes."""
    client = empty.client("lambda")
    for n in range(4):
        for source in ("arn:aws:sns:eu-central-1:000000000000:theirs", "arn:aws:s3:::theirs"):
            service = source.split(":")[2]
            client.add_permission(
                FunctionName=arn,
                StatementId=f"{service}{n}",
                Action="lambda:InvokeFunction",
                Principal=f"{service}.amazonaws.com",
                SourceArn=source,
            )
    callers = function_of(cloud).sources()
    assert "Permissions given twice" in settle(cloud)
    assert "Permissions given twice" not in settle(cloud)
    assert function_of(cloud).sources() == callers
    assert client.get_policy(FunctionName=arn)["Policy"].count('"Sid"') == 2


def test_who_brings_events_is_known(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """Mapped queues, and whoever may call."""
    topic = "arn:aws:sns:eu-central-1:000000000000:theirs"
    mapped(empty, arn, QUEUE)
    allowed(empty, arn, "sns", topic)
    assert function_of(cloud).sources() == {QUEUE, topic}


def test_each_says_why(empty: Ministack, cloud: Cloud, arn: str) -> None:
    """What it is, what it should be, and the reason."""
    told = {setting.what: setting.sentence for setting in function_of(cloud).settings()}
    assert told["Recursion"].startswith("Recursion: Terminate, not Allow. Lambda else ends")
    assert told["Days that the log is kept"].startswith("Days that the log is kept: none, not 30.")
