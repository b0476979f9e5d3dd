"""`provision` and `doctor` as a person types them: real processes, and an engine for AWS."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from tests.engines.ministack import ACCOUNT, Ministack

ROOT = Path(__file__).parents[2]


def typed(
    aws: Ministack | None, folder: Path, *words: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    kept = {
        name: text
        for name, text in os.environ.items()
        if not name.startswith(("AWS_", "MANYDOORS_"))
    }
    given = aws.environ if aws else {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(folder)}
    data = {"MANYDOORS_DATA": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "app", *words],
        cwd=ROOT, env=kept | given | data | environ, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.mark.engine
def test_a_stage_from_nothing(empty: Ministack, tmp_path: Path) -> None:
    """Planned, refused without a yes, made, and made no second time; then the doctor is content."""
    planned = typed(empty, tmp_path, "provision", "dev", "--plan")
    assert planned.returncode == 0, planned.stderr
    assert f"manydoors-dev in account {ACCOUNT}, region eu-central-1:" in planned.stderr
    assert "  Table (AWS::DynamoDB::Table) is made" in planned.stderr
    asked = typed(empty, tmp_path, "provision", "dev")
    assert asked.returncode == 1
    assert asked.stderr.endswith("Nothing was done: --yes carries it out, --plan only shows it.\n")
    assert empty.client("dynamodb").list_tables()["TableNames"] == []
    made = typed(empty, tmp_path, "provision", "dev", "--yes", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["outputs"]["Bucket"] == f"manydoors-dev-{ACCOUNT}"
    assert "create_complete" in made.stderr
    again = typed(empty, tmp_path, "provision", "dev")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.endswith("Nothing to do: all is as infra.yaml says.\n")
    for verb, more in (
        ("update_continuous_backups", {"PointInTimeRecoverySpecification": PITR}),
        ("update_time_to_live", {"TimeToLiveSpecification": EXPIRY}),
    ):  # which this engine's CloudFormation leaves out
        getattr(empty.client("dynamodb"), verb)(TableName="manydoors-dev", **more)
    well = typed(empty, tmp_path, "doctor", "dev")
    assert well.returncode == 0, well.stdout + well.stderr
    assert "ok      table        table manydoors-dev is as it should be\n" in well.stdout
    assert "ok      store        table manydoors-dev takes records, and gives" in well.stdout
    assert "advice  function     manydoors-dev is not deployed" in well.stdout


PITR = {"PointInTimeRecoveryEnabled": True}
EXPIRY = {"Enabled": True, "AttributeName": "x"}


@pytest.mark.engine
def test_data_is_not_taken_away_by_a_yes(
    empty: Ministack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Neither replaced nor removed, but by a second word."""
    assert typed(empty, tmp_path, "provision", "dev", "--yes").returncode == 0
    for name, value in empty.environ.items():
        monkeypatch.setenv(name, value)
    infra = tmp_path / "infra.yaml"
    text = (ROOT / "infra.yaml").read_text()
    infra.write_text(text.replace("KeyType: HASH}\n      Global", "KeyType: HASH}\n      Global"))
    infra.write_text(
        text.replace("TableName:\n        Fn::Sub: manydoors-${Stage}", "TableName: x-2")
    )
    monkeypatch.setattr("app.deployment.template.INFRA", infra)
    assert main(["provision", "dev", "--yes"], {}) == 1
    said = capsys.readouterr().err
    assert "Table (manydoors-dev) IS REPLACED by a new, empty one" in said
    assert said.endswith("If you mean it, and have a backup: --lose-data\n")
    assert empty.client("dynamodb").list_tables()["TableNames"] == ["manydoors-dev"]
    assert main(["provision", "dev", "--yes", "--lose-data"], {}) == 0
    assert "x-2" in empty.client("dynamodb").list_tables()["TableNames"]


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({}, 4, "set AWS_PROFILE, or AWS_ACCESS_KEY_ID"),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": ""},
            1,
            "set AWS_DEFAULT_REGION",
        ),
        ({"AWS_PROFILE": "nobody"}, 4, "nobody"),
        (
            {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "b",
                "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            },
            3,
            "AWS does not answer",
        ),
    ],
    ids=["no credentials", "no region", "no such profile", "nobody there"],
)
def test_trouble_is_one_sentence(
    tmp_path: Path, environ: dict[str, str], code: int, words: str
) -> None:
    """With the exit code that every command has for it."""
    region = {"AWS_DEFAULT_REGION": "eu-central-1"}
    failed = typed(None, tmp_path, "provision", "dev", **region | environ)
    assert failed.returncode == code, failed.stderr
    assert words in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_a_stage_that_cannot_be_named_so(tmp_path: Path) -> None:
    """Found before AWS is asked."""
    failed = typed(None, tmp_path, "provision", "My-Stage")
    assert failed.returncode == 2
    assert "small letters and digits" in failed.stderr


def test_a_stage_that_nobody_has_declared(tmp_path: Path) -> None:
    """A slip of the pen makes no table; AWS is not asked."""
    failed = typed(None, tmp_path, "provision", "prd", "--yes")
    assert failed.returncode == 2
    assert failed.stderr == (
        "zappa_settings.json has no stage 'prd', but dev, prod. For a new one write "
        '"prd": {"extends": "dev"} there.\n'
    )


def test_doctor_of_a_machine(tmp_path: Path) -> None:
    """No AWS is asked, nor its packages loaded."""
    well = typed(None, tmp_path, "doctor")
    assert well.returncode == 0, well.stdout
    checks = [line.split()[:2] for line in well.stdout.splitlines()]
    assert checks == [
        ["ok", check] for check in ("settings", "python", "operations", "disk", "folder", "store")
    ]
    told = json.loads(typed(None, tmp_path, "doctor", "--json", "--data", f"{tmp_path}").stdout)
    assert told["well"] is True
    assert told["findings"][0] == {"check": "settings", "state": "ok", "detail": "1 given"}


def test_doctor_of_settings_that_cannot_be_read(tmp_path: Path) -> None:
    """A line like the others, and not an error of its own."""
    ill = typed(None, tmp_path, "doctor", MANYDOORS_TABEL="x")
    assert ill.returncode == 1
    assert ill.stdout.startswith("wrong   settings     MANYDOORS_TABEL is no setting.")


def test_doctor_of_settings_that_do_not_fit_each_other(tmp_path: Path) -> None:
    """`up` would not start by them; and a queue that nobody answers for is told beside."""
    ill = typed(
        None, tmp_path, "doctor", MANYDOORS_QUEUE="x", AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_DEFAULT_REGION="eu-central-1", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b",
    )  # fmt: skip
    assert ill.returncode == 1
    assert "wrong   store        MANYDOORS_QUEUE starts functions that look into" in ill.stdout
    assert "wrong   queue        AWS does not answer" in ill.stdout


def test_doctor_of_operations_that_do_not_import(tmp_path: Path) -> None:
    """Scripts get 1, and people the reason."""
    ill = typed(None, tmp_path, "doctor", "--json", MANYDOORS_OPERATIONS="nowhere.at.all")
    assert ill.returncode == 1
    told = json.loads(ill.stdout)
    assert told["well"] is False
    (wrong,) = (each for each in told["findings"] if each["state"] == "wrong")
    assert "there is no module nowhere.at.all" in wrong["detail"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.engine
@pytest.mark.parametrize(("answer", "code", "made"), [("y\n", 0, True), ("\n", 1, False)])
def test_a_person_is_asked(
    empty: Ministack, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, made: bool
) -> None:
    """Who just presses Enter has said no."""
    for name, value in empty.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["provision", "dev"], {}) == code
    assert bool(empty.client("dynamodb").list_tables()["TableNames"]) is made


def test_a_machines_doctor_loads_nothing_of_aws(tmp_path: Path) -> None:
    """Nor what reads infra.yaml."""
    code = (
        "import sys; from app.cli import main; main(['doctor'], {}); "
        "print('loaded', *({'boto3', 'botocore', 'yaml', 'flask'} & sys.modules.keys()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "loaded"
