"""What is set up wrongly is told in one sentence that says what to do."""

import datetime
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from app.ports import Hint, Put, Record
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.aws.task import TaskQueue
from app.ports.aws.topic import SnsTopic
from app.room.errors import BadSetting, Unavailable
from tests.engines import ministack as engine
from tests.engines.ministack import ACCOUNT, ROOT, Ministack
from tests.ports.suite_topic import event

pytestmark = pytest.mark.engine

TOPIC = f"arn:aws:sns:eu-central-1:{ACCOUNT}:told"

MISSING = "is not there: check MANYDOORS_{} and AWS_REGION"
FORBIDDEN = "does not let this service use its {}: allow that to its role or user"
STRANGER = "does not know these credentials: check AWS_ACCESS_KEY_ID"
CLOCK = "its clock is off: set it"
NOBODY = "There are no AWS credentials: set AWS_ACCESS_KEY_ID"
DEAF = "does not answer: check the network, AWS_REGION and AWS_ENDPOINT_URL"


def store() -> None:
    """Tells of its trouble by an error."""
    records = AwsRecords("records", pause=lambda seconds: None)
    try:
        records.ping()
    finally:
        records.close()


def queue() -> None:
    """Tells of its trouble in the log, as do the others."""
    SqsQueue("jobs").ring(Hint("job_1"))


def topic() -> None:
    SnsTopic("told").publish(event())


def task() -> None:
    TaskQueue(None).ring(Hint("job_1"))


THINGS = {"table": store, "queue": queue, "topic": topic, "function": task}
each_thing = pytest.mark.parametrize("thing", THINGS)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[Callable[[], None]], str]:
    """The sentence, wherever it is said; it has one line."""

    def told(ask: Callable[[], None]) -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="manydoors"):
            try:
                ask()
            except (Unavailable, BadSetting) as error:
                return str(error)
        assert len(caplog.messages) == 1
        assert "\n" not in caplog.text.rstrip()
        return caplog.messages[0]

    return told


@pytest.fixture(scope="module")
def strict(require: Callable[[Any, str], None]) -> Iterator[tuple[Ministack, str, str]]:
    """An AWS that asks who you are; and the keys of somebody who may do nothing."""
    with engine.running(require, AUTH="true") as stack:
        stack.client("sqs").create_queue(QueueName="jobs")
        stack.client("sns").create_topic(Name="told")
        iam = stack.client("iam")
        iam.create_user(UserName="ada")
        keys = iam.create_access_key(UserName="ada")["AccessKey"]
        yield stack, keys["AccessKeyId"], keys["SecretAccessKey"]


@pytest.fixture
def ada(strict: tuple[Ministack, str, str], monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """This process has her keys."""
    stack, id, secret = strict
    keys = {"AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": secret}
    for name, value in (stack.environ | keys | {"AWS_LAMBDA_FUNCTION_NAME": "doors"}).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@each_thing
def test_what_is_not_there(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, told: Any, thing: str
) -> None:
    """A wrong name, or another region than that where it is."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")
    setting = {"function": "AWS_LAMBDA_FUNCTION_NAME"}.get(thing, f"MANYDOORS_{thing.upper()}")
    assert f"{thing} is not there: check {setting} and AWS_REGION" in told(THINGS[thing])


def test_a_missing_table_is_told_by_amazons_own_engine(dynamo: str) -> None:
    """To whoever reads, writes or takes."""
    records = AwsRecords("nowhere", url=dynamo, pause=lambda seconds: None)
    asks: list[Callable[[], Any]] = [
        records.ping,
        lambda: records.commit(Put(Record("c", "a", {}))),
        lambda: records.list("c"),
        lambda: records.take("c", now=1, until=2, limit=1, label=""),
    ]
    for ask in asks:
        with pytest.raises(Unavailable, match="check MANYDOORS_TABLE and AWS_REGION"):
            ask()
    records.close()


@each_thing
def test_who_may_not(ada: pytest.MonkeyPatch, told: Any, thing: str) -> None:
    """A role without the right."""
    ask = THINGS[thing] if thing != "topic" else lambda: SnsTopic(TOPIC).publish(event())
    assert FORBIDDEN.format(thing) in told(ask)


@each_thing
def test_who_is_unknown(ada: pytest.MonkeyPatch, told: Any, thing: str) -> None:
    """A key that there is not, or a secret that is not its."""
    ada.setenv("AWS_SECRET_ACCESS_KEY", "x" * 40)
    assert STRANGER in told(THINGS[thing])
    ada.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN12")
    assert STRANGER in told(THINGS[thing])


@each_thing
@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_off(ada: pytest.MonkeyPatch, told: Any, thing: str, hours: int) -> None:
    """It is not the secret that is wrong."""
    real = botocore.auth.get_current_datetime
    ada.setattr(
        botocore.auth,
        "get_current_datetime",
        lambda *given, **named: real(*given, **named) + datetime.timedelta(hours=hours),
    )
    assert CLOCK in told(THINGS[thing])


@each_thing
def test_without_credentials(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Any, thing: str
) -> None:
    """Neither keys, nor a profile, nor a role."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")
    assert NOBODY in told(THINGS[thing])


@each_thing
def test_without_a_region(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Any, thing: str
) -> None:
    """AWS has no default."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")
    if thing == "topic":
        assert "region" in told(lambda: SnsTopic(TOPIC).publish(event()))
    else:
        assert "name the region, as in AWS_REGION=eu-central-1" in told(THINGS[thing])


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_either_variable_names_the_region(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """That of AWS's other tools, which boto3 does not read, and boto3's."""
    for each in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(each)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(name, "eu-west-3")
    queue = SqsQueue("jobs")
    assert queue._wire.client().meta.region_name == "eu-west-3"
    queue.close()


@each_thing
def test_where_nobody_answers(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, told: Any, thing: str
) -> None:
    """A wrong endpoint, no way through a network."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")
        assert DEAF in told(THINGS[thing])


def test_a_profile_that_there_is_not(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, told: Any
) -> None:
    """Its name is told."""
    monkeypatch.setenv("AWS_PROFILE", "ourz")
    for thing in (store, queue):
        assert "ourz" in told(thing)


def test_a_command_says_it(ministack: Ministack, tmp_path: Path) -> None:
    """At a terminal it is the sentence, and no traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "app", "jobs"],
        env=os.environ | {"MANYDOORS_TABLE": "records", "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "The store's table is not there: check MANYDOORS_TABLE and AWS_REGION" in done.stderr
    assert "Traceback" not in done.stderr
