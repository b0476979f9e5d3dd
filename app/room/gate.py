"""Many jobs, all or none, where one commit can't hold them: they wait behind a gate.

Each is stored with the gate's name; then the gate is opened, by one write, which accepts them all.
Should the writer die before that, the first who claims one of them finds no gate, and shuts it: by
the same write with another word, so only one of the two can ever land.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from app.ports import MOST_WRITES, Clock, Delete, Put, Record, Records, Write
from app.room.errors import Problem, Stale, TooLarge, Unavailable
from app.room.job import HELD, JOBS

GATES = "gates"
BEHIND = "behind"  # the gate of what is no job, and names one
PATIENCE = 30.0  # seconds until somebody looks behind a gate that was not opened


class Gates:
    """Of one store."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock

    def accept(self, gate: str, owner: str, writes: Sequence[Write]) -> None:
        """All of them or none, however many; a key stands just before its job. Raises as a commit
        does."""
        until = self._clock.now() + PATIENCE
        behind = [_behind(gate, until, write) for write in writes]
        try:
            for group in _groups(behind):
                self._commit(group)
        except Problem:
            self._clear(gate, owner, writes)
            raise
        try:
            self._decide(gate, owner, is_open=True, until=_last_due(behind))
        except Stale:
            self._clear(gate, owner, writes)
            raise Unavailable("The jobs could not be stored in time: try again.") from None
        with suppress(Problem):  # then they start when their patience ends
            for group in _groups(_in_front(writes)):
                self._commit(group)

    def is_open(self, gate: str) -> bool | None:
        """None while that is not decided."""
        found = self._records.get(GATES, gate)
        return None if found is None else bool(found.body["open"])

    def has_passed(self, record: Record) -> bool:
        """Of one that may stand behind a gate beside its job: is it of a job that was accepted?"""
        gate = record.body.get(BEHIND)
        return gate is None or bool(self.is_open(gate))

    def settle(self, gate: str, owner: str) -> bool:
        """Is it open? Asked by whoever has claimed one that waits; shuts one that is not there."""
        with suppress(Stale):
            if self.is_open(gate) is None:
                self._decide(gate, owner, is_open=False)
        return bool(self.is_open(gate))

    def drop(self, claimed: Record) -> None:
        """One that was never accepted."""
        with suppress(Stale):
            self._records.commit(Delete(JOBS, claimed.id, lease=claimed.lease))

    def _decide(self, gate: str, owner: str, *, is_open: bool, until: float = 0.0) -> None:
        """`until`: when the last of what stands behind it is due, and somebody looks."""
        expires = max(until, self._clock.now()) + HELD
        decided = Record(GATES, gate, {"open": is_open}, owner=owner, expires=expires)
        self._records.commit(Put(decided, expect=0))

    def _commit(self, writes: Sequence[Write]) -> None:
        """Halved where one commit can't hold the bytes; a key and its job stay together."""
        try:
            self._records.commit(*writes)
        except TooLarge:
            if len(writes) <= 2:
                raise
            half = len(writes) // 4 * 2 or 2
            self._commit(writes[:half])
            self._commit(writes[half:])

    def _clear(self, gate: str, owner: str, writes: Iterable[Write]) -> None:
        """What landed goes again; what can't be cleared now goes when it is claimed."""
        with suppress(Problem):
            if self.settle(gate, owner):
                return
            for write in writes:
                if isinstance(write, Put):
                    self._take_back(write.record, gate)

    def _take_back(self, record: Record, gate: str) -> None:
        found = self._records.get(record.collection, record.id)
        if found is None or gate not in (found.body.get("gate"), found.body.get(BEHIND)):
            return
        with suppress(Stale):
            self._records.commit(Delete(record.collection, record.id, expect=found.version))


def _behind(gate: str, until: float, write: Write) -> Write:
    if not isinstance(write, Put):
        return write
    record = write.record
    if record.collection != JOBS:
        return replace(write, record=replace(record, body=record.body | {BEHIND: gate}))
    late = until if record.due is None else max(record.due, until)
    return replace(write, record=replace(record, body=record.body | {"gate": gate}, due=late))


def _last_due(writes: Iterable[Write]) -> float:
    return max(write.record.due or 0.0 for write in writes if isinstance(write, Put))


def _in_front(writes: Iterable[Write]) -> list[Write]:
    """The jobs as they are meant, in the place of those that waited."""
    puts = [write for write in writes if isinstance(write, Put)]
    return [Put(put.record, expect=1) for put in puts if put.record.collection == JOBS]


def _groups(writes: Sequence[Write]) -> Iterable[Sequence[Write]]:
    """As many as one commit takes; an even number, for a key and its job stand side by side."""
    for start in range(0, len(writes), MOST_WRITES):
        yield writes[start : start + MOST_WRITES]
