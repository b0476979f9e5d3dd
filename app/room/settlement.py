"""How runs end: written in few commits, each with all that must land with it, and what follows."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from app.ports import MOST_WRITES, Add, Hint, Ports, Put, Record, Write
from app.room import job
from app.room.acceptance import ring
from app.room.callback import addressed, deliveries
from app.room.children import MAPS, is_due
from app.room.errors import Stale, TooLarge, Unknown
from app.room.flow import Flow, Move
from app.room.happenings import Happenings
from app.room.job import RUNNING, TERMINAL, Ending, Error
from app.room.ledger import PAGES, Ledger, Lost, page_id
from app.room.operation import Registry
from app.room.orphans import Orphans, left_by
from app.room.tally import Tally

log = logging.getLogger("manydoors.jobs")

TENDED = 86400.0  # seconds in which the children that a job has left are cancelled
SETTLED_TOGETHER = 40  # endings in one commit
FREES = 3  # as many endings more counts one that gives a place in a lane on


class Settlement:
    """Of the jobs of one service."""

    def __init__(
        self,
        registry: Registry,
        ports: Ports,
        ledger: Ledger,
        flow: Flow,
        happenings: Happenings,
        tally: Tally | None,
    ) -> None:
        self._registry, self._ports, self._ledger = registry, ports, ledger
        self._flow, self._happenings, self.tally = flow, happenings, tally
        self.orphans = Orphans(ports, self.abandon)

    def settle(self, endings: Sequence[tuple[Record, Ending]]) -> list[Record | None]:
        """Writes how runs ended, many in one commit; None for one that another has claimed since.

        Until this returns, nothing of it counts; and it may be called again with the same.
        """
        stored: list[Record | None] = []
        for some in _together([record for record, _ in endings]):
            stored += self._settle_together(endings[some])
        return stored

    def _settled(self, record: Record, ending: Ending, now: float) -> Record:
        return addressed(job.settled(record, ending, now), self._ports.new_id)

    def _settle_together(self, endings: Sequence[tuple[Record, Ending]]) -> list[Record | None]:
        now = self._ports.clock.now()
        after = [self._settled(record, ending, now) for record, ending in endings]
        moves = [(record, new) for new, (record, _) in zip(after, endings, strict=True)]
        try:
            stored = self._commit(moves)
        except (Stale, TooLarge):
            return [self._settle_one(record, ending) for record, ending in endings]
        self.follow(stored, now)
        return [*stored]

    def _commit(self, moves: Sequence[Move]) -> list[Record]:
        """All of them, with what must land with them."""
        after = [new for _, new in moves]
        puts = [Put(new, record.version, record.lease) for record, new in moves]
        try:
            freed, counted = self._flow.freed(moves), self._counted(moves)
            beside = [*deliveries(after), *left_by(after), *_tallies(after), *counted, *freed]
            written = self._ports.records.commit(*puts, *beside)
        except (Stale, TooLarge):
            if self.tally:
                self.tally.forget()
            raise
        stored = [record for record in written[: len(puts)] if record is not None]
        self._flow.tell(freed)
        return stored

    def abandon(self, records: Sequence[Record]) -> None:
        """Cancels those, or, while they run, asks them to stop. One to which another writes
        meanwhile stays as it is: whoever looks again finds it."""
        now = self._ports.clock.now()
        for some in _together(records):
            wishes = [(each, job.asked_to_cancel(each, now)) for each in records[some]]
            moves = [(old, addressed(new, self._ports.new_id)) for old, new in wishes]
            try:
                stored = self._commit(moves)
            except (Stale, TooLarge):
                stored = [record for move in moves for record in self._committed(move)]
            self.follow(stored, now)
            running = [Hint(each.id) for each in stored if each.label == RUNNING]
            self._ports.queue.ring(*running)  # whoever runs it looks at once

    def _committed(self, move: Move) -> list[Record]:
        try:
            return self._commit([move])
        except (Stale, TooLarge):
            return []

    def _settle_one(self, record: Record, ending: Ending) -> Record | None:
        """Decided anew on whatever others wrote meanwhile, for as long as the lease is its own."""
        now = self._ports.clock.now()
        while record.label == RUNNING:
            new = self._settled(record, ending, now)
            try:
                put = Put(new, record.version, record.lease)
                beside = self.beside(record, new)
                written = self._ports.records.commit(put, *beside)[0]
                self._flow.tell(beside)
            except Stale:
                if self.tally:
                    self.tally.forget()
                try:
                    record = self._ledger.look(record)
                except (Lost, Unknown):
                    return None
                continue
            except TooLarge as error:
                if ending.error is not None and ending.error.kind == "too_large" and not ending.own:
                    raise  # it can not be smaller: what stands beside it is too large
                ending = Ending("failed", error=Error("too_large", error.detail, final=True))
                continue
            if written is None:
                raise TypeError("a put stores a record")
            record = written
        # Or it was written before, and the answer was lost on the way, so nothing followed.
        self.follow([record], now)
        return record

    def beside(self, before: Record, after: Record) -> list[Write]:
        """What lands with the one of them, or not at all."""
        tallies, counted = self._tallies_there([after]), self._counted([(before, after)])
        freed = self._flow.freed([(before, after)])
        return [*deliveries([after]), *left_by([after]), *tallies, *counted, *freed]

    def _counted(self, moves: Sequence[tuple[Record, Record]]) -> list[Add]:
        return self.tally.adds(moves) if self.tally else []

    def _tallies_there(self, after: Sequence[Record]) -> list[Write]:
        """Without those that are gone: their parent ended long ago, and nobody asks for them."""
        there = self._ports.records.get
        return [add for add in _tallies(after) if there(MAPS, add.id) is not None]

    def follow(self, written: Sequence[Record], now: float) -> None:
        """What endings set going; a later look finds it again should this process die here."""
        made = [put.record for put in deliveries(written)]
        ring(self._registry, self._ports, [*written, *made], now)
        for record in written:
            _log(record)
        for map in {record.body["map"] for record in written if "map" in record.body}:
            self._look_after(map)
        self._happenings.tell(written)
        if left_by(written):
            self.orphans.hurry()
        for record in written:
            if record.label in TERMINAL:
                self._age(record)
            elif job.waits_for(record, "children"):
                # The last child may have ended just before its parent was put to wait.
                self._look_after(record.body["wait"]["name"])

    def _look_after(self, map: str) -> None:
        """Wakes the parent once it has what it waits for."""
        tally = self._ports.records.get(MAPS, map)
        if tally is None or not is_due(tally.body):
            return
        parent, now = self._ledger.get(tally.label), self._ports.clock.now()
        if parent is not None and job.waits_for(parent, "children", map):
            self._ledger.amend(
                parent,
                lambda found: (
                    job.woken(found, now) if job.waits_for(found, "children", map) else found
                ),
            )
            self._ports.queue.ring(Hint(parent.id))

    def _age(self, record: Record) -> None:
        """Pages and tallies of an ended job stay no longer than it does; tallies at least for those
        who look after the children that it left."""
        held = self._held(record)
        while some := list(islice(held, MOST_WRITES)):
            puts = [Put(replace(each, expires=expires), each.version) for each, expires in some]
            try:
                self._ports.records.commit(*puts)
            except (Stale, TooLarge):
                for each, expires in some:
                    self._expire(each, expires)

    def _held(self, record: Record) -> Iterator[tuple[Record, float | None]]:
        """And until when each may stay."""
        for number in range(record.body.get("pages", 0)):
            if page := self._ports.records.get(PAGES, page_id(record.id, number)):
                yield page, record.expires
        least = max(record.expires or 0.0, record.body["finished"] + TENDED)
        cursor: str | None = None
        while "maps" in record.body:
            tallies = self._ports.records.list(MAPS, label=record.id, cursor=cursor)
            yield from ((tally, least) for tally in tallies.items)
            if (cursor := tallies.next) is None:
                return

    def _expire(self, found: Record, expires: float | None) -> None:
        with suppress(Unknown):  # it is gone already
            self._ledger.amend(found, lambda fresh: replace(fresh, expires=expires))


def _together(records: Sequence[Record]) -> Iterator[slice]:
    """As many as one commit takes; what has more to write with it counts for more."""
    start, many = 0, 0
    for place, record in enumerate(records):
        body = record.body
        beside = ("callback_url" in body) + ("maps" in body)
        weight = 1 + beside + FREES * ("lane" in body or "parked" in body)
        if many + weight > SETTLED_TOGETHER:
            yield slice(start, place)
            start, many = place, 0
        many += weight
    if many:
        yield slice(start, len(records))


def _tallies(after: Sequence[Record]) -> list[Add]:
    """What these endings add to the tallies of maps: one write for each map."""
    sums: dict[str, dict[str, int]] = {}
    for record in after:
        if "map" in record.body and record.label in TERMINAL:
            sum = sums.setdefault(record.body["map"], {"ended": 0, "failed": 0})
            sum["ended"] += 1
            sum["failed"] += record.label != job.SUCCEEDED
    return [Add(MAPS, map, sum) for map, sum in sums.items()]


def _log(record: Record) -> None:
    """What an operator should hear of."""
    facts = {"job": record.id, "operation": record.body["operation"]}
    if record.label == job.FAILED:
        error = record.body["error"]
        log.warning(
            "a job has failed", extra=facts | {"kind": error["kind"], "why": error["detail"]}
        )
    elif record.body.get("wait", {}).get("for") == "operation":
        log.warning("a job waits for its operation, which is not declared here", extra=facts)
