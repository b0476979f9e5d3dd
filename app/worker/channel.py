"""Messages between a keeper and its runner: JSON with its length before it, over a socket pair."""

import json
import os
import struct
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from app.ports import Record
from app.room.job import Ending, Error, Wait

HEAD = struct.Struct("=I")
PIECE = 1 << 18
LARGEST = 1 << 28  # of one message: far more than any batch of records

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def framed(message: Any) -> bytes:
    """What is no JSON raises ValueError or TypeError; half a character becomes a question mark."""
    content = _encode(message).encode(errors="replace")
    return HEAD.pack(len(content)) + content


def send(file: int, content: bytes) -> None:
    """All of it, however long the other side takes to read. OSError when it is gone."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


class Reader:
    """What came over a socket, message by message."""

    def __init__(self, file: int) -> None:
        self._file, self._rest = file, b""
        self.ended = False

    def read(self) -> list[Any]:
        """One look: what is there by now. `ended` once the other side is gone, or what comes is no
        message: somebody else has written into its end."""
        if self.ended or not (piece := self._look()):
            return []
        self._rest += piece
        try:
            return list(self._whole())
        except ValueError:
            self.ended, self._rest = True, b""
            return []

    def _whole(self) -> Iterator[Any]:
        place = 0
        while len(self._rest) - place >= HEAD.size:
            (size,) = HEAD.unpack_from(self._rest, place)
            if size > LARGEST:
                raise ValueError("This is no length of a message.")
            end = place + HEAD.size + size
            if len(self._rest) < end:
                break
            yield json.loads(self._rest[place + HEAD.size : end])
            place = end
        self._rest = self._rest[place:]

    def _look(self) -> bytes:
        try:
            piece = os.read(self._file, PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        self.ended = not piece
        return piece


def record_out(record: Record) -> list[Any]:
    return [getattr(record, name) for name in FACTS]


def record_in(facts: list[Any]) -> Record:
    return Record(**dict(zip(FACTS, facts, strict=True)))


FACTS = tuple(Record.__dataclass_fields__)


def ending_out(ending: Ending) -> dict[str, Any]:
    told: dict[str, Any] = {"what": ending.what, "ran": ending.ran}
    if ending.result is not None:
        told["result"] = ending.result
    if ending.own:
        told["own"] = ending.own
    if ending.error:
        told["error"] = asdict(ending.error)
    if ending.wait:
        told["wait"] = asdict(ending.wait)
    return told


def ending_in(told: dict[str, Any]) -> Ending:
    error, wait = told.pop("error", None), told.pop("wait", None)
    return Ending(**told, error=error and Error(**error), wait=wait and Wait(**wait))
