"""The keys of a service, as admins look after them."""

import logging
from collections.abc import Sequence
from math import inf

from app.ports import Body, Delete, Ports, Put, Record
from app.room import key
from app.room.access import ACCESS, ASKED, Access, check_scope
from app.room.call import SCOPES, Caller
from app.room.errors import Invalid, Stale, Unknown, Wrong
from app.room.key import KEYS, LONGEST_NAME, OVERLAP
from app.room.walk import walked

TRIES = 10

log = logging.getLogger("manydoors.keys")


class Keyring:
    """Of one store, for one caller. Whoever is no admin is `Forbidden` all of it."""

    def __init__(self, ports: Ports, access: Access, caller: Caller) -> None:
        self._records, self._clock, self._new_id = ports.records, ports.clock, ports.new_id
        self._access, self._caller = access, caller

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        owner: str | None = None,
        expires: float | None = None,
    ) -> Body:
        """The key, for this once, with all that may be known of it; by default its owner is who
        makes it. From the first one on, every caller has to show one."""
        check_scope(self._caller, "admin")
        now = self._clock.now()
        owner = self._caller.owner if owner is None else owner
        _check(name, scopes, owner, expires, now)
        id = self._new_id("key").partition("_")[2]
        record, shown = key.new(id, name=name, scopes=scopes, owner=owner, expires=expires, now=now)
        self._records.commit(Put(record, expect=0), Put(Record(ACCESS, ASKED, {})))
        self._access.ask()
        self._tell("made", id)
        return {"id": id, "key": shown, **key.described(record)}

    def list(self, cursor: str | None = None, limit: int = 50) -> Body:
        """The newest first."""
        check_scope(self._caller, "admin")
        page = self._records.list(KEYS, cursor=cursor, limit=limit)
        return {"items": [key.described(record) for record in page.items], "next": page.next}

    def rotate(self, id: str, overlap: float = OVERLAP) -> Body:
        """Another secret for it; the former is good for so many seconds still."""
        check_scope(self._caller, "admin")
        for _ in range(TRIES):
            record = self._found(id)
            changed, shown = key.rotated(record, overlap, self._clock.now())
            try:
                self._records.commit(Put(changed, expect=record.version))
            except Stale:
                continue  # its last use was written just now
            self._access.forget(id)
            self._tell("rotated", id)
            return {"id": id, "key": shown, **key.described(changed)}
        raise Stale("The key changes too often to be changed here.")

    def owner_of(self, id: str) -> tuple[str, bool]:
        """Whose key it is, and whether another of theirs is good."""
        check_scope(self._caller, "admin")
        owner, now = self._found(id).owner, self._clock.now()
        others = (each for each in walked(self._records, KEYS, owner=owner) if each.id != id)
        return owner, any((each.body["expires"] or inf) > now for each in others)

    def revoke(self, id: str) -> None:
        """Refused on this machine at once, and everywhere within a minute."""
        check_scope(self._caller, "admin")
        self._found(id)
        self._records.commit(Delete(KEYS, id))
        self._access.forget(id)
        self._tell("revoked", id)

    def _found(self, id: str) -> Record:
        record = self._records.get(KEYS, id) if id.isascii() and id.isalnum() else None
        if record is None:
            raise Unknown("There is no such key.")
        return record

    def _tell(self, done: str, id: str) -> None:
        by = f"by key {self._caller.key}" if self._caller.key else "on the host"
        log.info("key %s was %s %s", id, done, by)


def _check(name: str, scopes: Sequence[str], owner: str, expires: float | None, now: float) -> None:
    wrongs = []
    for field, text in (("name", name), ("owner", owner)):
        if not (1 <= len(text) <= LONGEST_NAME and text.isprintable()):
            wrongs.append(Wrong(f"/{field}", f"Must be 1 to {LONGEST_NAME} printable characters."))
    if not scopes or any(scope not in SCOPES for scope in scopes):
        wrongs.append(Wrong("/scopes", f"Must be one or more of: {', '.join(SCOPES)}."))
    if expires is not None and expires <= now:
        wrongs.append(Wrong("/expires_at", "Must lie ahead."))
    if wrongs:
        raise Invalid(errors=wrongs)
