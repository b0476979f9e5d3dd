"""A room of a platform that forgets its disk, and has no bucket."""

from dataclasses import replace

from app.ports.local.no_files import NoFiles
from app.room.enter import Room
from app.testing import Testing


def without_files(lab: Testing) -> None:
    ports = replace(lab.room.ports, files=NoFiles("The Cloud"))
    lab.room = Room(lab.room.registry, ports)
