"""The tick: schedules that are due get their jobs. It may be doubled, late or missed.

A due time's job and the schedule's next due time are one commit, fenced by the lease of whoever
took the schedule and by the version that it read; and the job's id is that of its due time.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from app.ports import Hint, Ports, Put, Record
from app.room import job, schedule
from app.room.acceptance import ring
from app.room.errors import Stale, Unavailable
from app.room.file_uses import note_scheduled
from app.room.job import JOBS, Error
from app.room.moment import moment
from app.room.operation import Registry
from app.room.policy import Policy
from app.room.schedule import CODE, ON, SCHEDULES, job_id, owed, plan_of
from app.room.standing import is_declared
from app.room.strict_json import write_json
from app.room.timing import BadTimes

log = logging.getLogger("manydoors.clock")

LEASE = 10.0  # seconds that whoever takes a schedule has for it
TAKEN = 50  # schedules at once
TOGETHER = 90  # jobs in one commit, with their schedule
ROOM = 1024 * 1024  # encoded bytes of params in one commit
AGAIN = 3600.0  # seconds until a schedule is looked at again whose zone nobody knows
OTHERS = 2.0  # seconds in which another clock may take what this one does not know


@dataclass(frozen=True)
class Ticked:
    """What a tick did; `next`: when the earliest of what it saw comes due again."""

    jobs: int = 0
    next: float | None = None


class Ticker:
    """Of one service."""

    def __init__(self, registry: Registry, ports: Ports) -> None:
        self._registry, self._ports = registry, ports

    def tick(self, ahead: float = 0.0) -> Ticked:
        """Makes the jobs of all that is due, and of what comes due within `ahead` seconds."""
        made, nexts = 0, list[float]()
        while taken := self._take(ahead):
            for record in taken:
                try:
                    made += self._fire(record, ahead, nexts)
                except Unavailable:
                    raise
                except Exception:  # it is looked at again, and costs the others nothing
                    log.exception("the schedule %s cannot be run", record.body.get("name"))
        return Ticked(made, min(nexts, default=None))

    def _take(self, ahead: float) -> Sequence[Record]:
        now = self._ports.clock.now()
        until = now + ahead + LEASE
        records = self._ports.records
        return records.take(SCHEDULES, now=now + ahead, until=until, limit=TAKEN, label=ON)

    def _fire(self, taken: Record, ahead: float, nexts: list[float]) -> int:
        """The jobs of one, as many as one commit takes; of more it stays due."""
        now = self._ports.clock.now()
        if taken.body["source"] == CODE and not is_declared(taken, self._registry):
            self._put(schedule.postponed(taken, now + ahead + OTHERS), taken, [])
            return 0
        try:
            dues, upto = self._owed(taken, now, now + ahead)
            jobs = [self._job(taken, due, now) for due in dues]
            after = schedule.fired(taken, jobs, upto, now)
        except BadTimes as error:
            facts = {"operation": plan_of(taken).operation, "why": str(error)}
            log.error("the schedule %s cannot be read", taken.body["name"], extra=facts)
            self._put(schedule.postponed(taken, now + AGAIN), taken, [])
            return 0
        note_scheduled(self._ports, taken, jobs)
        if not self._put(after, taken, jobs):
            return 0
        ring(self._registry, self._ports, jobs, now)
        if after.due is not None:
            self._ports.bell.ring(Hint(after.id, max(0.0, after.due - now)))
            nexts.append(after.due)
        return len(jobs)

    def _owed(self, record: Record, now: float, until: float) -> tuple[list[float], float]:
        """Due times for one commit, and up to when they are all that is owed."""
        size = len(write_json(record.body["plan"])) + 1
        most = max(1, min(TOGETHER, ROOM // size))
        dues = owed(record, now, until)
        return dues[:most], until if len(dues) <= most else dues[most - 1]

    def _job(self, record: Record, due: float, now: float) -> Record:
        plan = plan_of(record)
        known = plan.operation in self._registry
        made = job.new(
            job_id(record, due),
            operation=plan.operation,
            params=plan.params,
            owner=record.owner,
            policy=self._registry.get(plan.operation).policy if known else Policy(),
            now=now,
            due=due,
            source="schedule",
            key=f"{record.body['name']} {moment(due)}",
            schedule=record.body["name"],
        )
        return made if known else job.stillborn(made, _gone(plan.operation), now)

    def _put(self, after: Record, taken: Record, jobs: list[Record]) -> bool:
        """Is it written? If not, somebody else has changed it, and it is due again for them."""
        records = self._ports.records
        while True:
            fresh = [Put(each, expect=0) for each in jobs]
            try:
                records.commit(Put(after, taken.version, taken.lease), *fresh)
                return True
            except Stale:
                there = records.get(SCHEDULES, taken.id)
                if there is None or there.version != taken.version:
                    return False
                missing = [each for each in jobs if records.get(JOBS, each.id) is None]
                if len(missing) == len(jobs):
                    return False
                jobs[:] = missing  # a clock that was set back: those are made already


def _gone(operation: str) -> Error:
    text = (
        f"There is no operation {operation} any more: declare it again, or delete its schedule, "
        "which goes on."
    )
    return Error("unknown", text)
