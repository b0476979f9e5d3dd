"""A shard is one line: what is behind a change that meets a bug waits, but not for ever."""

from collections.abc import Callable
from typing import Any

import pytest
from marshmallow import Schema, fields

from app import Stream
from handlers.door import STUCK
from tests.handlers.home import Home, event, failed

WRITTEN = {
    "stream_table": ("dynamodb", "SequenceNumber", "ApproximateCreationDateTime"),
    "stream_kinesis": ("kinesis", "sequenceNumber", "approximateArrivalTimestamp"),
}
each_stream = pytest.mark.parametrize("name", WRITTEN)


def declare(home: Home, check: Callable[[Any], None]) -> None:
    class Told(Schema):
        message = fields.Raw(required=True, validate=check)

    @home.registry.operation("checked", params=Told, on=[Stream("cats"), Stream("clicks")])
    def checked(message: Any) -> None: ...


def written_now(home: Home, name: str) -> tuple[Any, list[str]]:
    """The recorded event, and its sequence numbers."""
    given, (member, number, time) = event(name), WRITTEN[name]
    for record in given["Records"]:
        record[member][time] = home.clock.now()
    return given, [record[member][number] for record in given["Records"]]


@each_stream
def test_a_bug_holds_up_a_shard_for_an_hour(home: Home, name: str) -> None:
    """Somebody may mend it meanwhile; then it is put aside with a trace, and what is behind it
    goes on, before the stream forgets all of them."""
    left = [1]

    def check(message: Any) -> None:
        if left[0]:
            raise ZeroDivisionError

    declare(home, check)
    given, sequences = written_now(home, name)
    assert failed(home.bring(given)) == sequences[:1]
    home.clock.sleep(STUCK - 1)
    assert failed(home.bring(given)) == sequences[:1]
    assert home.jobs("checked") == home.unreadable() == []
    home.clock.sleep(1)
    assert failed(home.bring(given)) == []
    traces = [job for job in home.unreadable() if job["params"].get("operation") == "checked"]
    assert len(traces) == len(sequences)
    assert {(job["error"]["kind"], job["params"]["whole"]) for job in traces} == {
        ("internal", True)
    }


@each_stream
def test_a_bug_that_is_mended_in_time_costs_nothing(home: Home, name: str) -> None:
    """All that waited has its job, in order."""
    bugs = [ZeroDivisionError()]

    def check(message: Any) -> None:
        if bugs:
            raise bugs[0]

    declare(home, check)
    given, sequences = written_now(home, name)
    assert failed(home.bring(given)) == sequences[:1]
    bugs.clear()
    assert failed(home.bring(given)) == []
    assert len(home.jobs("checked")) == len(sequences)


@each_stream
def test_a_store_that_is_away_holds_it_up_for_as_long_as_it_takes(home: Home, name: str) -> None:
    """However old a change is, only a bug puts it aside."""
    given, sequences = written_now(home, name)
    home.clock.sleep(10 * STUCK)
    home.store.fails = lambda verb: True
    assert failed(home.bring(given)) == sequences[:1]
    home.store.fails = lambda verb: False
    assert failed(home.bring(given)) == []
    assert home.unreadable() == []


def test_a_consumer_of_its_own_reads_the_same_stream(home: Home) -> None:
    """Kinesis names it behind the stream."""
    given = event("stream_kinesis")
    for record in given["Records"]:
        record["eventSourceARN"] += "/consumer/doors:1795256130"
    assert failed(home.bring(given)) == []
    assert len(home.jobs("orders.take")) == len(given["Records"])
    assert home.unreadable() == []


@pytest.mark.parametrize(
    ("written", "told"),
    [("9" * 38, int("9" * 38)), ("1" + "0" * 38, 1e38), ("-1" + "0" * 125, -1e125)],
)
def test_a_number_as_large_as_dynamodb_has_them(home: Home, written: str, told: float) -> None:
    """It writes out all the zeros."""
    given = event("stream_table")
    given["Records"] = given["Records"][:1]
    given["Records"][0]["dynamodb"]["NewImage"] = {"n": {"N": written}}
    assert failed(home.bring(given)) == []
    assert [params["new"] for params in home.params("cats.watch")] == [{"n": told}]
    assert home.unreadable() == []
