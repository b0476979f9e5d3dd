"""A stack from nothing to nothing, on an engine that makes change sets."""

import json
import time
from typing import Any

import pytest

from app.deployment.cloud import Cloud
from app.deployment.names import Names
from app.deployment.stack import Stack
from app.deployment.template import INFRA, rendered
from app.room.errors import BadSetting, Conflict, Unknown
from tests.engines.ministack import ACCOUNT, Ministack

pytestmark = pytest.mark.engine
TEMPLATE = rendered(INFRA.read_text(), "dev", ACCOUNT)
BUCKET = f"manydoors-dev-{ACCOUNT}"


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    return Stack(cloud, Names("dev"), pause=lambda _: time.sleep(0.05))


def carried_out(stack: Stack, template: str) -> list[str]:
    plan = stack.plan(template)
    assert plan is not None
    steps: list[str] = []
    stack.carry_out(plan, steps.append)
    return steps


def changed(*path: str, to: Any = None) -> str:
    """The template with something else in one place; without it, for None."""
    document = json.loads(TEMPLATE)
    *before, last = path
    at = document
    for name in before:
        at = at[name]
    if to is None:
        del at[last]
    else:
        at[last] = to
    return json.dumps(document)


def test_a_stage_is_made_once(stack: Stack, empty: Ministack) -> None:
    """All of it at the first time, each step told; nothing at the second."""
    with pytest.raises(Unknown, match="app provision dev"):
        stack.outputs()
    plan = stack.plan(TEMPLATE)
    assert plan is not None
    assert {(each.action, each.resource) for each in plan.changes} == {
        ("add", name) for name in json.loads(TEMPLATE)["Resources"]
    }
    steps: list[str] = []
    stack.carry_out(plan, steps.append)
    assert any("create_complete" in step and "Table" in step for step in steps)
    made = stack.outputs()
    assert (made["Table"], made["Bucket"]) == ("manydoors-dev", BUCKET)
    assert made["Queue"].endswith("/manydoors-dev")
    assert made["Topic"].endswith(":manydoors-dev")
    assert stack.plan(TEMPLATE) is None
    assert stack.status() == "CREATE_COMPLETE"
    assert empty.client("dynamodb").describe_table(TableName="manydoors-dev")["Table"][
        "DeletionProtectionEnabled"
    ]


def test_a_plan_changes_nothing(stack: Stack, empty: Ministack) -> None:
    """Of a stage that is not there, nothing is there after it is forgotten."""
    plan = stack.plan(TEMPLATE)
    assert plan is not None
    stack.forget(plan)
    for _ in range(100):
        if stack.status() is None:
            break
        time.sleep(0.05)
    assert stack.status() is None
    assert empty.client("dynamodb").list_tables()["TableNames"] == []


def test_a_plan_left_over_is_no_hindrance(stack: Stack) -> None:
    """Whoever died between plan and deed left a stack that waits for a review."""
    assert stack.plan(TEMPLATE) is not None
    carried_out(stack, TEMPLATE)
    assert stack.status() == "CREATE_COMPLETE"


def test_a_change_is_told_by_its_property(stack: Stack) -> None:
    """And is carried out."""
    carried_out(stack, TEMPLATE)
    template = changed("Resources", "Queue", "Properties", "VisibilityTimeout", to=6000)
    plan = stack.plan(template)
    assert plan is not None
    (change,) = plan.changes
    assert (change.action, change.properties) == ("change", ("VisibilityTimeout",))
    assert plan.dangers == ()
    stack.carry_out(plan, lambda step: None)
    assert stack.plan(template) is None


def test_what_would_lose_data_is_pointed_out(stack: Stack) -> None:
    """A new name is a new, empty table; a queue that goes takes its messages along."""
    carried_out(stack, TEMPLATE)
    plan = stack.plan(changed("Resources", "Table", "Properties", "TableName", to="other"))
    assert plan is not None
    assert [each.resource for each in plan.dangers] == ["Table"]
    stack.forget(plan)
    document = json.loads(TEMPLATE)
    del document["Resources"]["Queue"], document["Outputs"]["Queue"]
    document["Resources"]["Table"]["DependsOn"].remove("Queue")
    plan = stack.plan(json.dumps(document))
    assert plan is not None
    assert [(each.resource, each.action) for each in plan.dangers] == [("Queue", "remove")]


def test_data_outlives_its_stack_and_is_taken_back(stack: Stack, empty: Ministack) -> None:
    """The records of a stage that was taken down are there when it is made again."""
    carried_out(stack, TEMPLATE)
    dynamo = empty.client("dynamodb")
    dynamo.put_item(TableName="manydoors-dev", Item={"k": {"S": "kept"}})
    empty.client("cloudformation").delete_stack(StackName="manydoors-dev-base")
    for _ in range(100):
        if stack.status() is None:
            break
        time.sleep(0.05)
    assert empty.client("s3").head_bucket(Bucket=BUCKET)
    empty.client("s3").delete_bucket(Bucket=BUCKET)  # this engine takes no bucket back
    plan = stack.plan(TEMPLATE)
    assert plan is not None
    assert {each.resource for each in plan.changes if each.action == "adopt"} == {"Table"}
    stack.carry_out(plan, lambda step: None)
    assert dynamo.get_item(TableName="manydoors-dev", Key={"k": {"S": "kept"}})["Item"]


def test_a_failure_says_why_and_leaves_nothing(stack: Stack, empty: Ministack) -> None:
    """Here the bucket's name is somebody else's; the next try begins anew."""
    empty.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    template = changed("Resources", "Bucket", "DeletionPolicy", to="Delete")
    with pytest.raises(Conflict, match=rf"Bucket.*{BUCKET}"):
        carried_out(stack, template)
    assert empty.client("dynamodb").list_tables()["TableNames"] == []
    empty.client("s3").delete_bucket(Bucket=BUCKET)
    carried_out(stack, TEMPLATE)


def test_a_template_that_cannot_be_read_is_refused(stack: Stack) -> None:
    """In AWS's words, and nothing is left."""
    with pytest.raises(Conflict, match="Nonsense"):
        stack.plan(changed("Resources", "Topic", "Type", to="AWS::Nonsense::Thing"))
    carried_out(stack, TEMPLATE)


@pytest.mark.parametrize(
    ("name", "fine"),
    [
        ("dev", True),
        ("a" * 20, True),
        ("a" * 21, False),
        ("Dev", False),
        ("my-dev", False),
        ("", False),
    ],
)
def test_a_stage_is_named_so_that_all_its_names_fit(name: str, fine: bool) -> None:
    """Zappa's role, with the longest of them, has 64 characters at most."""
    if fine:
        assert len(f"{Names(name).full}-ZappaLambdaExecutionRole") <= 64
        assert len(Names(name).bucket("123456789012")) <= 63
        return
    with pytest.raises(BadSetting, match="small letters"):
        Names(name)
