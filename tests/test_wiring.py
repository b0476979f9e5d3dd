"""Which adapters the settings choose, and what cannot work together."""

from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.room.errors import BadSetting
from app.wiring import make_ports, make_room

LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "doors"}
URL = "https://sqs.eu-central-1.amazonaws.com/1234/jobs"


def settings(folder: Path, **environ: str) -> Settings:
    return Settings.read({"MANYDOORS_DATA": str(folder)} | environ)


@pytest.mark.parametrize(
    ("environ", "queue", "topic"),
    [
        ({}, "LocalQueue", "Untold"),
        ({"MANYDOORS_TABLE": "records"}, "LocalQueue", "Untold"),
        ({"MANYDOORS_TABLE": "records", "MANYDOORS_QUEUE": "jobs"}, "SqsQueue", "Untold"),
        ({"MANYDOORS_TABLE": "records"} | LAMBDA, "TaskQueue", "Untold"),
        ({"MANYDOORS_TABLE": "t-1", "MANYDOORS_QUEUE": URL} | LAMBDA, "TaskQueue", "Untold"),
        ({"MANYDOORS_EPHEMERAL": "1"} | LAMBDA, "LocalQueue", "Untold"),
        ({"MANYDOORS_TOPIC": "told"}, "LocalQueue", "SnsTopic"),
    ],
)
def test_adapters(tmp_path: Path, environ: dict[str, str], queue: str, topic: str) -> None:
    """By what is set, and by whether this is a Lambda function; nothing is asked of AWS yet."""
    ports = make_ports(settings(tmp_path, **environ))
    assert type(ports.queue).__name__ == queue
    assert type(ports.topic).__name__ == topic
    ports.records.close()


@pytest.mark.parametrize("found", [LAMBDA, {"K_SERVICE": "doors"}])
def test_a_platform_that_forgets(tmp_path: Path, found: dict[str, str]) -> None:
    """There the embedded store starts only when told that it may be lost."""
    with pytest.raises(BadSetting) as told:
        make_ports(settings(tmp_path, **found))
    for name in ("MANYDOORS_TABLE", "MANYDOORS_EPHEMERAL=1"):
        assert name in str(told.value)
    assert not list(tmp_path.iterdir())
    make_ports(settings(tmp_path, MANYDOORS_EPHEMERAL="1", **found)).records.close()
    make_ports(settings(tmp_path, MANYDOORS_TABLE="records", **found)).records.close()


def test_a_queue_needs_a_table(tmp_path: Path) -> None:
    """Functions could not find the jobs of this machine's disk."""
    with pytest.raises(BadSetting, match="set MANYDOORS_TABLE too"):
        make_ports(settings(tmp_path, MANYDOORS_QUEUE="jobs"))


@pytest.mark.parametrize(("environ", "counts"), [({}, True), ({"MANYDOORS_TABLE": "t-1"}, False)])
def test_statistics_are_for_the_embedded_store(
    tmp_path: Path, environ: dict[str, Any], counts: bool
) -> None:
    """In a table they would double the price of each ending."""
    room = make_room(settings(tmp_path, **environ))
    assert (room.engine.settlement.tally is not None) == counts
    room.ports.records.close()


@pytest.mark.parametrize(
    ("environ", "on"),
    [({}, False), ({"OTEL_TRACES_EXPORTER": "console"}, True)],
)
def test_spans_are_sent_where_the_environment_says(
    tmp_path: Path, environ: dict[str, str], on: bool
) -> None:
    """By OpenTelemetry's own variables; else nobody is told anything."""
    ports = make_ports(settings(tmp_path, **environ))
    assert ports.tracer.on == on
    ports.records.close()


def test_spans_that_no_package_sends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Are told of once, and the service starts without them."""
    ports = make_ports(settings(tmp_path, OTEL_TRACES_EXPORTER="none-such"))
    assert not ports.tracer.on
    assert "no package brings the exporter none-such" in caplog.text
    ports.records.close()


def test_each_thread_of_a_web_worker_may_have_a_connection_to_aws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else those who wait for jobs make a new one at each look."""
    from app.ports.aws.wire import Wire
    from app.server import THREADS

    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    wire = Wire("http://127.0.0.1:9", 1.0, None)
    assert wire.client().meta.config.max_pool_connections >= THREADS
    wire.close()
