"""Settings in, a room out: the one file that knows which adapters there are."""

import importlib
from typing import TYPE_CHECKING

from app.config import Settings
from app.ports import Ports
from app.room.enter import Room
from app.room.errors import BadSetting
from app.room.operation import REGISTRY, Registry

if TYPE_CHECKING:
    from app.ports.local.queue import Bell


def make_room(settings: Settings) -> Room:
    """The room of the operations and the store that the settings name."""
    return Room(load_operations(settings), make_ports(settings))


def load_operations(settings: Settings) -> Registry:
    """Imports the modules that declare operations; `BadOperation` says which line is wrong."""
    for name in settings.operations:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                raise BadSetting(
                    f"MANYDOORS_OPERATIONS: there is no module {name} on Python's path; "
                    "PYTHONPATH adds folders to it."
                ) from None
            raise
    return REGISTRY


def listen(settings: Settings) -> "Bell":
    """What a worker of this machine wakes by."""
    from app.ports.local.queue import LocalQueue

    return LocalQueue(settings.data).listen()


def reclaim(settings: Settings, room: Room) -> int:
    """After the death of the whole service nobody need wait for its leases to end."""
    from app.ports.local.queue import LocalQueue

    return 0 if LocalQueue(settings.data).is_heard() else room.engine.reclaim()


def make_ports(settings: Settings) -> Ports:
    from app.ports.local.clock import SystemClock, Ulids
    from app.ports.local.queue import LocalQueue
    from app.ports.local.records import LocalRecords

    records = LocalRecords(settings.data / "manydoors.db", floor=settings.min_free)
    queue = LocalQueue(settings.data)
    return Ports(records=records, clock=SystemClock(), new_id=Ulids(), queue=queue)
