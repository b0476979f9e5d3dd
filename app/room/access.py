"""Who may do what: from what a caller shows to who that is."""

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hmac import compare_digest
from typing import NamedTuple

from app.ports import Delete, Ports, Put, Record
from app.room import key, session
from app.room.call import Caller
from app.room.errors import Forbidden, Problem, Unauthenticated, Unavailable
from app.room.key import KEYS
from app.room.session import SESSIONS

ACCESS, ASKED = "access", "keys"  # the record that says: keys are asked for here
LOOK_EVERY = 1.0  # seconds between looks for the first key
FRESH = 30.0  # seconds that a key is believed without a look at its record
LONGEST = 55.0  # the same, while the store cannot be asked: a revoked one ends within a minute
USED_EVERY = 60.0  # seconds between writes of a key's last use
MOST_SEEN = 10_000

Later = Callable[[Callable[[], object]], None]

NO_KEY = (
    "This service has no key yet, so it answers nobody. Whoever runs it makes the first one on its "
    "host, with the store that it uses: python -m app keys create NAME --scope admin"
)
_WRONG = "The key is unknown, or it has expired or was revoked."


def check_scope(caller: Caller, scope: str) -> None:
    """Raises `Forbidden` unless the caller's key has the scope, or one that includes it."""
    if not caller.may(scope):
        raise Forbidden(f"This needs a key with the scope {scope!r}.")


def in_a_thread(work: Callable[[], object]) -> None:
    """Soon, while nobody waits for it; lost should the process end."""
    threading.Thread(target=work, daemon=True).start()


class _Seen(NamedTuple):
    caller: Caller
    until: float  # since the epoch
    looked: float  # by the monotonic clock
    told: bytes  # what had been told by then


class Access:
    """Of one store. What was looked up is remembered until somebody tells of a change, or for as
    long as a revoked key may work where nobody can tell."""

    def __init__(self, ports: Ports, admin_key: str = "", later: Later = in_a_thread) -> None:
        """`admin_key`: one that is good for as long as this lives, whatever the store holds."""
        self._records, self._clock, self._new_id = ports.records, ports.clock, ports.new_id
        self._later, self._tidings = later, ports.tidings
        self._seen: dict[bytes, _Seen] = {}
        self._own = key.standing(admin_key) if admin_key else None
        self._asked = self._own is not None
        self._look_again, self._told = float("-inf"), b""

    def asks(self) -> bool:
        """Must every caller show a key? From the first one on, for good."""
        if self._asked:
            return True
        now, told = self._clock.monotonic(), self._tidings.latest()
        if now >= self._look_again or told != self._told:
            try:
                self._asked = self._records.get(ACCESS, ASKED) is not None
            except Unavailable:
                if self._look_again < 0:  # it was never known
                    raise
            self._look_again, self._told = now + LOOK_EVERY, told
        return self._asked

    def ask(self) -> None:
        """There is a key from now on: on this machine at once, elsewhere within a second or so."""
        self._asked = True
        self._tidings.tell()

    def of_key(self, shown: str) -> Caller:
        """Whose key it is, or `Unauthenticated`."""
        return self._known(b"key", shown, self._look_at_key)

    def of_session(self, cookie: str) -> Caller:
        """Whose visit it is, or `Unauthenticated`."""
        return self._known(b"session", cookie, self._look_at_session)

    def sign_in(self, shown: str) -> str:
        """Begins a visit with a key: gives the cookie, or raises `Unauthenticated`."""
        self.of_key(shown)
        id, mark = _read(key.read(shown))
        record = self._record(id)
        if record is None:
            raise Unauthenticated(_WRONG)
        fresh = self._new_id("session").partition("_")[2]
        visit, cookie = session.new(fresh, key=record, shown=mark, now=self._clock.now())
        self._records.commit(Put(visit, expect=0))
        return cookie

    def sign_out(self, cookie: str) -> None:
        """Ends a visit, on this machine at once and elsewhere within a minute."""
        found = session.read(cookie)
        record = self._records.get(SESSIONS, found[0]) if found else None
        if found and record and compare_digest(record.body["digest"], found[1]):
            self._records.commit(Delete(SESSIONS, record.id))
            self._tidings.tell()
        self._seen.pop(_name(b"session", cookie), None)

    def forget(self, id: str) -> None:
        """A key has changed: its next caller is looked up anew, by all who hear of it."""
        for name, seen in list(self._seen.items()):
            if seen.caller.key == id:
                self._seen.pop(name, None)
        self._tidings.tell()

    def _known(
        self, kind: bytes, shown: str, look: Callable[[str], tuple[Caller, float]]
    ) -> Caller:
        name = _name(kind, shown)
        seen = self._seen.get(name)
        looked, now = self._clock.monotonic(), self._clock.now()
        told = self._tidings.latest()  # before the look: what is told meanwhile is not in it
        is_fresh = seen is not None and looked - seen.looked < FRESH and told == seen.told
        if seen is not None and is_fresh and now < seen.until:
            return seen.caller
        try:
            caller, until = look(shown)
        except Unauthenticated:
            self._seen.pop(name, None)
            raise
        except Unavailable:
            if seen is not None and looked - seen.looked < LONGEST and now < seen.until:
                return seen.caller
            raise
        if len(self._seen) >= MOST_SEEN:
            self._seen.clear()
        self._seen[name] = _Seen(caller, until, looked, told)
        return caller

    def _look_at_key(self, shown: str) -> tuple[Caller, float]:
        id, mark = _read(key.read(shown))
        return self._by(id, mark)

    def _look_at_session(self, cookie: str) -> tuple[Caller, float]:
        id, mark = _read(session.read(cookie))
        visit = self._records.get(SESSIONS, id)
        if visit is None or not compare_digest(visit.body["digest"], mark):
            raise Unauthenticated("You are signed out.")
        caller, until = self._by(visit.body["key"], visit.body["by"])
        until = min(until, visit.body["until"])
        if self._clock.now() >= until:
            raise Unauthenticated("You were signed in for long enough: sign in again.")
        return caller, until

    def _by(self, id: str, mark: str) -> tuple[Caller, float]:
        record = self._record(id)
        now = self._clock.now()
        until = None if record is None else key.good_until(record, mark, now)
        if record is None or until is None:
            raise Unauthenticated(_WRONG)
        if record.version and now - record.body.get("used", 0.0) >= USED_EVERY:
            self._later(lambda: self._note_use(record, now))
        return key.caller_of(record), until

    def _record(self, id: str) -> Record | None:
        if self._own is not None and self._own.id == id:
            return self._own
        return self._records.get(KEYS, id)

    def _note_use(self, record: Record, now: float) -> None:
        used = replace(record, body=record.body | {"used": now})
        with suppress(Problem):  # it is only for people to read, and the next use is written too
            self._records.commit(Put(used, expect=record.version))


def _read(found: tuple[str, str] | None) -> tuple[str, str]:
    if found is None:
        raise Unauthenticated(_WRONG)
    return found


def _name(kind: bytes, shown: str) -> bytes:
    """Not what was shown itself: that is kept nowhere."""
    return hashlib.sha256(kind + shown.encode()).digest()
