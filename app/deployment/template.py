"""infra.yaml, as it is sent for one stage."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra.yaml"
HOLDS_DATA = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue")


def rendered(text: str, stage: str, account: str) -> str:
    """With names in place of the formulas for them: CloudFormation takes back a table and a bucket
    that outlived their stack only if their names stand in the template as they are.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    import yaml

    known = {"Stage": stage, "AWS::AccountId": account}
    return json.dumps(_named(yaml.safe_load(text), known))


def _named(node: Any, known: dict[str, str]) -> Any:
    match node:
        case {"Fn::Sub": str(formula)}:
            for name, value in known.items():
                formula = formula.replace(f"${{{name}}}", value)
            return {"Fn::Sub": formula} if "${" in formula else formula
        case dict():
            return {name: _named(each, known) for name, each in node.items()}
        case list():
            return [_named(each, known) for each in node]
    return node
