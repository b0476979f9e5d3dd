"""The official SDK as a client of a real process: its newest line, and the one before."""

import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.environment import installed
from tests.whole.service import Service, running
from tests.whole.test_access import made

HERE = Path(__file__).parent
ENGINES = HERE.parent / "engines"
OF_JOBS = ["jobs_get", "jobs_list", "jobs_cancel"]
SETTINGS = {"MANYDOORS_OPERATIONS": "tests.mcp.operations"}

Require = Callable[[Any, str], None]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """The service, and a key that may run what is not an admin's."""
    data = tmp_path_factory.mktemp("mcp") / "data"
    key = made(data, "run", **SETTINGS)
    with running(data, **SETTINGS) as service:
        yield service, key


def seen(up: tuple[Service, str], require: Require, name: str, lock: str) -> Any:
    """What the client of that name saw."""
    service, key = up
    python = installed(ENGINES / lock, require)
    ran = subprocess.run(
        [python, HERE / name, f"{service.url}/mcp", key],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture(scope="module")
def newest(up: tuple[Service, str], require: Require) -> Any:
    return seen(up, require, "newest.py", "mcp.lock")


@pytest.fixture(scope="module")
def before(up: tuple[Service, str], require: Require) -> Any:
    return seen(up, require, "before.py", "mcp_before.lock")


@pytest.fixture(scope="module", params=["newest", "before"])
def each(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def test_they_agree_on_the_newest_revision_that_both_speak(newest: Any, before: Any) -> None:
    """By asking what is spoken, or by a handshake; who has both may take either."""
    assert (newest["revision"], newest["server"]) == ("2026-07-28", "manydoors")
    assert newest["handshake"] == before["revision"] == "2025-11-25"
    assert before["capabilities"]["tasks"]["requests"] == {"tools": {"call": {}}}


def test_a_client_sees_the_tools_that_its_key_may_call(each: Any) -> None:
    """In the order of their names, and none of an admin's."""
    names = [tool["name"] for tool in each["tools"]]
    assert names == ["await", "count", "draw", "greet", "pair", "refuse", *OF_JOBS]


def test_a_call_has_text_and_an_object(each: Any, newest: Any) -> None:
    """The SDK holds the object against the tool's schema, and raises where it does not fit."""
    assert each["greet"]["content"] == [{"type": "text", "text": "Hello, Ada!"}]
    assert each["greet"]["structuredContent"] == {"result": "Hello, Ada!"}
    assert newest["pair"]["structuredContent"] == {"left": "a", "right": 2}


def test_a_model_can_mend_its_call(each: Any, newest: Any) -> None:
    """What is invalid or refused is a result with every field that is wrong; an unknown tool is an
    error of the protocol."""
    assert each["invalid"]["isError"]
    told = json.loads(each["invalid"]["content"][0]["text"])
    assert told["errors"] == [{"pointer": "/name", "detail": "Not a valid string."}]
    refused = json.loads(newest["refused"]["content"][0]["text"])
    assert refused == {"kind": "refused", "detail": "Not today.", "why": "because"}
    assert each["unknown"] == [-32602, "There is no operation of that name."]


def test_progress_comes_while_a_job_runs(each: Any) -> None:
    """It only grows, names the job first, and ends with the result."""
    assert each["count"]["structuredContent"] == {"result": 5}
    done = [progress for progress, _, _ in each["progress"]]
    assert done == sorted(set(done))
    assert each["progress"][0][2].startswith("It is the job job_")
    assert [done[-1] >= 2.0, *each["progress"][-1][1:]] == [True, 5.0, "counting"]


def test_a_file_is_a_link_that_anybody_with_it_can_follow(newest: Any) -> None:
    """Whole, and signed."""
    text, link = newest["file"]["content"]
    assert (link["type"], link["name"], link["mimeType"]) == (
        "resource_link",
        "drawn.txt",
        "text/plain",
    )
    with urllib.request.urlopen(link["uri"], timeout=20) as answer:
        assert answer.read() == b"a cat"
    assert json.loads(text["text"])["file"].startswith("file_")


def test_a_long_call_is_a_task(each: Any) -> None:
    """Made, looked at until it has ended, and cancelled."""
    assert each["statuses"] == ["working", "completed"]
    assert each["task"]["structuredContent"] == {"result": 2}
    assert each["cancelled"] == "cancelled"


def test_any_call_can_be_a_task_where_the_client_says_so(before: Any) -> None:
    """In the revision whose clients do."""
    assert before["short task"]["structuredContent"] == {"result": "Hello, Ada!"}
    assert before["is listed"]
