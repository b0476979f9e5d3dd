"""infra.yaml says what the program and its promises need."""

import json
from typing import Any

import pytest
import yaml
from cfnlint.api import lint_all

from app.deployment.template import HOLDS_DATA, INFRA, rendered
from app.ports.aws import table

WHOLE = yaml.safe_load(INFRA.read_text())
MADE = WHOLE["Resources"]


def properties(resource: str) -> Any:
    found = json.loads(rendered(INFRA.read_text(), "dev", "123456789012"))
    return found["Resources"][resource]["Properties"]


@pytest.mark.filterwarnings("default::DeprecationWarning")  # of the linter's own libraries
def test_cloudformation_would_take_it() -> None:
    """cfn-lint, which holds it to AWS's own schemas, finds nothing."""
    assert wrong(INFRA.read_text(), "EW") == []
    # What is sent has names in place of formulas, which the linter would rather see.
    assert wrong(rendered(INFRA.read_text(), "dev", "123456789012"), "E") == []


def test_the_linter_can_tell() -> None:
    """A misspelled property is found."""
    assert wrong(INFRA.read_text().replace("BillingMode:", "BilingMode:"), "EW")


def wrong(text: str, kinds: str) -> list[str]:
    """Errors and warnings, by the first letters of the rules' names."""
    return [str(match) for match in lint_all(text) if match.rule.id[0] in kinds]


def test_the_table_is_the_programs() -> None:
    """Its keys and indexes are those of app/ports/aws/table.py, and its tidying up."""
    found = properties("Table")
    assert {key: found[key] for key in table.definition("x")} == table.definition("manydoors-dev")
    assert found["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": table.EXPIRES}


def test_the_table_can_be_restored_and_not_be_deleted() -> None:
    """By mistake, or by an operator in a hurry."""
    found = properties("Table")
    assert found["DeletionProtectionEnabled"] is True
    assert found["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert found["BillingMode"] == "PAY_PER_REQUEST"


def test_the_bucket_is_nobodys_business() -> None:
    """No public access, encrypted, by TLS alone; what is deleted can be got back for a month."""
    found = properties("Bucket")
    assert found["BucketName"] == "manydoors-dev-123456789012"
    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
    assert found["VersioningConfiguration"] == {"Status": "Enabled"}
    (only,) = properties("BucketPolicy")["PolicyDocument"]["Statement"]
    assert only["Effect"] == "Deny"
    assert only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_message_is_hidden_while_any_function_can_be_at_it() -> None:
    """Six times the longest timeout that Lambda has."""
    found = properties("Queue")
    assert found["VisibilityTimeout"] >= 6 * 900
    assert found["MessageRetentionPeriod"] > found["VisibilityTimeout"] * 10
    longest = properties("DeadQueue")["MessageRetentionPeriod"]
    assert longest > found["MessageRetentionPeriod"]  # it counts from when a message was sent


@pytest.mark.parametrize("resource", ["Table", "Bucket"])
def test_what_holds_records_and_files_outlives_its_stack(resource: str) -> None:
    """And a replacement; but a creation that failed leaves nothing in the way of the next."""
    assert MADE[resource]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert MADE[resource]["UpdateReplacePolicy"] == "Retain"


def test_the_protected_table_comes_last() -> None:
    """No later resource can fail, and so no rollback needs to delete it."""
    others = {name for name, each in MADE.items() if each["Type"] != "AWS::DynamoDB::Table"}
    waited_for, more = set(), ["Table"]
    while more:
        text = json.dumps(MADE[more.pop()])
        new = {name for name in others if f'"{name}"' in text or f"${{{name}" in text} - waited_for
        waited_for |= new
        more += new
    assert waited_for == others


def test_what_holds_data_is_known() -> None:
    """`provision` asks before any of it goes."""
    assert {MADE[name]["Type"] for name in ("Table", "Bucket", "Queue")} == set(HOLDS_DATA)


def test_names_stand_as_they_are() -> None:
    """Only so does CloudFormation adopt what outlived its stack; other formulas stay."""
    text = """
    A: {Fn::Sub: "manydoors-${Stage}-${AWS::AccountId}"}
    B: [{Fn::Sub: "${A.Arn}/${Stage}"}, {Ref: Stage}, 7]
    """
    assert json.loads(rendered(text, "dev", "12")) == {
        "A": "manydoors-dev-12",
        "B": [{"Fn::Sub": "${A.Arn}/dev"}, {"Ref": "Stage"}, 7],
    }
