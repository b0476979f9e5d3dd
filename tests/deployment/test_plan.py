"""What CloudFormation says it would change, as values."""

from typing import Any

import pytest

from app.deployment.plan import Change, read_change


def told(action: str, **more: Any) -> dict[str, Any]:
    return {
        "Action": action,
        "LogicalResourceId": "T",
        "ResourceType": "AWS::DynamoDB::Table",
    } | more


@pytest.mark.parametrize(
    ("change", "action", "dangerous"),
    [
        (told("Add"), "add", False),
        (told("Import"), "adopt", False),
        (told("Modify", Replacement="False"), "change", False),
        (told("Modify"), "change", False),
        (told("Modify", Replacement="True"), "replace", True),
        (told("Modify", Replacement="Conditional"), "replace", True),
        (told("Remove"), "remove", True),
        (told("Dynamic"), "remove", True),
        (told("Remove", ResourceType="AWS::SNS::Topic"), "remove", False),
        (told("Remove", ResourceType="AWS::SQS::Queue"), "remove", True),
    ],
)
def test_each_action_is_read(change: dict[str, Any], action: str, dangerous: bool) -> None:
    """What might lose data counts as if it would."""
    read = read_change(change)
    assert (read.action, read.is_dangerous) == (action, dangerous)


def test_a_change_says_what_it_touches() -> None:
    """The resource by the name that a person knows, and each property once."""
    details = [{"Target": {"Attribute": "Properties", "Name": name}} for name in "BAB"]
    change = read_change(
        told("Modify", Replacement="False", PhysicalResourceId="manydoors-dev", Details=details)
    )
    assert change == Change("change", "T", "AWS::DynamoDB::Table", "manydoors-dev", ("A", "B"))
    assert change.sentence == "T (manydoors-dev) is changed: A, B"
