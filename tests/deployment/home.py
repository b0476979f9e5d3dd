"""A function of a stage, as Zappa leaves it."""

import io
import json
import time
import zipfile
from typing import Any

from app.deployment.cloud import Cloud
from app.deployment.function import Function
from app.deployment.names import Names
from app.deployment.stack import Stack
from app.deployment.template import INFRA, rendered
from tests.engines.ministack import ACCOUNT, Ministack

NAMES = Names("dev")
QUEUE = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:manydoors-dev"
DEAD = f"{QUEUE}-dead"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/manydoors-dev-ZappaLambdaExecutionRole"


def provisioned(cloud: Cloud) -> Stack:
    stack = Stack(cloud, NAMES, pause=lambda _: time.sleep(0.05))
    plan = stack.plan(rendered(INFRA.read_text(), "dev", ACCOUNT))
    assert plan is not None
    stack.carry_out(plan, lambda step: None)
    # What this engine's CloudFormation leaves out.
    dynamo = cloud.client("dynamodb")
    dynamo.update_continuous_backups(
        TableName="manydoors-dev",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
    dynamo.update_time_to_live(
        TableName="manydoors-dev",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "x"},
    )
    return stack


def deployed(aws: Ministack, timeout: int = 900, **variables: str) -> str:
    """Its ARN."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.writestr("handler.py", "def handle(event, context): return event")
    made = aws.client("lambda").create_function(
        FunctionName="manydoors-dev",
        Runtime="python3.11",
        Role=ROLE,
        Handler="handler.handle",
        Code={"ZipFile": code.getvalue()},
        Timeout=timeout,
        MemorySize=1769,
        Environment={"Variables": {"MANYDOORS_TABLE": "manydoors-dev"} | variables},
    )
    return str(made["FunctionArn"])


def mapped(aws: Ministack, function: str, source: str) -> str:
    """As Zappa maps a queue; the mapping's id."""
    made = aws.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=source, BatchSize=10, Enabled=True
    )
    return str(made["UUID"])


def allowed(aws: Ministack, function: str, service: str, source: str) -> None:
    """As Zappa lets a topic or a bucket call the function."""
    aws.client("lambda").add_permission(
        FunctionName=function,
        StatementId=service,
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        SourceArn=source,
    )


def ticking(aws: Ministack, function: str) -> None:
    """As Zappa has it called each minute."""
    events = aws.client("events")
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)", State="ENABLED")
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": function}])


def function_of(cloud: Cloud) -> Function:
    return Function(cloud, NAMES, pause=lambda _: time.sleep(0.05))


def settle(cloud: Cloud, *events: Any) -> list[str]:
    """Mends what is not right; what that was. Without events as the doctor looks."""
    found = function_of(cloud).settings(events or None)
    wrong = [each for each in found if not each.is_right]
    for setting in wrong:
        setting.mend()
    return [setting.what for setting in wrong]


def policy(text: str, **known: str) -> dict[str, Any]:
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    document: dict[str, Any] = json.loads(text)
    return document
