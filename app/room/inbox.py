"""The inbox: what is put into a folder becomes a file, and starts the operations that wait for it.

Only what is wanted is taken; the rest stays where it is. The file's id is that of the taking, so
whoever goes on after a death goes on with the same file.
"""

import logging
from collections.abc import Callable

from app.ports import Dropped, Inbox
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.errors import Invalid, Problem
from app.room.files import derived_id, guessed_type, safe_name, safe_path
from app.room.shelf import Wish
from app.room.trigger import Upload
from app.room.unreadable import unreadable
from app.room.uploads import DOOR, is_for

log = logging.getLogger("manydoors.clock")


def has_takers(room: Room) -> bool:
    """Does any operation wait for uploads?"""
    return any(isinstance(on, Upload) for each in room.registry for on in each.triggers)


def take_in(room: Room, go_on: Callable[[], bool] = lambda: True) -> int:
    """Takes what is whole and wanted, for as long as it may go on; says how much. What can't be
    stored now stays taken, and is tried again at the next look."""
    inbox, taken = room.ports.inbox, 0
    if inbox is None:
        return 0

    def is_wanted(path: str) -> bool:
        called = safe_path(path) or safe_name(path)
        return any(is_for(each, called) for each in room.registry)

    for dropped in inbox.take(is_wanted):
        taken += _take(room, inbox, dropped)
        if not go_on():
            break
    return taken


def _take(room: Room, inbox: Inbox, dropped: Dropped) -> bool:
    made = int(dropped.token.partition("-")[0]) / 1000
    id = derived_id(made, dropped.token, dropped.size, dropped.changed)
    name = safe_name(dropped.path)
    wish = Wish(name, guessed_type(name), dropped.size, path=safe_path(dropped.path))
    try:
        with inbox.open(dropped) as content:
            room.shelf.keep(wish, content, LOCAL.owner, id)
    except Problem as problem:
        if problem.retry or isinstance(problem, Invalid):  # Invalid: it is still being written
            log.warning("%s stays in the inbox: %s", dropped.path, problem.detail)
            return False
        source, told = f"{DOOR}:inbox", dropped.path.encode()
        log.error("%s is put aside: %s", dropped.path, problem.detail)
        trace = unreadable(room.registry, problem, source=source, id=dropped.token, raw=told)
        room.engine.submit(trace, LOCAL)
        inbox.refuse(dropped)
        return False
    inbox.done(dropped)
    return True
