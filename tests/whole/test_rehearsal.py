"""`zappa deploy dev` for real, against moto: what stands in AWS after each command."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3
import pytest

from handlers import DOORS, schedule
from handlers.door import recognised
from tests.engines import dynamo, moto
from tests.whole.deployed import Checkout, Package, Require, stage_settings

pytestmark = [pytest.mark.slow, pytest.mark.engine, pytest.mark.timeout(600)]

NAME = "manydoors-dev"
BUCKET = f"{NAME}-{moto.ACCOUNT}"
ROLE = f"{NAME}-ZappaLambdaExecutionRole"


@dataclass
class Stands:
    """What is in the account."""

    function: dict[str, Any] | None
    statements: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    targets: list[dict[str, Any]]
    recursion: str
    mappings: list[dict[str, Any]]
    roles: dict[str, Any]
    attached: list[Any]
    apis: list[dict[str, Any]]
    stacks: list[str]
    objects: list[str]
    notifications: list[Any]
    subscriptions: list[Any]
    provisioned: list[list[str]]


@dataclass
class Rehearsal:
    told: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    after: dict[str, Stands] = field(default_factory=dict)


@pytest.fixture(scope="module")
def rehearsal(require: Require, checkout: Checkout, package: Package) -> Iterator[Rehearsal]:
    """All commands in their order, and a look at the account after each. The environment that
    `package` has made is used again."""
    played = Rehearsal()
    with moto.running(require) as url:
        environ = moto.ENVIRON | {"AWS_ENDPOINT_URL": url}
        with mock.patch.dict(os.environ, environ):
            for name, run in {
                "too early": lambda: checkout.zappa("deploy", "dev", **environ),
                "before": lambda: checkout.zappa("status", "dev", **environ),
                "deploy": lambda: checkout.make("deploy", "STAGE=dev", "ARGS=--yes", **environ),
                "status": lambda: checkout.zappa("status", "dev", **environ),
                "more": lambda: add_events(checkout),
                "again": lambda: checkout.make("deploy", "STAGE=dev", "ARGS=--yes", **environ),
                "schedule": lambda: checkout.zappa("schedule", "dev", **environ),
                "undeploy": lambda: checkout.make("undeploy", "ARGS=--yes", **environ),
            }.items():
                if told := run():
                    played.told[name] = told
                played.after[name] = look()
            yield played


def add_events(checkout: Checkout) -> None:
    """Those that docs/deploying.md shows."""
    page = (checkout.folder / "docs" / "deploying.md").read_text()
    (block,) = re.findall(r"```json\n(.*?)```", page, re.S)
    path = checkout.folder / "zappa_settings.json"
    settings = json.loads(path.read_text())
    settings["dev"]["events"] += json.loads(block)
    path.write_text(json.dumps(settings))
    boto3.client("sns").create_topic(Name="news")


def look() -> Stands:
    functions, iam, events = boto3.client("lambda"), boto3.client("iam"), boto3.client("events")
    found = [f for f in functions.list_functions()["Functions"] if f["FunctionName"] == NAME]
    rules = events.list_rules()["Rules"]
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    buckets = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    objects = [
        each
        for bucket in buckets
        for each in boto3.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
    ]
    return Stands(
        function=found[0] if found else None,
        statements=statements() if found else [],
        rules=rules,
        targets=[t for r in rules for t in events.list_targets_by_rule(Rule=r["Name"])["Targets"]],
        recursion=functions.get_function_recursion_config(FunctionName=NAME)["RecursiveLoop"],
        mappings=functions.list_event_source_mappings()["EventSourceMappings"],
        roles={
            role: [
                iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
                for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            ]
            for role in roles
        },
        attached=[iam.list_attached_role_policies(RoleName=r)["AttachedPolicies"] for r in roles],
        apis=boto3.client("apigateway").get_rest_apis()["items"],
        stacks=[each["StackName"] for each in stacks],
        objects=[each["Key"] for each in objects],
        notifications=[
            each
            for bucket in buckets
            for each in boto3.client("s3")
            .get_bucket_notification_configuration(Bucket=bucket)
            .get("LambdaFunctionConfigurations", [])
        ],
        subscriptions=boto3.client("sns").list_subscriptions()["Subscriptions"],
        provisioned=[
            boto3.client("dynamodb").list_tables()["TableNames"],
            boto3.client("sqs").list_queues().get("QueueUrls", []),
            buckets,
        ],
    )


def statements() -> list[dict[str, Any]]:
    policy = json.loads(boto3.client("lambda").get_policy(FunctionName=NAME)["Policy"])
    listed: list[dict[str, Any]] = policy["Statement"]
    return listed


def test_every_command_does_its_work_and_complains_of_nothing(rehearsal: Rehearsal) -> None:
    """But `status` before there is anything: by that `make deploy` knows that it is the first."""
    codes = {name: told.returncode for name, told in rehearsal.told.items()}
    del codes["too early"]
    assert codes.pop("before") != 0
    assert set(codes.values()) == {0}, {n: t.stdout + t.stderr for n, t in rehearsal.told.items()}
    for name, told in rehearsal.told.items():
        text = told.stdout + told.stderr
        assert "Traceback" not in text, (name, text)
        assert "ERROR" not in text, (name, text)
        assert "Problem" not in text, (name, text)
        assert "there is none" not in text, (name, text)  # of advice


def test_nothing_is_deployed_where_nothing_is_provisioned(rehearsal: Rehearsal) -> None:
    """Zappa would make the bucket itself, and be in the way of what makes it later."""
    told, stands = rehearsal.told["too early"], rehearsal.after["too early"]
    assert told.returncode != 0
    assert "make deploy STAGE=dev" in told.stderr
    assert stands.function is None
    assert stands.roles == {}
    assert stands.provisioned == [[], [], []]


@pytest.mark.parametrize("when", ["deploy", "again", "schedule"])
def test_the_function_is_ours_with_its_stages_settings(rehearsal: Rehearsal, when: str) -> None:
    function = rehearsal.after[when].function
    assert function is not None
    assert function["Handler"] == "handlers.handle"
    assert function["Runtime"] == "python3.11"
    assert function["Timeout"] == 900
    assert function["MemorySize"] == 1769
    assert function["Role"].endswith(f":role/{ROLE}")
    assert function["Environment"]["Variables"] == stage_settings()["aws_environment_variables"]


@pytest.mark.parametrize("when", ["deploy", "again", "schedule"])
def test_the_tick_comes_each_minute_and_our_door_knows_it(rehearsal: Rehearsal, when: str) -> None:
    """Zappa's rule sends an event of its own making, so that one is looked at, not AWS's."""
    (rule,), (target,) = rehearsal.after[when].rules, rehearsal.after[when].targets
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 minute)", "ENABLED")
    assert target["Arn"].endswith(f":function:{NAME}")
    original = json.loads((dynamo.ROOT / "tests/events/schedule_tick.json").read_text())
    sent = target["InputTransformer"]["InputTemplate"]
    for name, path in target["InputTransformer"]["InputPathsMap"].items():
        sent = sent.replace(f"<{name}>", json.dumps(original[path.removeprefix("$.")]))
    event = json.loads(sent)
    assert recognised(DOORS, event) == (schedule, event)
    assert event == json.loads((dynamo.ROOT / "tests/events/schedule_zappa.json").read_text())


def test_the_queue_calls_the_function_and_one_mapping_lasts(rehearsal: Rehearsal) -> None:
    """With one message at a time: a message is a job, and those of one batch would wait for each
    other, for 15 minutes and more, while others could run them at once."""
    found = [rehearsal.after[when].mappings for when in ("deploy", "again", "schedule")]
    for mappings in found:
        (mapping,) = mappings
        arn = f"arn:aws:sqs:{moto.REGION}:{moto.ACCOUNT}:{NAME}"
        assert mapping["EventSourceArn"] == arn
        assert mapping["FunctionArn"].startswith(
            f"arn:aws:lambda:{moto.REGION}:{moto.ACCOUNT}:function:{NAME}"
        )
        assert mapping["BatchSize"] == 1
        assert mapping["State"] == "Enabled"
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"] == {"MaximumConcurrency": 50}
    assert len({mapping["UUID"] for (mapping,) in found}) == 1


def test_what_zappa_cannot_set_is_set_once_and_lasts(rehearsal: Rehearsal) -> None:
    """By the callback after a deployment; Zappa's next update takes nothing back."""
    assert rehearsal.told["deploy"].stdout.count("\nset      ") == 5
    (line,) = re.findall(r"^set .*", rehearsal.told["again"].stdout, re.M)
    assert "Retries of asynchronous calls: retries 0" in line  # a bucket and a topic have come
    assert rehearsal.after["schedule"].recursion == "Allow"


def test_the_role_may_what_policy_json_says_and_nothing_else(rehearsal: Rehearsal) -> None:
    stands = rehearsal.after["again"]
    (policy,) = stands.roles[ROLE]
    text = (dynamo.ROOT / "policy.json").read_text()
    known = {"stage": "dev", "account": moto.ACCOUNT, "region": moto.REGION, "partition": "aws"}
    for name, value in known.items():
        text = text.replace(f"{{{name}}}", value)
    assert policy == json.loads(text)
    assert "{" not in json.dumps([each["Resource"] for each in policy["Statement"]])
    assert stands.attached == [[]]


def test_who_may_call_the_function_is_told_once(rehearsal: Rehearsal) -> None:
    """A resource policy has 20 KB, which Zappa else fills update by update."""
    for when in ("deploy", "again"):
        told = [json.dumps({**s, "Sid": ""}) for s in rehearsal.after[when].statements]
        assert len(told) == len(set(told))
    services = {each["Principal"]["Service"] for each in rehearsal.after["again"].statements}
    wanted = {"events", "s3", "sns"}
    assert {name.removesuffix(".amazonaws.com") for name in services} - {"apigateway"} == wanted


def test_a_bucket_and_a_topic_call_it_as_the_page_shows(rehearsal: Rehearsal) -> None:
    stands = rehearsal.after["again"]
    (notification,), (subscription,) = stands.notifications, stands.subscriptions
    assert notification["LambdaFunctionArn"].endswith(f":function:{NAME}")
    assert notification["Events"] == ["s3:ObjectCreated:*"]
    (rule,) = notification["Filter"]["Key"]["FilterRules"]
    assert (rule["Name"].lower(), rule["Value"]) == ("prefix", "pics/")
    assert subscription["TopicArn"].endswith(":news")
    assert subscription["Endpoint"].endswith(f":function:{NAME}")


def test_there_is_one_api_and_its_address_is_told(rehearsal: Rehearsal) -> None:
    (api,) = rehearsal.after["deploy"].apis
    url = f"https://{api['id']}.execute-api.{moto.REGION}.amazonaws.com/dev"
    assert url in rehearsal.told["deploy"].stdout
    assert url in rehearsal.told["status"].stdout
    assert [each["id"] for each in rehearsal.after["again"].apis] == [api["id"]]


def test_zappas_stack_stands_beside_ours_and_goes_alone(rehearsal: Rehearsal) -> None:
    """Had ours its name, `zappa deploy` would take ours over, and all that it has no word of."""
    both = {NAME, f"{NAME}-base"}
    stacks = {when: set(stands.stacks) for when, stands in rehearsal.after.items()}
    assert stacks["too early"] == set()
    assert stacks["deploy"] == stacks["again"] == both
    assert stacks["undeploy"] == {f"{NAME}-base"}  # and with the other the API, but not in moto


def test_no_upload_and_no_zip_is_left(rehearsal: Rehearsal, checkout: Checkout) -> None:
    assert rehearsal.after["deploy"].objects == rehearsal.after["again"].objects == []
    assert list(checkout.folder.glob("*.zip")) == []


def test_undeploy_takes_the_function_and_leaves_the_data(rehearsal: Rehearsal) -> None:
    gone, stood = rehearsal.after["undeploy"], rehearsal.after["deploy"]
    assert gone.function is None
    assert gone.rules == gone.targets == gone.mappings == []
    assert gone.notifications == gone.subscriptions == []
    assert gone.provisioned == stood.provisioned
    tables, queues, buckets = gone.provisioned
    assert (tables, buckets) == ([NAME], [BUCKET])
    assert {url.rpartition("/")[2] for url in queues} == {NAME, f"{NAME}-dead"}
