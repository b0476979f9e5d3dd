"""A scripted life of jobs on the embedded store: python -m tests.crash.life FOLDER [LARGEST]

It tells what was acknowledged, a line each, and what functions did goes into a sink of their own.
A write that is refused is tried again, as clients do; when nothing is taken any more it reads, says
so, and ends with code 3. LARGEST: bytes that a file may grow to.
"""

import hashlib
import io
import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from app.config import Settings
from app.ports import Ports
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.errors import Unavailable
from app.room.ledger import Lost
from app.room.operation import Registry
from app.room.schedule import Plan
from app.room.shelf import Wish
from app.room.standing import tend
from app.room.tick import Ticker
from app.testing import OwnClock, Silent
from app.wiring import make_ports
from tests.crash.work import SINK, declare

TRIES = 5
REFUSED = 3  # the exit code when nothing is taken any more
BEGAN = 1_800_000_000.0
CONTENT = bytes(range(256)) * 1200  # of a file
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "steps": ("steps", {"count": 3}),
    "each": ("each", {"count": 4}),
    "late": ("late", {}),
    "map": ("map", {"numbers": [2, 3, 5]}),
    "nap": ("nap", {}),
    "large": ("large", {"size": 150_000}),
    "saved": ("saved", {}),
    "cancelled": ("nap", {}),
}
T = TypeVar("T")


def opened(folder: Path, now: float = BEGAN) -> Room:
    """The real store and files, with a clock that is moved."""
    ports: Ports = make_ports(Settings(data=folder / "data", min_free=1))
    registry = Registry()
    declare(registry)
    return Room(registry, replace(ports, clock=OwnClock(now), queue=Silent(), bell=Silent()))


class Told(list[Any]):
    """What was acknowledged, written as it comes."""

    def __init__(self, to: int | None = 1) -> None:
        super().__init__()
        self._to = to

    def append(self, what: Any) -> None:
        super().append(what)
        if self._to is None:
            return
        line = json.dumps(what).encode() + b"\n"
        while True:
            try:
                os.write(self._to, line)
                return
            except OSError:
                continue  # whoever breaks writes means those of the store


def live(room: Room, told: Told) -> None:
    """Each thing that a store is asked to do, once."""
    engine, clock = room.engine, room.ports.clock
    for key, (operation, params) in JOBS.items():
        wanted = Submission(operation, params, key=key)
        made = _tried(lambda wanted=wanted: engine.submit(wanted, LOCAL))  # type: ignore[misc]
        told.append(["job", key, made.id])
        if key == "cancelled":
            _tried(lambda id=made.id: engine.cancel(id, LOCAL))  # type: ignore[misc]
            told.append(["cancelled", made.id])
    kept = _tried(
        lambda: room.shelf.keep(Wish("a.bin", "text/plain"), io.BytesIO(CONTENT), LOCAL.owner)
    )
    _tried(lambda: room.shelf.create(Wish("b.bin", "text/plain"), LOCAL.owner))
    told.append(["file", kept.id, hashlib.sha256(CONTENT).hexdigest()])
    plan = Plan("late", every="60s", catch_up="all")
    _tried(lambda: room.calendar.put("each", plan, LOCAL, "test"))
    told.append(["schedule", "each"])
    for _ in range(3):
        clock.sleep(60)
        _tried(lambda: tend(room.registry, room.ports))
        _tried(Ticker(room.registry, room.ports).tick)
        told.append(["ticked", clock.now()])
        run_all(room, told)


def run_all(room: Room, told: list[Any]) -> None:
    """Whatever is due, as a worker does; and what that makes due within a minute."""
    for _ in range(12):
        while claimed := _tried(room.engine.claim):
            for record in claimed:
                try:
                    ending = room.engine.execute(record, Control())
                    stored = _tried(lambda e=(record, ending): room.engine.settle([e])[0])  # type: ignore[misc]
                except Lost:
                    continue
                if stored is not None and "finished" in stored.body:
                    told.append(["ended", stored.id, stored.label, stored.body.get("result")])
        room.ports.clock.sleep(5)


def _tried(ask: Callable[[], T]) -> T:
    """What it gives, though the store refuses now and then."""
    for _ in range(TRIES):
        try:
            return ask()
        except Unavailable:
            continue
    raise SystemExit(REFUSED)


def main(folder: Path, largest: int = 0) -> None:
    os.environ[SINK] = str(folder / "sink")
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    room, told = opened(folder), Told()
    try:
        live(room, told)
    except SystemExit:
        if told:  # there is a store, and who can't write can read
            told.append(["read", len(room.engine.list(LOCAL).items)])
        raise
    room.ports.records.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
