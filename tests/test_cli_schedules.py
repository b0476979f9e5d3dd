"""The commands for schedules, by the store and by HTTP."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from tests.whole.service import running

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("cli") / "data") as up:
        yield up.url


@pytest.fixture(params=["here", "there"])
def run(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """A command's exit code, and what it said."""
    there = request.param == "there"
    where = ("--url", request.getfixturevalue("url")) if there else ("--data", str(tmp_path))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main((*where, *arguments), {})
        said = capsys.readouterr()
        return code, said.out, said.err

    command("schedules", "set", "first", "hello", "name=A", "--every", "1h")  # makes the store
    command("schedules", "delete", "first")
    yield command
    for each in json.loads(command("--json", "schedules")[1])["items"]:
        command("schedules", "delete", each["name"])


NIGHTLY = ("hello", "name=Ada", "--cron", "0 3 * * *", "--tz", "Europe/Berlin")


def told(run: Run, *arguments: str) -> dict[str, Any]:
    code, out, err = run("--json", "schedules", *arguments)
    assert code == 0, err
    shown: dict[str, Any] = json.loads(out)
    return shown


def test_one_from_beginning_to_end(run: Run) -> None:
    """Made, listed, paused, resumed, run and deleted."""
    made = told(run, "set", "nightly", *NIGHTLY)
    assert (made["params"], made["tz"], made["catch_up"]) == (
        {"name": "Ada"},
        "Europe/Berlin",
        "one",
    )
    assert told(run)["items"] == [made]
    code, out, _ = run("schedules")
    assert code == 0
    heading, line = out.splitlines()
    assert heading.split() == ["NAME", "OPERATION", "WHEN", "NEXT", "IN"]
    assert line.startswith("nightly  hello      0 3 * * * (Europe/Berlin)")
    assert not told(run, "pause", "nightly")["enabled"]
    assert "paused" in run("schedules")[1]
    assert told(run, "resume", "nightly")["upcoming"] == made["upcoming"]
    id = run("schedules", "run", "nightly")[1].strip()
    assert told(run, "show", "nightly")["last_job"] == id
    assert run("schedules", "delete", "nightly")[:2] == (0, "nightly is gone\n")
    code, _, err = run("schedules", "show", "nightly")
    assert (code, err) == (1, "There is no such schedule.\n")


def test_text_is_read_as_its_type(run: Run) -> None:
    """Also behind an option."""
    made = told(run, "set", "a", "cats.speak", "--every", "15m", "name=Tom", "times=3")
    assert made["params"] == {"name": "Tom", "times": 3}
    page = run("schedules", "show", "a")[1].splitlines()
    assert page[0] == "a  cats.speak  every 15m"
    assert sum("UTC" in line for line in page) == 7  # made, changed, and five to come


def test_a_preview_writes_nothing(run: Run) -> None:
    """It only shows when it would come due."""
    assert told(run, "set", "a", *NIGHTLY, "--preview")["upcoming"]
    assert told(run)["items"] == []
    assert run("schedules")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("set", "a", "hello", "name=A", "--cron", "0 0 30 2 *"), 1, "/cron"),
        (("set", "a", "hello", "--every", "1h"), 1, "/params/name"),
        (("set", "a", "helo", "--every", "1h"), 1, "Did you mean hello"),
        (("set", "a", "hello", "name=A", "--every", "1h", "--tz", "UTC"), 1, "/tz"),
        (("pause", "nobody"), 1, "There is no such schedule."),
        (("delete", "nobody"), 1, "There is no such schedule."),
    ],
)
def test_what_is_wrong(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    """Is told, with the exit code of a problem."""
    ended, out, err = run("schedules", *arguments)
    assert (ended, out) == (code, "")
    assert said in err


def test_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only `set` makes one: elsewhere a folder without is a mistake, and is told."""
    where = ("--data", str(tmp_path / "nowhere"), "schedules")
    assert main(where, {}) == 2
    assert "There is no store" in capsys.readouterr().err
    assert main((*where, "set", "a", *NIGHTLY), {}) == 0
    capsys.readouterr()
    assert main(where, {}) == 0


@pytest.mark.parametrize(
    "arguments", [("set", "a", "hello"), ("set", "a", "hello", "--every", "1h", "--cron", "x")]
)
def test_usage(arguments: tuple[str, ...]) -> None:
    """When it comes due is to be said, and in one way."""
    with pytest.raises(SystemExit) as ended:
        main(("--data", os.devnull, "schedules", *arguments), {})
    assert ended.value.code == 2
