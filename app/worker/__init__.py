"""A worker: a keeper that claims jobs and settles them, and a runner, a process of its own that
runs them one after another. Whatever a job does to its process, the keeper lives to tell.
"""

from app.room.enter import Room
from app.worker.keeper import Bell, Keeper


def work(room: Room, bell: Bell, slice: float | None = None) -> None:
    """Runs jobs until SIGTERM or SIGINT; then lets what runs come to a boundary, and leaves."""
    Keeper(room, bell, slice).run()


__all__ = ["work"]
