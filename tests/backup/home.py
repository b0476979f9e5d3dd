"""A store with its files in a folder, and what runs on it, in this process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app import wiring
from app.backup.contents import Contents
from app.backup.restoring import Restored, restore
from app.backup.taking import back_up
from app.config import Settings
from app.ports.local.place import Place
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.operation import Registry
from app.room.shelf import Wish
from app.testing import OwnClock

STAMP = 1_800_000_000.0


class Home:
    def __init__(self, data: Path, registry: Registry | None = None) -> None:
        self.data, self.clock = data, OwnClock(STAMP)
        ports = replace(wiring.make_ports(Settings(data=data, min_free=1)), clock=self.clock)
        self.room = Room(registry or Registry(), ports)

    def submit(self, operation: str, **params: object) -> str:
        return self.room.engine.submit(Submission(operation, params), LOCAL).id

    def file(self, content: bytes = b"hello", name: str = "a.txt") -> str:
        wish = Wish(name, "text/plain", len(content))
        return self.room.shelf.keep(wish, io.BytesIO(content), LOCAL.owner).id

    def content(self, id: str) -> bytes:
        with self.room.shelf.open(id, LOCAL.owner) as stream:
            return stream.read()


@contextmanager
def home(data: Path, registry: Registry | None = None) -> Iterator[Home]:
    made = Home(data, registry)
    try:
        yield made
    finally:
        made.room.ports.records.close()


def backed_up(data: Path, target: Path, *, even_damaged: bool = False) -> Contents:
    return back_up(data, target, silent, STAMP, even_damaged=even_damaged)


def put_back(source: Path, data: Path, *, replace: bool = False) -> Restored:
    place = Place(data / wiring.STORE, 1)
    return restore(source, place, silent, STAMP, replace=replace, is_deserted=lambda: True)


def silent(what: str, done: int, all: int) -> None:
    """Nobody looks."""
