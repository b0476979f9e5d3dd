"""A fresh room: operations of the test's own, and a real store in the test's own folder."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.config import Settings
from app.ports import Ports
from app.ports.local.records import LocalRecords
from app.room.call import Call, Outcome
from app.room.enter import Room
from app.room.operation import Registry
from app.testing import Testing
from app.wiring import make_ports


@pytest.fixture
def ports(tmp_path: Path) -> Iterator[Ports]:
    """The embedded store as the wiring makes it; ids count from one."""
    made = make_ports(Settings(data=tmp_path / "data"))
    numbers = count(1)
    yield replace(made, new_id=lambda prefix: f"{prefix}_{next(numbers)}")
    made.records.close()


@pytest.fixture
def room(ports: Ports) -> Room:
    return Room(Registry(), ports)


@pytest.fixture
def outcome(room: Room) -> Callable[..., Outcome]:
    """Declares a function as an operation, calls it, and gives the outcome."""

    def run(function: Callable[..., Any], call: Any = None, /, **options: Any) -> Outcome:
        room.registry.operation("tried", **options)(function)
        return room.enter(call or Call("tried"))

    return run


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Testing]:
    """A service with no operations yet, the embedded store, and a clock moved by hand."""
    records = LocalRecords(tmp_path / "lab.db", floor=1)
    with Testing(Registry(), records=records) as made:
        yield made
    records.close()


@pytest.fixture
def declare(lab: Testing) -> Callable[..., Any]:
    """Declares a function as the job `tried`."""

    def declared(function: Callable[..., Any], name: str = "tried", /, **options: Any) -> Any:
        return lab.room.registry.operation(name, **{"long": True, **options})(function)

    return declared
