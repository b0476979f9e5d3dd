"""The settings of a stage as Zappa needs them: the names filled in, what is unused left out."""

import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])
UPLOADING = ("deploy", "update")
PACKAGING = (*UPLOADING, "package")


def fill(cli: Any) -> None:
    """Zappa's `settings` callback: {stage}, {account}, {region} and {partition} get their values.

    The account is that of the deployer's credentials. Without it a bucket or a queue could not be
    named in a file that everybody shares.
    """
    if cli.command in PACKAGING:
        check_python(cli.runtime, sys.version_info[:2])
    known = {"stage": cli.api_stage, **(whose(cli.zappa) if cli.load_credentials else {})}
    for read in (cli, cli.zappa):  # of most settings Zappa has made its own before it calls
        fill_in(read, known)
    settings = filled(cli.stage_config, known)
    if cli.command in UPLOADING:
        check_provisioned(
            cli.zappa.s3_client, settings["s3_bucket"], cli.api_stage, cli.zappa.aws_region
        )
        make_api(cli)
    settings["exclude_glob"] = [*settings["exclude_glob"], *unused(settings["aws_services"])]
    for name, value in settings.items():
        cli.override_stage_config_setting(name, value)


def check_python(runtime: str, running: tuple[int, int]) -> None:
    """Compiled modules and bytecode fit one version of Python alone."""
    if runtime != (here := "python{}.{}".format(*running)):
        raise SystemExit(
            f"The function runs on {runtime} and this is {here}. Package with that: "
            f"make package PYTHON={runtime}; or change `runtime` in zappa_settings.json."
        )


def check_provisioned(s3: Any, bucket: str, stage: str, region: str) -> None:
    """Or Zappa makes the bucket itself, and nothing can make the stage's own any more; or a
    function in one region, whose table and queue are in another."""
    from botocore.exceptions import ClientError

    try:
        there = s3.head_bucket(Bucket=bucket).get("BucketRegion", region)
    except ClientError as error:
        raise SystemExit(
            f"Stage {stage} has no bucket {bucket} that you may use ({error}): `make deploy "
            f"STAGE={stage}` makes what a stage stands on before it deploys."
        ) from None
    if there != region:
        raise SystemExit(
            f"Stage {stage} stands in {there}, and Zappa would deploy to {region}: set "
            f"AWS_DEFAULT_REGION={there}, and AWS_REGION alike or not at all."
        )


def make_api(cli: Any) -> None:
    """An update, too, makes the API where there is none: a deployment that was broken off leaves
    a function without, and no update would ever pass."""
    if not cli.use_apigateway:
        return
    check_api_stack(cli.zappa.cf_client, cli.lambda_name, cli.api_stage)
    update = cli.zappa.update_stack
    cli.zappa.update_stack = lambda *given, **named: update(
        *given, **{**named, "update_only": False}
    )


def check_api_stack(formation: Any, name: str, stage: str) -> None:
    """Can Zappa change its own?"""
    from botocore.exceptions import ClientError

    try:
        (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
    except ClientError:  # there is none, and Zappa makes it
        return
    status = stack["StackStatus"]
    if status.endswith("IN_PROGRESS"):
        raise SystemExit(
            f"The API's stack {name} is being changed ({status}): try again when that is over."
        )
    if status == "ROLLBACK_COMPLETE" or status.endswith("_FAILED"):
        raise SystemExit(
            f"The API's stack {name} is {status}, and can't be changed any more: `make undeploy "
            f"STAGE={stage}` takes it away and leaves all data; then deploy again."
        )


def whose(zappa: Any) -> dict[str, str]:
    """Of the credentials at hand; what is wrong with them is one sentence."""
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    from app.deployment.cloud import explained
    from app.room.errors import ManydoorsError

    try:
        with explained("learn who asks"):
            caller = zappa.boto_session.client("sts").get_caller_identity()
    except ManydoorsError as error:
        raise SystemExit(str(error)) from None
    return {
        "account": caller["Account"],
        "partition": caller["Arn"].split(":")[1],
        "region": zappa.aws_region,
    }


def fill_in(reader: Any, known: Mapping[str, str]) -> None:
    """What it keeps of the settings, with their values in it."""
    for name, value in list(vars(reader).items()):
        if isinstance(value, str | dict | list):
            setattr(reader, name, filled(value, known))


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """The same, with a value for each {name} that is known."""
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
    elif isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    elif isinstance(value, list):
        return [filled(each, known) for each in value]
    return value


def unused(services: list[str]) -> list[str]:
    """The folders of the AWS services that are not named: 400 of them, half of the package."""
    found = find_spec("botocore")
    if found is None or found.origin is None:
        raise SystemExit("There is no botocore here; `make package` brings an environment with it.")
    data = Path(found.origin).parent / "data"
    known = {folder.name for folder in data.iterdir() if folder.is_dir()}
    if absent := set(services) - known:
        raise SystemExit(f"aws_services: botocore knows no {', '.join(sorted(absent))}.")
    return [f"botocore/data/{name}" for name in sorted(known - set(services))]
