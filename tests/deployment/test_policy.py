"""policy.json, judged by an IAM that is asked at each call: what the program does and no more."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.deployment.cloud import Cloud
from app.ports import Add, Delete, Hint, Put, Record
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.aws.topic import SnsTopic
from tests.deployment.conftest import cloud_of
from tests.deployment.home import ROLE, deployed, policy, provisioned
from tests.engines import ministack
from tests.engines.ministack import ACCOUNT, Ministack

pytestmark = pytest.mark.engine
TEXT = (Path(__file__).parents[2] / "policy.json").read_text()
KNOWN = {"partition": "aws", "region": "eu-central-1", "account": ACCOUNT, "stage": "dev"}
BUCKET = f"manydoors-dev-{ACCOUNT}"
REFUSED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "403")


@pytest.fixture(scope="module")
def strict(require: Any) -> Iterator[Ministack]:
    with ministack.running(require, AUTH="true") as running:
        cloud = cloud_of(running)
        provisioned(cloud)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        trust = {"Statement": [{**trust, "Principal": {"Service": "lambda.amazonaws.com"}}]}
        running.client("iam").create_role(
            RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust)
        )
        deployed(running)
        for service, made in OTHERS.items():
            getattr(running.client(service), made[0])(**made[1])
        yield running


OTHERS: dict[str, Any] = {
    "sqs": ("create_queue", {"QueueName": "manydoors-prod"}),
    "sns": ("create_topic", {"Name": "manydoors-prod"}),
    "dynamodb": (
        "create_table",
        {
            "TableName": "manydoors-prod",
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    ),
}


@pytest.fixture(scope="module")
def keys(strict: Ministack) -> tuple[str, str]:
    """Of somebody who may do what the function may."""
    iam = strict.client("iam")
    iam.create_user(UserName="function")
    iam.put_user_policy(UserName="function", PolicyName="only", PolicyDocument=filled())
    made = iam.create_access_key(UserName="function")["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


@pytest.fixture
def cloud(strict: Ministack, keys: tuple[str, str]) -> Cloud:
    return cloud_of(strict, *keys)


@pytest.fixture
def as_function(
    strict: Ministack, keys: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> Ministack:
    """What the adapters find in the environment."""
    for name, value in strict.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[1])
    return strict


# AWS knows no such verbs: who may send one message may send ten. This engine asks for them.
BATCHES = {"sqs:SendMessage": "sqs:SendMessageBatch", "sns:Publish": "sns:PublishBatch"}


def filled() -> str:
    text = TEXT
    for one, ten in BATCHES.items():
        text = text.replace(f'"Action": "{one}"', f'"Action": ["{one}", "{ten}"]')
        text = text.replace(f'                "{one}"', f'                "{one}", "{ten}"')
    return json.dumps(policy(text, **KNOWN))


def test_nothing_is_left_to_fill_in_and_nothing_is_for_all() -> None:
    """Each statement names resources of this stage, and verbs one by one."""
    document = policy(TEXT, **KNOWN)
    for statement in document["Statement"]:
        resources, verbs = statement["Resource"], statement["Action"]
        for resource in [resources] if isinstance(resources, str) else resources:
            assert "manydoors-dev" in resource
            assert "{" not in resource
        assert all("*" not in verb for verb in ([verbs] if isinstance(verbs, str) else verbs))


# What the adapters ask, and what AWS wants allowed for it.
VERBS = {
    "get_item": {"dynamodb:GetItem"},
    "batch_get_item": {"dynamodb:BatchGetItem"},
    "query": {"dynamodb:Query"},
    "put_item": {"dynamodb:PutItem"},
    "update_item": {"dynamodb:UpdateItem"},
    "transact_write_items": {"dynamodb:PutItem", "dynamodb:DeleteItem"},
    "get_object": {"s3:GetObject"},
    "head_object": {"s3:GetObject", "s3:ListBucket"},  # without the second 403 where there is none
    "put_object": {"s3:PutObject"},
    "delete_object": {"s3:DeleteObject"},
    "create_multipart_upload": {"s3:PutObject"},
    "upload_part": {"s3:PutObject"},
    "complete_multipart_upload": {"s3:PutObject"},
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "list_parts": {"s3:ListMultipartUploadParts"},
    "list_multipart_uploads": {"s3:ListBucketMultipartUploads"},
    "send_message_batch": {"sqs:SendMessage"},
    "get_queue_url": {"sqs:GetQueueUrl"},
    "publish_batch": {"sns:Publish"},
    "invoke": {"lambda:InvokeFunction"},
    "get_caller_identity": set(),
}
# As AWSLambdaSQSQueueExecutionRole has it.
BY_LAMBDA = {
    *("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
}


def test_each_verb_that_is_asked_is_allowed_and_no_other() -> None:
    """By the adapters' own words, and those of Lambda in the function's name."""
    adapters = (Path(__file__).parents[2] / "app" / "ports" / "aws").glob("*.py")
    text = "".join(path.read_text() for path in adapters)
    asked = set(re.findall(r'\.(?:ask|presign)\(\s*"(\w+)"', text))
    assert asked == VERBS.keys()
    allowed: set[str] = set()
    for statement in policy(TEXT, **KNOWN)["Statement"]:
        verbs = statement["Action"]
        allowed |= {verbs} if isinstance(verbs, str) else set(verbs)
    assert allowed == set().union(*VERBS.values()) | BY_LAMBDA


def test_records_can_be_kept(as_function: Ministack) -> None:
    """All that the adapter asks of DynamoDB."""
    records = AwsRecords("manydoors-dev")
    first, second = (
        Record("things", id, {"n": 1}, owner="me", label="new", due=1.0) for id in ("a", "b")
    )
    records.ping()
    records.commit(Put(first, expect=0))
    records.commit(Put(first, expect=1), Put(second, expect=0))
    records.commit(Put(first, expect=2), Add("things", "b", {"n": 1}))
    assert {record.id for record in records.list("things", owner="me").items} == {"a", "b"}
    assert len(records.take("things", now=2.0, until=60.0, limit=10, label="taken")) == 2
    assert records.count("things") == 2
    records.commit(Delete("things", "a"))
    records.close()


def test_hints_and_events_can_be_sent(
    as_function: Ministack, caplog: pytest.LogCaptureFixture
) -> None:
    """The adapters log what is refused, and log nothing here."""
    SqsQueue("manydoors-dev").ring(Hint("job_1"))
    SnsTopic("manydoors-dev").publish({"type": "job.ended"})
    assert caplog.messages == []
    assert len(as_function.messages("manydoors-dev")) == 1


def test_files_can_be_kept(strict: Ministack, cloud: Cloud) -> None:
    """By TLS alone. Whole and in parts; and one that is not there is absent, not forbidden."""
    s3, of = cloud.client("s3"), {"Bucket": BUCKET, "Key": "files/a"}
    with pytest.raises(ClientError, match="explicit deny"):
        s3.put_object(**of, Body=b"cat")
    strict.client("s3").delete_bucket_policy(Bucket=BUCKET)  # this engine has no TLS
    s3.put_object(**of, Body=b"cat", IfNoneMatch="*")
    assert s3.get_object(**of)["Body"].read() == b"cat"
    s3.delete_object(**of)
    with pytest.raises(ClientError) as raised:
        s3.head_object(**of)
    assert raised.value.response["Error"]["Code"] == "404"
    for ends in (s3.complete_multipart_upload, s3.abort_multipart_upload):
        upload = of | {"UploadId": s3.create_multipart_upload(**of)["UploadId"]}
        part = s3.upload_part(**upload, PartNumber=1, Body=io.BytesIO(b"cat"))
        assert s3.list_parts(**upload)["Parts"]
        assert s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        ends(**upload, **({"MultipartUpload": parts} if "complete" in ends.__name__ else {}))


def test_its_mapping_can_read_the_queue(cloud: Cloud) -> None:
    """Lambda reads a queue as the function's own role."""
    queues = cloud.client("sqs")
    url = queues.get_queue_url(QueueName="manydoors-dev")["QueueUrl"]
    queues.send_message(QueueUrl=url, MessageBody="x")
    (message,) = queues.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"]
    handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
    queues.delete_message(**handle)
    queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    dead = url + "-dead"
    queues.send_message(QueueUrl=dead, MessageBody="what Lambda gave up")


def test_it_can_call_itself_and_log(cloud: Cloud) -> None:
    """A task is a call of its own function."""
    called = cloud.client("lambda").invoke(FunctionName="manydoors-dev", Payload=b"{}")
    assert called["StatusCode"] == 200
    group = {"logGroupName": "/aws/lambda/manydoors-dev"}
    logs = cloud.client("logs")
    with suppress(logs.exceptions.ResourceAlreadyExistsException):  # by that call
        logs.create_log_group(**group)
    logs.create_log_stream(**group, logStreamName="s")
    logs.put_log_events(
        **group, logStreamName="s", logEvents=[{"timestamp": 1_700_000_000_000, "message": "x"}]
    )


@pytest.mark.parametrize(
    ("service", "verb", "request_"),
    [
        ("dynamodb", "scan", {"TableName": "manydoors-dev"}),
        ("dynamodb", "delete_table", {"TableName": "manydoors-dev"}),
        ("dynamodb", "update_table", {"TableName": "manydoors-dev"}),
        ("dynamodb", "get_item", {"TableName": "manydoors-prod", "Key": {"k": {"S": "a"}}}),
        ("s3", "put_bucket_policy", {"Bucket": BUCKET, "Policy": "{}"}),
        ("s3", "delete_bucket", {"Bucket": BUCKET}),
        ("s3", "list_buckets", {}),
        ("s3", "list_object_versions", {"Bucket": BUCKET}),
        ("sqs", "purge_queue", {"QueueUrl": f"{{url}}/{ACCOUNT}/manydoors-dev"}),
        ("sqs", "receive_message", {"QueueUrl": f"{{url}}/{ACCOUNT}/manydoors-dev-dead"}),
        (
            "sqs",
            "send_message",
            {"QueueUrl": f"{{url}}/{ACCOUNT}/manydoors-prod", "MessageBody": "x"},
        ),
        (
            "sns",
            "publish",
            {"TopicArn": f"arn:aws:sns:eu-central-1:{ACCOUNT}:manydoors-prod", "Message": "x"},
        ),
        ("lambda", "get_function", {"FunctionName": "manydoors-dev"}),
        ("lambda", "delete_function", {"FunctionName": "manydoors-dev"}),
        ("iam", "list_users", {}),
        ("logs", "describe_log_groups", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_rest_is_refused(
    strict: Ministack, cloud: Cloud, service: str, verb: str, request_: dict[str, Any]
) -> None:
    """Of its own stage what the program never does, and all of another stage."""
    asked = {
        name: value.replace("{url}", strict.url) if isinstance(value, str) else value
        for name, value in request_.items()
    }
    with pytest.raises(ClientError) as raised:
        getattr(cloud.client(service), verb)(**asked)
    assert raised.value.response["Error"]["Code"] in REFUSED


def test_a_verb_that_is_missing_is_missed(strict: Ministack) -> None:
    """The engine asks the policy indeed: without one of its statements the same call is refused."""
    document = policy(TEXT, **KNOWN)
    document["Statement"] = [each for each in document["Statement"] if each["Sid"] != "Records"]
    iam = strict.client("iam")
    iam.create_user(UserName="less")
    iam.put_user_policy(UserName="less", PolicyName="p", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName="less")["AccessKey"]
    dynamo = cloud_of(strict, made["AccessKeyId"], made["SecretAccessKey"]).client("dynamodb")
    with pytest.raises(ClientError, match="not authorized"):
        dynamo.get_item(TableName="manydoors-dev", Key={"k": {"S": "a"}})
