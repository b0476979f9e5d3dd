"""Hosts to which nothing gets through: after a row of failures they are left alone for a while."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from app.ports import Clock, Delete, Put, Record, Records
from app.room.errors import Stale

HOSTS = "webhook_hosts"
ROW = 5  # deliveries given up, one after another
PAUSE = 3600.0  # seconds until one is tried again
HUSH, LONGEST_HUSH = 30.0, 600.0  # seconds that a host which hangs is spared; doubled each time
KEPT = 30 * 86400.0
TRIES = 10  # of a change that others outrun


@dataclass(frozen=True)
class State:
    """How a host has done: deliveries given up since the last that arrived, attempts that hung
    since the last answer, and when to go on after either."""

    failed: int = 0
    until: float = 0.0
    hung: int = 0
    spared: float = 0.0

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
        return self._read()[1]

    def turn(self, longest: float) -> float | None:
        """When to come again, if the host hangs just now; None for who may try.

        That is one at a time, who takes `longest` seconds at most: else those who wait for it
        would hold every worker there is.
        """
        for _ in range(TRIES):
            record, state = self._read()
            now = self._clock.now()
            if now < state.spared:
                return state.spared
            if not state.hung:
                return None
            with suppress(Stale):
                self._write(record, replace(state, spared=now + longest))
                return None
        return self._clock.now() + HUSH

    def hung(self) -> None:
        """An attempt has had no answer, and had to wait for none."""
        self._change(
            lambda state, now: replace(
                state,
                hung=state.hung + 1,
                spared=now + min(LONGEST_HUSH, HUSH * 2.0 ** min(state.hung, 10)),
            )
        )

    def answered(self) -> None:
        """It does not hang. Without a write, where it did not before."""
        if self.state().hung:
            self._change(lambda state, now: replace(state, hung=0, spared=0.0))

    def given_up(self) -> None:
        """A delivery has failed for good."""

        def change(state: State, now: float) -> State:
            failed = state.failed + 1
            return replace(state, failed=failed, until=now + PAUSE * (failed >= ROW))

        self._change(change)

    def arrived(self) -> None:
        """One has come there: all is well again. Without a write, where it was."""
        if self._read()[0].version:
            self._change(lambda state, now: State())

    def _read(self) -> tuple[Record, State]:
        found = self._records.get(HOSTS, self._id)
        if found is None:
            return Record(HOSTS, self._id, {}, owner=self._owner), State()
        state, now = State(**found.body["state"]), self._clock.now()
        # What lies further ahead was written by a clock that was wrong.
        until = state.until if state.until <= now + PAUSE else 0.0
        spared = state.spared if state.spared <= now + LONGEST_HUSH else 0.0
        return found, replace(state, until=until, spared=spared)

    def _change(self, change: Callable[[State, float], State]) -> None:
        """Only a note for later: no delivery fails because it was not kept."""
        for _ in range(TRIES):
            record, state = self._read()
            with suppress(Stale):
                self._write(record, change(state, self._clock.now()))
                return

    def _write(self, record: Record, state: State) -> None:
        if state == State() and record.version:
            self._records.commit(Delete(HOSTS, self._id, expect=record.version))
            return
        body = {"host": self._host, "state": asdict(state)}
        fresh = replace(record, body=body, expires=self._clock.now() + KEPT)
        self._records.commit(Put(fresh, expect=record.version))
