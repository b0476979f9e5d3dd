"""The settings of a stage as Zappa needs them: the names filled in, what is unused left out."""

import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
    settings = filled(cli.stage_config, known)
    if cli.command in UPLOADING:
        check_provisioned(cli.zappa.s3_client, settings["s3_bucket"], cli.api_stage)
    settings["exclude_glob"] = [*settings["exclude_glob"], *unused(settings["aws_services"])]
    for name, value in settings.items():
        cli.override_stage_config_setting(name, value)
    # These Zappa has read before it calls.
    cli.s3_bucket_name = settings["s3_bucket"]
    cli.aws_environment_variables = settings["aws_environment_variables"]
    cli.zappa.attach_policy = json.dumps(filled(json.loads(cli.zappa.attach_policy), known))


def check_python(runtime: str, running: tuple[int, int]) -> None:
    """Compiled modules and bytecode fit one version of Python alone."""
    if runtime != (here := "python{}.{}".format(*running)):
        raise SystemExit(
            f"The function runs on {runtime} and this is {here}. Package with that: "
            f"make package PYTHON={runtime}; or change `runtime` in zappa_settings.json."
        )


def check_provisioned(s3: Any, bucket: str, stage: str) -> None:
    """Or Zappa makes the bucket itself, and nothing can make the stage's own any more."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        raise SystemExit(
            f"Stage {stage} has no bucket {bucket} that you may use ({error}): `make deploy "
            f"STAGE={stage}` makes what a stage stands on before it deploys."
        ) from None


def whose(zappa: Any) -> dict[str, str]:
    """Of the credentials at hand."""
    caller = zappa.boto_session.client("sts").get_caller_identity()
    return {
        "account": caller["Account"],
        "partition": caller["Arn"].split(":")[1],
        "region": zappa.aws_region,
    }


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
