"""Zappa calls us after a deployment: by zappa_settings.json as it is, and by Zappa's own code."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.deployment import after_deploy
from app.deployment.cloud import Cloud
from tests.deployment.home import QUEUE, deployed, mapped, provisioned
from tests.engines.ministack import Ministack

ROOT = Path(__file__).parents[2]

# As `zappa update dev` comes to its callbacks. Its own script has no checkout on Python's path,
# hence -P.
ZAPPA = """
from zappa.cli import ZappaCLI

cli = ZappaCLI()
cli.api_stage, cli.command = "dev", "status"
cli.load_settings("zappa_settings.json")
cli.callback("settings")
cli.callback("post")
"""


def called(aws: Ministack, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", ZAPPA],
        cwd=ROOT, env=kept | aws.environ | environ, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.engine
def test_what_zappa_left_is_set_and_told(empty: Ministack, cloud: Cloud) -> None:
    """Each thing that was set with its reason; at the next deployment nothing is left to set."""
    provisioned(cloud)
    id = mapped(empty, deployed(empty), QUEUE)
    first = called(empty)
    assert first.returncode == 0, first.stderr
    assert "set      Recursion: Terminate, not Allow. Lambda else ends a chain" in first.stdout
    assert "set      Partial failures of sqs manydoors-dev: none" in first.stdout
    mapping = empty.client("lambda").get_event_source_mapping(UUID=id)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    second = called(empty)
    assert second.returncode == 0, second.stderr
    assert "set      " not in second.stdout
    assert "0 of the settings that Zappa can't set were set" in second.stdout


@pytest.mark.engine
def test_what_the_operations_will_meet_is_told(empty: Ministack, cloud: Cloud) -> None:
    """The advisor speaks at each deployment."""
    provisioned(cloud)
    deployed(empty, timeout=60)
    told = called(empty)
    assert told.returncode == 0, told.stderr
    assert "advice   cats.herd: one invocation ends after 60 s" in told.stdout


@pytest.mark.engine
def test_a_function_that_is_not_there_is_told_in_a_sentence(empty: Ministack) -> None:
    """Zappa's exit code says it too."""
    failed = called(empty)
    assert failed.returncode == 1
    assert "The code is deployed, but not all is set: AWS could not look at the function" in (
        failed.stderr
    )
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("modules", ["nowhere.at.all", "tests.deployment.broken_operations"])
def test_operations_that_do_not_import_spoil_no_deployment(
    modules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is done already; the function will say the same when it starts."""
    cli = SimpleNamespace(aws_environment_variables={"MANYDOORS_OPERATIONS": modules})
    after_deploy._advise(cli, None)
    assert capsys.readouterr().out.startswith("advice   there is none: ")
