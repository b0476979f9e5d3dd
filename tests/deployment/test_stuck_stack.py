"""Stacks in states that no engine here comes to: answers in AWS's own shapes, held to botocore's
model on their way in and out."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from app.deployment.cloud import Cloud
from app.deployment.names import Names
from app.deployment.stack import Stack
from app.room.errors import Conflict, Forbidden

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
GONE = ("ValidationError", "Stack with id manydoors-dev-base does not exist")
PLANNED = {"Id": "arn:aws:cloudformation:eu-central-1:1:changeSet/c", "StackId": "arn:stack"}


class Only(Cloud):
    """One client, whose answers are written down."""

    def __init__(self, client: Any) -> None:
        super().__init__()
        self._clients["cloudformation"] = client


@pytest.fixture
def formation() -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.session.Session(region_name="eu-central-1", **keys).client("cloudformation")
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def stack(formation: Any) -> Stack:
    return Stack(Only(formation.client), Names("dev"), pause=lambda _: None)


def is_found(formation: Any, status: str) -> None:
    one = {"StackName": "manydoors-dev-base", "CreationTime": CREATED, "StackStatus": status}
    asked = {"StackName": "manydoors-dev-base"}
    formation.add_response("describe_stacks", {"Stacks": [one]}, asked)


def is_planned(formation: Any, kind: str) -> None:
    options = {"OnStackFailure": "DELETE"} if kind == "CREATE" else {}
    request = {
        "StackName": "manydoors-dev-base",
        "ChangeSetName": ANY,
        "ChangeSetType": kind,
        "TemplateBody": "{}",
        "ImportExistingResources": True,
        "Parameters": [{"ParameterKey": "Stage", "ParameterValue": "dev"}],
        "Tags": [{"Key": "manydoors", "Value": "dev"}],
        **options,
    }
    formation.add_response("create_change_set", PLANNED, request)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue its rollback in the console"),
        ("ROLLBACK_FAILED", "delete it in the console"),
        ("DELETE_FAILED", "delete it in the console"),
        ("UPDATE_IN_PROGRESS", "try again when that is over"),
        ("CREATE_IN_PROGRESS", "try again when that is over"),
    ],
)
def test_a_stack_that_cannot_be_changed_now(formation: Any, status: str, words: str) -> None:
    """Nothing is asked for, and the sentence says what to do first."""
    is_found(formation, status)
    with pytest.raises(Conflict, match=words):
        stack(formation).plan("{}")


def test_a_creation_that_failed_is_cleared_away(formation: Any) -> None:
    """Nothing came of it, and CloudFormation lets nobody change what is left."""
    is_found(formation, "ROLLBACK_COMPLETE")
    formation.add_response("delete_stack", {}, {"StackName": "manydoors-dev-base"})
    is_found(formation, "DELETE_IN_PROGRESS")
    formation.add_client_error("describe_stacks", *GONE)
    is_planned(formation, "CREATE")
    formation.add_client_error("describe_change_set", "AccessDenied", "not authorized")
    with pytest.raises(Forbidden, match="does not let these credentials read the plan"):
        stack(formation).plan("{}")


def test_a_plan_of_many_pages_is_read_whole(formation: Any) -> None:
    """And waited for."""
    is_found(formation, "UPDATE_COMPLETE")
    is_planned(formation, "UPDATE")
    of = {"ChangeSetName": PLANNED["Id"]}
    formation.add_response("describe_change_set", {"Status": "CREATE_IN_PROGRESS"}, of)
    change = {"Action": "Add", "ResourceType": "AWS::SNS::Topic"}
    for n, more in ((1, {"NextToken": "t"}), (2, {})):
        named = {"Type": "Resource", "ResourceChange": change | {"LogicalResourceId": f"T{n}"}}
        page = {"Status": "CREATE_COMPLETE", "Changes": [named], **more}
        formation.add_response(
            "describe_change_set", page, of | ({"NextToken": "t"} if n == 2 else {})
        )
    plan = stack(formation).plan("{}")
    assert plan is not None
    assert [each.resource for each in plan.changes] == ["T1", "T2"]


def test_a_plan_that_never_comes_is_given_up(formation: Any) -> None:
    """After half an hour, by the pauses that were made."""
    is_found(formation, "UPDATE_COMPLETE")
    is_planned(formation, "UPDATE")
    for _ in range(900):
        formation.add_response(
            "describe_change_set", {"Status": "CREATE_IN_PROGRESS"}, {"ChangeSetName": ANY}
        )
    with pytest.raises(Conflict, match="not done with manydoors-dev-base after 30 minutes"):
        stack(formation).plan("{}")
