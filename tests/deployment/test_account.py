"""What `doctor` says of a stage."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.deployment.account import Account
from app.deployment.cloud import Cloud
from app.deployment.finding import Finding
from app.ports.local.records import LocalRecords
from app.room.operation import Operation, Registry
from tests.deployment.conftest import cloud_of
from tests.deployment.home import NAMES, QUEUE, deployed, mapped, provisioned, settle, ticking
from tests.engines.ministack import ACCOUNT, Ministack

pytestmark = pytest.mark.engine
BUCKET = f"manydoors-dev-{ACCOUNT}"
VARIABLES = {
    "MANYDOORS_BUCKET": BUCKET,
    "MANYDOORS_QUEUE": "manydoors-dev",
    "MANYDOORS_TOPIC": f"arn:aws:sns:eu-central-1:{ACCOUNT}:manydoors-dev",
}


@pytest.fixture
def examine(cloud: Cloud, tmp_path: Path) -> Any:
    def findings(operations: Iterable[Operation] = (), **options: Any) -> list[Finding]:
        account = Account(cloud, NAMES, **options)
        return list(account.examine(lambda: LocalRecords(tmp_path / "far.db"), operations))

    return findings


def wrong(findings: list[Finding]) -> list[str]:
    return [f"{each.check}: {each.detail}" for each in findings if each.state == "wrong"]


def test_a_stage_that_is_well(empty: Ministack, cloud: Cloud, examine: Any) -> None:
    """Each part is told; that this is no AWS is advice."""
    provisioned(cloud)
    function = deployed(empty, **VARIABLES)
    mapped(empty, function, QUEUE)
    ticking(empty, function)
    settle(cloud)
    findings = examine()
    assert wrong(findings) == []
    assert [each.check for each in findings if each.state == "advice"] == ["endpoint"]
    assert {each.check for each in findings} == {
        *("credentials", "region", "endpoint", "clock", "stack", "table", "store", "bucket"),
        *("queue", "topic", "function"),
    }


def test_a_stage_that_is_not_there(examine: Any) -> None:
    """Everything is missing, and one command makes it."""
    told = wrong(examine())
    assert {line.partition(":")[0] for line in told} == {
        *("stack", "table", "bucket", "queue", "topic"),
    }
    assert "run `python -m app provision dev`" in told[0]


def test_what_was_deleted_by_hand_is_told_with_the_way_back(
    empty: Ministack, cloud: Cloud, examine: Any
) -> None:
    """The way works: the stack goes, what holds data stays, and all is made or taken over."""
    stack = provisioned(cloud)
    cloud.client("dynamodb").put_item(TableName="manydoors-dev", Item={"k": {"S": "kept"}})
    queues = cloud.client("sqs")
    queues.delete_queue(QueueUrl=queues.get_queue_url(QueueName="manydoors-dev")["QueueUrl"])
    (line,) = wrong(examine())
    assert "delete the stack manydoors-dev-base" in line
    cloud.client("cloudformation").delete_stack(StackName=stack.name)
    for _ in range(600):
        if stack.status() is None:
            break
        time.sleep(0.05)
    cloud.client("s3").delete_bucket(Bucket=BUCKET)  # this engine takes no bucket back
    provisioned(cloud)
    assert wrong(examine()) == []
    found = cloud.client("dynamodb").get_item(TableName="manydoors-dev", Key={"k": {"S": "kept"}})
    assert "Item" in found


def test_a_stage_without_a_function_is_no_trouble(cloud: Cloud, examine: Any) -> None:
    """It is the next step."""
    provisioned(cloud)
    findings = examine()
    assert wrong(findings) == []
    assert findings[-1].detail == "manydoors-dev is not deployed: make deploy STAGE=dev"


def test_what_was_changed_by_hand_is_told(empty: Ministack, cloud: Cloud, examine: Any) -> None:
    """Each by its own line."""
    provisioned(cloud)
    dynamo, s3, queues = (empty.client(name) for name in ("dynamodb", "s3", "sqs"))
    dynamo.update_continuous_backups(
        TableName="manydoors-dev",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )
    dynamo.update_table(TableName="manydoors-dev", DeletionProtectionEnabled=False)
    s3.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    url = queues.get_queue_url(QueueName="manydoors-dev")["QueueUrl"]
    queues.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    told = "\n".join(wrong(examine()))
    for words in (
        "it cannot be restored to a point in time",
        "it is not protected from deletion",
        "the public may be let in",
        "what is overwritten or deleted cannot be got back",
        "what fails again and again never goes to manydoors-dev-dead",
    ):
        assert words in told
    assert len(told.splitlines()) == 5


def test_a_function_as_zappa_left_it_is_told(empty: Ministack, cloud: Cloud, examine: Any) -> None:
    """Each setting with its reason, and the command that sets it."""
    provisioned(cloud)
    function = deployed(empty, **VARIABLES)
    mapped(empty, function, QUEUE)
    ticking(empty, function)
    told = wrong(examine())
    assert len(told) == 5
    assert all("`zappa update dev` sets it" in line for line in told)


@pytest.mark.parametrize("name", ["MANYDOORS_TABLE", "MANYDOORS_QUEUE", "MANYDOORS_TOPIC"])
def test_a_function_of_another_stages_things_is_told(
    empty: Ministack, cloud: Cloud, examine: Any, name: str
) -> None:
    """It would do prod's jobs."""
    provisioned(cloud)
    ticking(empty, deployed(empty, **VARIABLES | {name: "manydoors-prod"}))
    settle(cloud)
    (line,) = wrong(examine())
    assert f"its {name} is 'manydoors-prod'" in line


def test_what_lies_in_the_dead_queue_is_told(empty: Ministack, cloud: Cloud, examine: Any) -> None:
    """Somebody should look at it; nothing is broken."""
    provisioned(cloud)
    url = empty.client("sqs").get_queue_url(QueueName="manydoors-dev-dead")["QueueUrl"]
    empty.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    findings = examine()
    assert wrong(findings) == []
    assert any("1 messages lie in manydoors-dev-dead" in each.detail for each in findings)


def test_a_function_that_no_clock_calls_is_told(
    empty: Ministack, cloud: Cloud, examine: Any
) -> None:
    """Nor one that does not go: without the tick nothing happens at its time."""
    provisioned(cloud)
    function = deployed(empty, **VARIABLES)
    settle(cloud)
    assert any("no clock calls it" in line for line in wrong(examine()))
    ticking(empty, function)
    assert wrong(examine()) == []
    empty.client("events").disable_rule(Name="tick")
    assert any("no clock calls it" in line for line in wrong(examine()))


@pytest.mark.parametrize(("off", "words"), [(400.0, "ahead of"), (-400.0, "behind")])
def test_a_clock_that_is_off_is_told(examine: Any, off: float, words: str) -> None:
    """AWS refuses what is five minutes off, with an error that speaks of signatures."""
    told = wrong(examine(now=lambda: time.time() + off))
    assert any(line.startswith("clock: it is") and words in line for line in told)


def test_limits_that_operations_meet_are_advice(
    empty: Ministack, cloud: Cloud, examine: Any
) -> None:
    """By what the function really has."""
    provisioned(cloud)
    ticking(empty, deployed(empty, timeout=60, **VARIABLES))
    settle(cloud)
    registry = Registry()
    registry.operation("some.name", long=True)(lambda: None)
    findings = examine(registry)
    assert wrong(findings) == []
    assert [each.check for each in findings if each.check == "limits"] == ["limits"]


def test_who_may_not_look_at_one_thing_is_told_of_the_others(
    empty: Ministack, cloud: Cloud, examine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's limits are not everybody's to read."""
    provisioned(cloud)
    deployed(empty, timeout=60, **VARIABLES)

    def refuse(**asked: Any) -> None:
        error = {"Code": "AccessDeniedException", "Message": "no lambda:GetAccountSettings"}
        raise ClientError({"Error": error}, "GetAccountSettings")

    monkeypatch.setattr(cloud.client("lambda"), "get_account_settings", refuse)
    registry = Registry()
    registry.operation("some.name", long=True)(lambda: None)
    findings = examine(registry)
    told = wrong(findings)
    assert any("does not let these credentials read the account's limits" in line for line in told)
    assert any("Recursion: Terminate, not Allow" in line for line in told)
    assert any("Reading of sqs manydoors-dev: none, not Enabled" in line for line in told)
    assert [each.check for each in findings if each.check == "limits"] == ["limits"]


def test_credentials_that_are_not_known_end_it(require: Any) -> None:
    """One line in place of ten."""
    from tests.engines import ministack

    with ministack.running(require, AUTH="true") as strict:
        account = Account(cloud_of(strict, "AKIAUNKNOWN000000000", "x"), NAMES)
        told = wrong(list(account.examine(lambda: LocalRecords(Path("never")), ())))
    assert len(told) == 1
    assert told[0].startswith("credentials: AWS does not know these credentials")
