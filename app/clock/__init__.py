"""The clock: the part of `up` that makes the jobs of schedules, each in its second."""

from app.clock.watch import Bell, Watch
from app.room.enter import Room


def watch(room: Room, bell: Bell) -> None:
    """Ticks until SIGTERM, SIGINT or SIGHUP."""
    Watch(room, bell).run()


__all__ = ["watch"]
