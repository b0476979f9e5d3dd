"""The settings of a stage as our callbacks give them to Zappa."""

import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from zappa import SUPPORTED_VERSIONS

from app.deployment import package, stage
from tests.whole.deployed import stage_settings


class Session:
    def client(self, name: str) -> "Session":
        assert name == "sts"
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "210987654321", "Arn": "arn:aws-cn:iam::210987654321:user/ada"}


class Bucket:
    def head_bucket(self, Bucket: str) -> dict[str, str]:  # noqa: N803 - boto3's own name
        assert Bucket == "manydoors-prod-210987654321"
        return {"BucketRegion": "cn-north-1"}


class Formation:
    """With one stack in it, or none."""

    def __init__(self, status: str = "") -> None:
        self._status = status

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        assert StackName == "manydoors-prod"
        if not self._status:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": self._status}]}


class Zappa:
    def __init__(self) -> None:
        self.boto_session: Any = Session()
        self.s3_client = Bucket()
        self.cf_client = Formation()
        self.aws_region = "cn-north-1"
        self.attach_policy = (
            '{"Resource": "arn:{partition}:sqs:{region}:{account}:manydoors-{stage}"}'
        )
        self.extra_permissions = [{"Resource": "arn:{partition}:sqs:{region}:{account}:orders"}]
        self.updates: list[dict[str, Any]] = []

    def update_stack(self, name: str, **options: Any) -> None:
        self.updates.append(options)


class Cli:
    """What of Zappa our callback touches."""

    api_stage = "prod"
    lambda_name = "manydoors-prod"
    use_apigateway = True
    command = "deploy"
    runtime = "python{}.{}".format(*sys.version_info[:2])
    zip_path = ""

    def __init__(self, *, load_credentials: bool = True) -> None:
        self.load_credentials = load_credentials
        self.zappa = Zappa()
        self.vpc_config = {"SubnetIds": ["subnet-{stage}"]}
        self.stage_config: dict[str, Any] = {
            "s3_bucket": "manydoors-{stage}-{account}",
            "aws_environment_variables": {"MANYDOORS_TABLE": "manydoors-{stage}"},
            "events": [{"event_source": {"arn": "arn:{partition}:sqs:{region}:{account}:q"}}],
            "aws_services": ["sqs"],
            "exclude_glob": ["docs"],
            "timeout_seconds": 900,
        }
        # As Zappa has read it before it calls.
        self.s3_bucket_name: str = self.stage_config["s3_bucket"]
        self.aws_environment_variables = self.stage_config["aws_environment_variables"]
        self.overrides: dict[str, Any] = {}

    def override_stage_config_setting(self, name: str, value: Any) -> None:
        self.overrides[name] = value


def test_names_are_those_of_the_stage_and_of_the_deployers_account() -> None:
    cli = Cli()
    stage.fill(cli)
    assert cli.s3_bucket_name == "manydoors-prod-210987654321"
    assert cli.aws_environment_variables == {"MANYDOORS_TABLE": "manydoors-prod"}
    arn = "arn:aws-cn:sqs:cn-north-1:210987654321:q"
    assert cli.overrides["events"] == [{"event_source": {"arn": arn}}]
    assert cli.overrides["timeout_seconds"] == 900
    assert cli.zappa.attach_policy.count("210987654321:manydoors-prod") == 1


def test_names_stand_too_in_what_zappa_has_read_already() -> None:
    """Or `extra_permissions` would be for a queue of an account called `{account}`."""
    cli = Cli()
    stage.fill(cli)
    arn = "arn:aws-cn:sqs:cn-north-1:210987654321:orders"
    assert cli.zappa.extra_permissions == [{"Resource": arn}]
    assert cli.vpc_config == {"SubnetIds": ["subnet-prod"]}


@pytest.mark.parametrize("command", ["deploy", "update"])
def test_one_stage_is_not_in_two_regions(command: str) -> None:
    """The function would look for its table where it is itself."""
    cli = Cli()
    cli.command, cli.zappa.aws_region = command, "cn-northwest-1"
    with pytest.raises(SystemExit, match="set AWS_DEFAULT_REGION=cn-north-1"):
        stage.fill(cli)


@pytest.mark.parametrize("command", ["update", "undeploy", "status"])
def test_credentials_that_are_none_are_one_sentence(command: str) -> None:
    """And not Zappa's traceback."""

    class Nobody(Session):
        def get_caller_identity(self) -> dict[str, str]:
            raise NoCredentialsError

    cli = Cli()
    cli.command, cli.zappa.boto_session = command, Nobody()
    with pytest.raises(SystemExit, match="set AWS_PROFILE"):
        stage.fill(cli)


def test_an_update_makes_the_api_that_a_broken_deployment_left_out() -> None:
    """Zappa's own goes on without, and falls over it."""
    cli = Cli()
    cli.command = "update"
    stage.fill(cli)
    cli.zappa.update_stack("manydoors-prod", wait=True, update_only=True)
    assert cli.zappa.updates == [{"wait": True, "update_only": False}]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_IN_PROGRESS", "try again when that is over"),
        ("ROLLBACK_COMPLETE", "make undeploy STAGE=prod"),
        ("CREATE_FAILED", "make undeploy STAGE=prod"),
        ("UPDATE_ROLLBACK_COMPLETE", ""),
        ("CREATE_COMPLETE", ""),
    ],
)
def test_an_api_that_cannot_be_changed_stops_it_before_the_function(
    status: str, words: str
) -> None:
    """Here, and not with half of the work done."""
    cli = Cli()
    cli.zappa.cf_client = Formation(status)
    if not words:
        stage.fill(cli)
        return
    with pytest.raises(SystemExit, match=words):
        stage.fill(cli)


def test_a_package_is_made_without_credentials() -> None:
    """Then nobody is asked for the account."""
    cli = Cli(load_credentials=False)
    cli.command = "package"
    stage.fill(cli)
    assert cli.aws_environment_variables == {"MANYDOORS_TABLE": "manydoors-prod"}
    assert cli.s3_bucket_name == "manydoors-prod-{account}"


def test_services_that_are_not_named_are_left_out() -> None:
    cli = Cli()
    stage.fill(cli)
    left_out = cli.overrides["exclude_glob"]
    assert "docs" in left_out
    assert "botocore/data/ec2" in left_out
    assert "botocore/data/sqs" not in left_out


def test_a_service_that_there_is_not_is_named() -> None:
    with pytest.raises(SystemExit, match="no sqss"):
        stage.unused(["sqs", "sqss"])


@pytest.mark.parametrize("command", ["deploy", "update", "package"])
def test_another_python_than_the_functions_is_refused(command: str) -> None:
    """Compiled modules and bytecode fit one version alone; Zappa would package them anyway."""
    cli = Cli()
    cli.command, cli.runtime = command, "python3.99"
    with pytest.raises(SystemExit, match=r"make package PYTHON=python3\.99"):
        stage.fill(cli)


def test_another_python_may_look() -> None:
    cli = Cli()
    cli.command, cli.runtime = "status", "python3.99"
    stage.fill(cli)
    assert cli.overrides


def test_zappa_packages_for_our_python() -> None:
    major, minor = stage_settings()["runtime"].removeprefix("python").split(".")
    assert (int(major), int(minor)) in SUPPORTED_VERSIONS


def test_a_module_that_is_no_python_stops_the_deployment(tmp_path: Path) -> None:
    packed = tmp_path / "p.zip"
    with ZipFile(packed, "w") as zip:
        zip.writestr("ours.py", "def broken(:\n")
    with pytest.raises(SystemExit, match=r"ours\.py"):
        package.compile_in(packed)


def test_bytecode_is_used_whatever_the_dates_of_files(tmp_path: Path) -> None:
    """So nothing is compiled again; here not even when the module has changed."""
    packed = tmp_path / "p.zip"
    with ZipFile(packed, "w") as zip:
        zip.writestr("ours.py", "print('compiled before')\n")
    package.compile_in(packed)
    with ZipFile(packed) as zip:
        zip.extractall(tmp_path)
    (tmp_path / "ours.py").write_text("print('compiled again')\n")
    told = subprocess.run(
        [sys.executable, "-c", "import ours"],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert told.stdout == "compiled before\n"


def test_a_package_that_is_too_large_says_what_to_do(tmp_path: Path) -> None:
    packed = tmp_path / "p.zip"
    packed.write_bytes(b"0" * 2048)
    package.check_size(packed, 2048)
    with pytest.raises(SystemExit, match="exclude_glob"):
        package.check_size(packed, 2047)
