"""Workers without processes: they claim, hold what they claimed, end it, or die."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.ports import Add, Delete, Page, Put, Record, Records, Write
from app.room.errors import Unavailable
from app.room.job import Ending
from app.testing import Testing


@dataclass
class Crowd:
    """Jobs that run, wherever; the clock and the store are the service's."""

    service: Testing
    running: list[Record] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)  # ids, in the order in which they began
    most: int = 0  # that ran at once
    claims: int = 0

    def claim(self, limit: int = 1) -> list[Record]:
        self.claims += 1
        claimed = self.service.room.engine.claim(limit)
        self.running += claimed
        self.begun += [record.id for record in claimed]
        self.most = max(self.most, len(self.running))
        return claimed

    def claim_all(self) -> None:
        """A claim may find only what needs no run, or has to wait."""
        empty = 0
        while empty < 2:
            found = self.claim() or self.service.room.engine.has_more
            empty = 0 if found else empty + 1

    def end(self, record: Record, ending: Ending | None = None) -> None:
        self.running.remove(record)
        self.service.room.engine.settle([(record, ending or Ending("succeeded", result=1))])

    def drain(self) -> None:
        """Until nothing runs and nothing is due."""
        self.claim_all()
        while self.running:
            self.end(self.running[0])
            self.claim_all()


class Died(BaseException):
    """The process, between two commits."""


class Counted:
    """A store that counts what is asked of it, and dies, or says that it is out of reach, before
    or after the write of that number."""

    def __init__(self, inner: Records) -> None:
        self._inner = inner
        self.most_writes, self.most_bytes = inner.most_writes, inner.most_bytes
        self.unit = inner.unit
        self.writes = self.takes = self.reads = self.counts = 0
        self.taken = 0
        self.fault: tuple[int, str, type[BaseException]] | None = None

    def get(self, collection: str, id: str) -> Record | None:
        self.reads += 1
        return self._inner.get(collection, id)

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        for write in writes:
            assert isinstance(write, Put | Delete | Add)
        return self._at_risk(lambda: self._inner.commit(*writes))

    def list(self, collection: str, **how: Any) -> Page:
        self.reads += 1
        return self._inner.list(collection, **how)

    def count(self, collection: str, **how: Any) -> int:
        self.counts += 1
        return self._inner.count(collection, **how)

    def take(self, collection: str, **how: Any) -> Sequence[Record]:
        self.takes += 1
        found = self._at_risk(lambda: self._inner.take(collection, **how))
        self.taken += len(found)
        return found

    def ping(self) -> None:
        self._inner.ping()

    def close(self) -> None:
        self._inner.close()

    def _at_risk(self, act: Any) -> Any:
        self.writes += 1
        if self.fault is None or self.writes != self.fault[0]:
            return act()
        _, when, kind = self.fault
        if when == "after":
            act()
        raise kind("The answer was lost." if kind is Unavailable else "")
