"""What of an operation with limits may run now: jobs are admitted or parked, calls let in or not.

A lane's record changes by compare-and-set, in one commit with the jobs that it lets in, puts aside
or lets go. So a process may die between any two commits, and nothing is lost or held for ever.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from app.ports import Delete, Hint, Ports, Put, Record, Write
from app.room import parking
from app.room.acceptance import ring
from app.room.claim import Claims
from app.room.errors import Busy, Problem, Stale, TooLarge, Unavailable, Unknown
from app.room.job import JOBS, QUEUED, RUNNING
from app.room.lane import LANES, LOOK, NO_LIMITS, SOON, Lane, Limits, key_of, lane_id
from app.room.ledger import Ledger, Lost
from app.room.operation import Operation, Registry
from app.room.parking import PARKED
from app.room.strict_json import write_json

TOGETHER = 20  # jobs that one commit admits or parks, and that it calls out of the line
CALLED = 1024 * 1024  # bytes of the jobs that one commit calls
TRIES = 100  # of a change that others outrun
SWEPT = 20  # lanes at one look
SWEEP_EVERY = 1.0  # seconds between looks for lanes that are due, where operations have limits
FREE = nullcontext()
LATE = 10.0  # seconds that a call may stay over its time before its place is given away

log = logging.getLogger("manydoors.flow")

Move = tuple[Record, Record]  # a job's record, and what a commit makes of it


class Flow:
    """The lanes of one store."""

    def __init__(self, registry: Registry, ports: Ports, ledger: Ledger) -> None:
        self._registry, self._ports, self._ledger = registry, ports, ledger
        self._claims = Claims(ports)
        self._look_at = float("-inf")
        self._has_limits = False  # has a job come by of which something is limited?

    # Jobs

    def admit(self, claimed: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Those of the claimed jobs that may run now, as they are then stored; and those of which
        the store could not tell. The others are parked; one that another has claimed meanwhile is
        none of all these."""
        alone: list[Record | None] = [None] * len(claimed)
        untold: list[Record] = []
        lanes: dict[str, list[tuple[int, Record]]] = defaultdict(list)
        for place, record in enumerate(claimed):
            if (lane := self._lane_to_ask(record)) is None:
                alone[place] = record
            else:
                lanes[lane].append((place, record))
        for lane, members in lanes.items():
            for start in range(0, len(members), TOGETHER):
                some = members[start : start + TOGETHER]
                records = [record for _, record in some]
                try:
                    stored = self._admit(lane, records)
                except Unavailable as error:
                    log.warning("%s jobs are not admitted: %s", len(records), error.detail)
                    untold += records
                    continue
                for place, record in some:
                    alone[place] = stored.get(record.id)
        return [record for record in alone if record is not None], untold

    def _lane_to_ask(self, record: Record) -> str | None:
        """The lane that has a say in whether it runs; None if it has none, or none any more."""
        name, body = record.body["operation"], record.body
        operation = self._registry.known(name)
        limits = Limits.of(operation.policy) if operation else None
        if operation is None or limits is None:
            return None
        self._has_limits = True
        holds = "lane" in body and "turn" not in body
        if holds and (limits.rate is None or "midway" in body):
            return None
        if limits.places is None and "midway" in body:
            return None
        return body["lane"] if "lane" in body else _lane_of(operation, record, self._claims.of_job)

    def _admit(self, id: str, members: Sequence[Record]) -> dict[str, Record]:
        for _ in range(TRIES):
            if not members:
                return {}
            now = self._ports.clock.now()
            lane, writes = self._called(self._read(id, now), now)
            moves: list[Move] = []
            for before in members:
                lane, after = _admitted(lane, before, now)
                moves.append((before, after))
            entries = [Put(parking.entry(new), expect=0) for _, new in moves if new.due is None]
            puts = [Put(new, old.version, old.lease) for old, new in moves if new is not old]
            try:
                written = self._commit(now, lane, [*puts, *entries, *writes])
            except Stale:
                members = [fresh for each in members if (fresh := self._still(each))]
                continue
            except TooLarge:
                if len(members) == 1:
                    raise
                return {k: v for each in members for k, v in self._admit(id, [each]).items()}
            stored = {each.id: each for each in written if each and each.collection == JOBS}
            return {old.id: stored.get(old.id, old) for old, new in moves if new.label == RUNNING}
        raise Unavailable("Others change the same lane all the time.", after=1)

    def _still(self, record: Record) -> Record | None:
        """A claimed job as it is now, if its claim is the last."""
        try:
            found = self._ledger.look(record)
        except (Lost, Unknown):
            return None
        return found if found.label == RUNNING else None

    def freed(self, moves: Sequence[Move]) -> list[Write]:
        """What belongs into the commit of these moves: their places are given on. Costs nothing
        where no lane knows the jobs. `Stale` from the commit: ask again."""
        leaving: dict[str, list[str]] = defaultdict(list)
        unparked: dict[str, list[Record]] = defaultdict(list)
        for before, after in moves:
            if "lane" in before.body and "lane" not in after.body:
                leaving[before.body["lane"]].append(before.id)
            if "parked" in before.body and "parked" not in after.body:
                unparked[before.body["parked"][0]].append(before)
        writes: list[Write] = []
        now, moved = self._ports.clock.now(), {before.id for before, _ in moves}
        for id in {**leaving, **unparked}:
            lane = self._read(id, now)
            for who in leaving[id]:
                lane = lane.left(who, now)
            for record in unparked[id]:
                lane = lane.fewer()
                writes.append(Delete(PARKED, parking.entry(record).id))
            # No more than have gone: a commit holds so many writes, and the sweep calls the rest.
            # Nor one of these themselves, which was parked, it may be, since it was read.
            most = len(leaving[id]) + len(unparked[id])
            lane, called = self._called(lane, now, most, without=moved)
            writes += [*called, *lane.write(now)]
            self._expect(lane, now)
        return writes

    def tell(self, writes: Sequence[Write]) -> None:
        """Rings for the jobs that a commit has called out of the line."""
        puts = [write.record for write in writes if isinstance(write, Put)]
        called = [
            each
            for each in puts
            if each.collection == JOBS and each.label == QUEUED and each.version
        ]
        ring(self._registry, self._ports, called, self._ports.clock.now())

    def _called(
        self, lane: Lane, now: float, most: int = TOGETHER, without: Collection[str] = ()
    ) -> tuple[Lane, list[Write]]:
        """The lane with up to `most` out of its line, if there is room for them, and what that
        writes."""
        writes: list[Write] = []
        room, wanted = CALLED, min(lane.room, lane.waiting, most)
        if wanted <= 0:
            return lane, writes
        listed = self._ports.records.list(
            PARKED, label=lane.id, newest_first=False, limit=wanted + len(without)
        )
        for entry in [each for each in listed.items if each.body["job"] not in without][:wanted]:
            found = self._ledger.get(entry.body["job"])
            writes.append(Delete(PARKED, entry.id, expect=entry.version))
            if found is None or found.body.get("parked") != [lane.id, entry.id]:
                lane = lane.fewer()  # the store was mended by hand
                continue
            limits = lane.limits
            called = parking.called(
                found, holds=limits.places is not None, has_turn=limits.rate is not None
            )
            room -= len(write_json(called.body))
            if room < 0 and len(writes) > 1:
                return lane, writes[:-1]  # the sweep calls the rest
            writes.append(Put(called, expect=found.version))
            lane = lane.promised(found.id, now)
        return lane, writes

    # Calls

    def call(
        self, operation: Operation, arguments: Mapping[str, Any], longest: float
    ) -> AbstractContextManager[None]:
        """Inside, a call has its place, for `longest` seconds at most. `Busy` if there is none."""
        if Limits.of(operation.policy) is None:
            return FREE
        return self._held(operation, arguments, longest)

    @contextmanager
    def _held(
        self, operation: Operation, arguments: Mapping[str, Any], longest: float
    ) -> Iterator[None]:
        id = lane_id(operation.name, key_of(operation.policy, arguments))
        who = self._ports.new_id("call")
        self._come(id, operation, who, longest)
        try:
            yield
        finally:
            if operation.policy.concurrency is not None:
                self._go(id, who)

    def _come(self, id: str, operation: Operation, who: str, longest: float) -> None:
        for _ in range(TRIES):
            now = self._ports.clock.now()
            lane = self._read(id, now)
            if lane.room <= 0 or lane.waiting:
                raise Busy(_full(operation, lane), after=lane.after(now))
            with suppress(Stale):
                self._commit(now, lane.entered(who, now, until=now + longest + LATE), [])
                return
        raise Busy("Others change the same lane all the time.", after=1)

    def _go(self, id: str, who: str) -> None:
        try:
            for _ in range(TRIES):
                now = self._ports.clock.now()
                lane, writes = self._called(self._read(id, now).left(who, now), now)
                with suppress(Stale):
                    self._commit(now, lane, writes)
                    return
        except Problem as problem:
            log.warning("a call's place stays taken for a while: %s", problem.detail)

    # The sweep

    def sweep(self, hint: str | None = None) -> None:
        """Looks at lanes whose time has come, and at the one that was rung for; most calls of it
        do nothing."""
        now = self._ports.clock.now()
        if hint is not None and self._registry.known(hint.split("/")[0]):
            with suppress(Unavailable):
                self._tend(hint)
        if self._look_at - LOOK <= now < self._look_at:
            return
        has_limits = any(Limits.of(operation.policy) for operation in self._registry)
        self._look_at = now + (SWEEP_EVERY if has_limits or self._has_limits else LOOK)
        with suppress(Unavailable):  # whoever claims will tell of it
            found = self._ports.records.take(
                LANES, now=now, until=now + LOOK, limit=SWEPT, label=""
            )
            for record in found:
                self._tend(record.id)
            if len(found) == SWEPT:
                self._look_at = now

    def _tend(self, id: str) -> None:
        """Calls all whom there is room for."""
        tries = 0
        while tries < TRIES:
            now = self._ports.clock.now()
            lane, writes = self._called(self._read(id, now), now)
            try:
                self._commit(now, lane, writes, soon=LOOK)
            except Stale:
                tries += 1
                continue
            if not writes:
                return

    def _read(self, id: str, now: float) -> Lane:
        operation = self._registry.known(id.split("/")[0])
        limits = (Limits.of(operation.policy) or NO_LIMITS) if operation else None
        return Lane.read(id, self._ports.records.get(LANES, id), limits, now)

    def _commit(
        self, now: float, lane: Lane, writes: Sequence[Write], *, soon: float = SOON
    ) -> tuple[Record | None, ...]:
        own = lane.write(now, soon=soon)
        written = self._ports.records.commit(*writes, *own) if writes or own else ()
        self.tell(writes)
        self._expect(lane, now)
        return written

    def _expect(self, lane: Lane, now: float) -> None:
        """A moment at which there will be room is a moment to look; one that rings for it."""
        opens = lane.opens()
        if not lane.waiting or lane.room or opens is None or opens >= now + LOOK:
            return
        self._look_at = min(self._look_at, opens)
        if lane.record is None or lane.record.due != opens:
            # A queue may count whole seconds, and round them down: the second is not too early.
            delay = opens - now
            self._ports.queue.ring(Hint(lane.id, delay), Hint(lane.id, delay + 1))


def _admitted(lane: Lane, record: Record, now: float) -> tuple[Lane, Record]:
    """Lets it in, or puts it aside."""
    body, rate = record.body, lane.limits.rate
    starts = rate is not None and "midway" not in body
    has_place = record.id in lane.holders or lane.places_left > 0
    has_start = not starts or record.id in lane.turns or lane.starts_left > 0
    if has_place and has_start:
        lane = lane.entered(record.id, now, starts=starts)
        return lane, parking.admitted(record, lane.id, holds=lane.limits.places is not None)
    lane = lane.left(record.id, now).more()
    return lane, parking.parked(record, lane.id, "rate" if has_place else "concurrency")


def _lane_of(
    operation: Operation, record: Record, params_of: Callable[[Record, Operation], Any]
) -> str:
    if operation.policy.key is None:
        return lane_id(operation.name, "")
    try:
        params = params_of(record, operation)
        params = params[0] if "batch" in record.body else params
        key = key_of(operation.policy, operation.params.load(params))
    except Exception as error:  # noqa: BLE001 - the key's function is the user's own
        log.warning("the key of a job of %s cannot be told: %r", operation.name, error)
        key = ""  # all such share one lane
    return lane_id(operation.name, key)


def _full(operation: Operation, lane: Lane) -> str:
    which = "" if operation.policy.key is None else " for this key"
    if lane.places_left <= 0:
        return f"{operation.name} runs {lane.limits.places} at once{which}, and does so now."
    if lane.waiting:
        return f"{lane.waiting} jobs of {operation.name} wait already{which}."
    return f"{operation.name} has begun as often{which} as its rate lets it."
