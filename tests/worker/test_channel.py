"""Messages between a keeper and its runner."""

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from app.ports import Record
from app.room.job import Ending, Error, Wait
from app.worker import channel

RECORD = Record(
    "jobs", "job_1", {"params": {"names": ["Żółw", "\u2028"]}}, 3, "ann", "running", 12.5, -7,
    99.0, "lease", "writer", 4,
)  # fmt: skip


@pytest.fixture
def ends() -> Iterator[tuple[int, channel.Reader]]:
    """A file to write to, and what reads from the other end."""
    near, far = socket.socketpair()
    far.setblocking(False)
    with near, far:
        yield near.fileno(), channel.Reader(far.fileno())


def heard(reader: channel.Reader) -> list[Any]:
    said = []
    while more := reader.read():
        said += more
    return said


def test_what_is_sent_is_read_in_its_order(ends: tuple[int, channel.Reader]) -> None:
    """Several messages may come at one look."""
    file, reader = ends
    messages = [{}, {"a": [1, None, 2.5, "ü"]}, {"b": "x" * 50_000}]
    channel.send(file, b"".join(map(channel.framed, messages)))
    assert heard(reader) == messages
    assert not reader.ended


def test_a_message_may_come_in_pieces_of_any_size(ends: tuple[int, channel.Reader]) -> None:
    """Even its length may be torn."""
    file, reader = ends
    content = channel.framed({"a": 1}) + channel.framed({"b": "ü"})
    said = []
    for byte in content:
        os.write(file, bytes([byte]))
        said += reader.read()
    assert said == [{"a": 1}, {"b": "ü"}]


def test_nothing_to_read_is_no_end(ends: tuple[int, channel.Reader]) -> None:
    """Until the other side is gone."""
    file, reader = ends
    assert reader.read() == []
    assert not reader.ended
    with socket.socket(fileno=os.dup(file)) as same:
        same.shutdown(socket.SHUT_WR)
    assert reader.read() == []
    assert reader.ended


@pytest.mark.parametrize(
    "garbage", [b"\0" * 64, b"hello, world", channel.HEAD.pack(3) + b"{x}", b"\xff" * 8]
)
def test_what_is_no_message_ends_the_reading(
    ends: tuple[int, channel.Reader], garbage: bytes
) -> None:
    """A job wrote to a file that was not its own: nothing after it can be believed."""
    file, reader = ends
    os.write(file, garbage)
    assert heard(reader) == []
    assert reader.ended


def test_half_a_character_becomes_a_question_mark() -> None:
    """So that every record that a keeper gets can be stored."""
    assert json.loads(channel.framed({"a": "\ud800"})[channel.HEAD.size :]) == {"a": "?"}


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_is_no_json_is_not_sent(odd: object) -> None:
    """The one who says it finds out, not the one who stores it."""
    with pytest.raises((TypeError, ValueError)):
        channel.framed({"a": odd})


def over(message: Any) -> Any:
    return json.loads(channel.framed(message)[channel.HEAD.size :])


def test_a_record_arrives_whole() -> None:
    """Each of its facts."""
    assert all(getattr(RECORD, name) for name in Record.__dataclass_fields__), "one is not tried"
    assert channel.record_in(over(channel.record_out(RECORD))) == RECORD


@pytest.mark.parametrize(
    "ending",
    [
        Ending("succeeded", result={"a": [1, None]}, ran=1.5),
        Ending("succeeded", result=0),
        Ending("succeeded", result=False),
        Ending("succeeded", own={"journal": [{"k": "step"}], "state": {}, "log": {"count": 1}}),
        Ending("cancelled", ran=0.25),
        Ending("continued"),
        Ending("waiting", wait=Wait("sleep", until=1e9)),
        Ending("waiting", wait=Wait("signal", "approved", 5.0)),
        Ending("waiting", wait=Wait("children", "map")),
        Ending("failed", error=Error("internal", "why")),
        Ending("failed", error=Error("busy", "why", True, 3.5, "trace", {"a": 1})),
    ],
)
def test_an_ending_arrives_whole(ending: Ending) -> None:
    """With its error or its wait, and each of their members."""
    assert channel.ending_in(over(channel.ending_out(ending))) == ending
