"""The end of a key, and what goes on without it: the schedules of an owner who has no other."""

import logging
from typing import NamedTuple

from app.ports import Body
from app.room.calendar import Calendar
from app.room.call import LOCAL
from app.room.keyring import Keyring

log = logging.getLogger("manydoors.keys")


class Stays(NamedTuple):
    """Of an owner who has no key any more: schedules that come due still, and that were paused."""

    key: str
    owner: str
    enabled: int
    disabled: int

    def told(self) -> Body:
        schedules = {"enabled": self.enabled, "disabled": self.disabled}
        return {"id": self.key, "owner": self.owner, "schedules": schedules}


def revoke(keyring: Keyring, calendar: Calendar, id: str, *, disable: bool) -> Stays | None:
    """What stays, if anything does. `disable`: with the last key of its owner its schedules are
    paused; while the owner has another, they are that one's too.

    Those of the host itself are never left behind, for its commands need no key; and what the code
    asks for is nobody's to leave.
    """
    owner, has_others = keyring.owner_of(id)
    is_last = not has_others and owner != LOCAL.owner
    disabled = calendar.pause_all(owner, "keys") if disable and is_last else 0
    keyring.revoke(id)
    if not is_last:
        return None
    if disable:  # what it has enabled until just now
        disabled += calendar.pause_all(owner, "keys")
    enabled = sum(1 for _ in calendar.enabled(owner))
    if enabled:
        known = {"owner": owner, "schedules": enabled}
        log.warning("schedules go on whose owner has no key any more", extra=known)
    return Stays(id, owner, enabled, disabled) if enabled or disabled else None
