"""Hosts to which nothing gets through: after a row of failures they are left alone for a while."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from app.ports import Body, Clock, Delete, Put, Record, Records
from app.room.errors import Stale

HOSTS = "webhook_hosts"
ROW = 5  # deliveries given up, one after another
PAUSE = 3600.0  # seconds until one is tried again
KEPT = 30 * 86400.0
TRIES = 10  # of a change that others outrun


@dataclass(frozen=True)
class State:
    """How a host has done: deliveries given up since the last that arrived."""

    failed: int = 0
    until: float = 0.0

    @property
    def is_doubtful(self) -> bool:
        """One try is enough to see whether it is back."""
        return self.failed >= ROW


class Circuit:
    """One owner's deliveries to one host: what others send there, and how, is not theirs."""

    def __init__(self, records: Records, clock: Clock, owner: str, host: str) -> None:
        self._records, self._clock, self._owner = records, clock, owner
        self._id = hashlib.sha256(f"{owner}\n{host}".encode()).hexdigest()
        self._host = host

    def state(self) -> State:
        found = self._records.get(HOSTS, self._id)
        return State(found.body["failed"], found.body["until"]) if found else State()

    def is_open(self) -> bool:
        """Is nothing to be sent there just now?"""
        return self._clock.now() < self.state().until

    def given_up(self) -> None:
        """A delivery has failed for good."""
        now = self._clock.now()

        def change(body: Body) -> Body:
            failed = int(body.get("failed", 0)) + 1
            return {"host": self._host, "failed": failed, "until": now + PAUSE * (failed >= ROW)}

        self._change(change, now + KEPT)

    def arrived(self) -> None:
        """One has come there: all is well again. Without a write, where it was."""
        for _ in range(TRIES):
            found = self._records.get(HOSTS, self._id)
            if found is None:
                return
            with suppress(Stale):
                self._records.commit(Delete(HOSTS, self._id, expect=found.version))
                return

    def _change(self, change: Callable[[Body], Body], expires: float) -> None:
        """Only a count for later: a delivery does not fail because it was not kept."""
        for _ in range(TRIES):
            with suppress(Stale):
                found = self._records.get(HOSTS, self._id)
                record = found or Record(HOSTS, self._id, {}, owner=self._owner)
                changed = replace(record, body=change(record.body), expires=expires)
                self._records.commit(Put(changed, expect=record.version))
                return
