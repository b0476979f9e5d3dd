"""Which limits of AWS an operation meets: a table of declarations and what is said of each."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
from marshmallow import validate

from app import Cron, Every, Queue, Run, Secret, Stream, Topic, Upload
from app.deployment.advice import Platform, advise
from app.room.operation import Registry
from app.room.size import KB, MB

AT = "arn:aws:{}:eu-central-1:000000000000:{}"


def plain() -> str:
    return ""


def running(run: Run) -> str:
    return ""


def large(text: Annotated[str, validate.Length(max=6 * MB)]) -> str:
    return ""


def many(
    texts: Annotated[list[Annotated[str, validate.Length(max=1000)]], validate.Length(max=10_000)],
) -> str:
    return ""


def fitting(text: Annotated[str, validate.Length(max=256 * KB)]) -> str:
    return ""


def larger(text: Annotated[str, validate.Length(max=256 * KB + 1)]) -> str:
    return ""


def unbounded(texts: list[str], data: dict[str, Any]) -> list[str]:
    return []


def limits(function: Callable[..., Any], platform: Platform, **options: Any) -> list[str]:
    registry = Registry()
    registry.operation("some.name", **options)(function)
    return [advice.limit for advice in advise(registry, platform)]


@pytest.mark.parametrize(
    ("function", "options", "told"),
    [
        (plain, {}, []),  # by default a call has 30 s, and nobody asked for the last of them
        (plain, {"timeout": "30s"}, []),
        (plain, {"timeout": "31s"}, ["answer"]),
        (plain, {"long": True}, []),  # by default a job has 15 minutes, all that Lambda has
        (plain, {"long": True, "timeout": "901s"}, ["run"]),
        (plain, {"long": True, "timeout": "2h"}, ["run"]),
        (running, {}, []),
        (running, {"timeout": "2h"}, ["run"]),
        (running, {"timeout": "10m", "concurrency": 1000}, []),
        (running, {"timeout": "10m", "concurrency": 1001}, ["concurrency"]),
        (running, {"timeout": "10m", "memory": 512 * MB}, []),
        (running, {"timeout": "10m", "memory": 512 * MB + 1}, ["memory"]),
        (running, {"timeout": "10m", "memory": 11_000 * MB}, ["memory"]),
        (large, {"timeout": "5s"}, ["body"]),
        (many, {"timeout": "5s"}, ["body"]),
        (unbounded, {"timeout": "5s"}, []),
        (fitting, {"timeout": "5s", "on": [Topic("news")]}, []),
        (larger, {"timeout": "5s", "on": [Topic("news"), Queue("orders")]}, ["message"]),
        (large, {"timeout": "5s", "on": [Queue("orders")]}, ["body", "message"]),
        (plain, {"timeout": "5s", "on": [Every("10s")]}, ["tick"]),
        (plain, {"timeout": "5s", "on": [Every("1m"), Cron("* * * * *")]}, []),
    ],
)
def test_each_limit_is_named(
    function: Callable[..., Any], options: dict[str, Any], told: list[str]
) -> None:
    """At its bound nothing is said, one beyond it is."""
    assert limits(function, Platform(), **options) == told


def test_a_long_result_of_a_plain_call_is_named() -> None:
    """Lambda answers with 6 MB at most; a job's result is no answer."""

    def give() -> Annotated[str, validate.Length(max=7 * MB)]:
        return ""

    assert limits(give, Platform(), timeout="5s") == ["response"]
    assert limits(give, Platform(), timeout="5s", long=True) == []


@pytest.mark.parametrize(
    ("trigger", "source"),
    [
        (Upload("pics/*.jpg"), "arn:aws:s3:::theirs"),
        (Topic("news"), AT.format("sns", "news")),
        (Topic("news"), AT.format("sns", "news.fifo")),
        (Queue("orders"), AT.format("sqs", "orders")),
        (Stream("rows"), AT.format("dynamodb", "table/rows/stream/2026-01-01T00:00:00.000")),
        (Stream("rows"), AT.format("kinesis", "stream/rows")),
    ],
)
def test_a_trigger_that_nothing_brings_is_named(trigger: Any, source: str) -> None:
    """Once it is known who brings events at all."""
    on: dict[str, Any] = {"timeout": "5s", "on": [trigger]}
    assert limits(plain, Platform(sources=frozenset((source,))), **on) == []
    others = frozenset((AT.format("sqs", "other"), AT.format("sns", "other")))
    assert limits(plain, Platform(sources=others), **on) == ["source"]
    assert limits(plain, Platform(), **on) == []


def test_secrets_that_nothing_seals_are_named() -> None:
    def takes(word: Annotated[str, Secret]) -> None:
        pass

    assert limits(takes, Platform(seals=False), timeout="5s") == ["secrets"]
    assert limits(takes, Platform(), timeout="5s") == []
    assert limits(plain, Platform(seals=False), timeout="5s") == []


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (plain, {"timeout": "1m"}, "60 s is longer than the 29 s"),
        (plain, {"long": True, "timeout": "2h"}, "no boundary to be continued at. Take `run`"),
        (running, {"timeout": "2h"}, "is continued, if no single step"),
        (plain, {"timeout": "1s", "on": [Every("10s")]}, "8,640 jobs a day are paid for"),
        (plain, {"timeout": "1s", "memory": 2048 * MB}, '"memory_size": 2048 in zappa_settings'),
        (plain, {"timeout": "1s", "memory": 20_480 * MB}, "split the work by run.map"),
    ],
)
def test_it_says_what_to_do(
    function: Callable[..., Any], options: dict[str, Any], words: str
) -> None:
    """In one sentence that begins with the operation's name."""
    registry = Registry()
    registry.operation("some.name", **options)(function)
    (advice,) = advise(registry, Platform())
    assert advice.sentence.startswith("some.name: ")
    assert words in advice.sentence
