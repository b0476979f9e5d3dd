"""Durable jobs: submit, claim, execute, settle, and what is asked of them from outside.

Store first: a job is in the store before anybody is told of it, and a ring is only a hint to look.
Fenced: whoever claims gets a fresh lease, and no write of an older one lands.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from threading import Event, Semaphore
from typing import Any

from app.ports import Hint, Page, Ports, Put, Record, Write
from app.room import job, webhook
from app.room.acceptance import Acceptance, Submission, ring
from app.room.boundary import Control
from app.room.call import Caller
from app.room.callback import AT_ONCE, DELIVER, addressed
from app.room.change import Changes
from app.room.claim import Claims
from app.room.errors import Conflict, Problem, Stale, Unavailable, Unknown
from app.room.execute import execute
from app.room.flow import Flow
from app.room.happenings import Happenings
from app.room.job import JOBS, QUEUED, RUNNING, TERMINAL, WAITING, Ending
from app.room.ledger import TRIES, Ledger, Lost
from app.room.listing import NO_PARENT, Wanted, listed
from app.room.notes import Notes
from app.room.operation import Registry
from app.room.settlement import Settlement
from app.room.strict_json import write_json
from app.room.tally import Tally

log = logging.getLogger("manydoors.jobs")

EARLY = 1.5  # seconds that a hint may come before its job is due, and wait for it
HINTED_TRIES = 5  # of a claim of that job, which others write to meanwhile
LEASE = 10.0  # seconds of a claim, where heartbeats renew it
SETTLED_TOGETHER = 40  # endings in one commit
FREED_TOGETHER = 10  # where some of them give a place in a lane on
ROUNDS = 20  # of one claim that finds only jobs which have to wait
MOST_WAITS = 100  # for ends of jobs, at once in a process: each holds a thread of those that answer


class Engine:
    """The jobs of one service."""

    def __init__(
        self,
        registry: Registry,
        ports: Ports,
        lease: float = LEASE,
        tally: Tally | None = None,
        deliveries: int = AT_ONCE,
    ) -> None:
        """`tally`: counts what ends, where that may cost a write more. `deliveries`: how many
        callbacks are sent at once."""
        self.registry, self.ports, self.lease = registry, ports, lease
        self.ledger = Ledger(ports.records, ports.clock, lease)
        registry.keep(DELIVER, partial(webhook.operation, registry, deliveries))
        self.acceptance = Acceptance(registry, ports, self.ledger)
        self.changes = Changes(registry, ports, self.acceptance)
        self.happenings = Happenings(registry, ports, self.acceptance)
        self.flow = Flow(registry, ports, self.ledger)
        self.settlement = Settlement(
            registry, ports, self.ledger, self.flow, self.happenings, tally
        )
        self.orphans = self.settlement.orphans
        self.closing = Event()  # ends what is waited for
        self._waits = Semaphore(MOST_WAITS)
        self.has_more = False  # may the last claim have left something that is due?
        self._back: list[tuple[Record, Ending]] = []  # claimed, not begun, and not told yet

    def submit(self, submission: Submission, caller: Caller) -> Record:
        """The job, durably accepted; for a key that was used, the job it made then."""
        return self.acceptance.accept([submission], caller)[0]

    def submit_all(self, submissions: Sequence[Submission], caller: Caller) -> list[Record]:
        """A job for each, all or none."""
        return self.acceptance.accept(submissions, caller, listed=True)

    def claim(self, limit: int = 1, hint: str | None = None) -> list[Record]:
        """Leases what is due, the most pressing first; settles at once what needs no run, and
        puts aside what has to wait for its turn.

        `hint`: a job that was rung for, looked at by itself when nothing else is found; or a lane.
        """
        self.flow.sweep(hint)
        for _ in range(ROUNDS):
            ready, parked, settled = self._claim(limit, hint)
            self.has_more = parked + settled > 0 and not ready
            if ready or not parked:
                break
        if hint is not None and ready and all(record.id != hint for record in ready):
            self._ring_again(hint)
        return ready

    def _ring_again(self, id: str) -> None:
        """A hint that came a little early, and was spent on another job: that one's own hint may
        come before this job is due as well, and then nobody would look."""
        found, now = self.ledger.get(id), self.ports.clock.now()
        if found is not None and found.label in (QUEUED, WAITING) and (found.due or now) > now:
            ring(self.registry, self.ports, [found], now)

    def _claim(self, limit: int, hint: str | None) -> tuple[list[Record], int, int]:
        """What may run; how many were put aside; how many needed no run."""
        now = self.ports.clock.now()
        found: Sequence[Record] = self.ports.records.take(
            JOBS, now=now, until=now + self.lease, limit=limit, label=RUNNING
        )
        if not found and hint is not None:
            found, now = self._claim_hinted(hint), self.ports.clock.now()
        decided, ready, untold = self._looked_at(found, now)
        with suppress(Problem):  # then decided again at a later claim; what is ready can run
            self.settlement.settle(decided)
        admitted, others = self.flow.admit(ready)
        self._give_back([*untold, *others])
        return admitted, len(ready) - len(admitted) - len(others), len(decided)

    def _looked_at(
        self, claimed: Sequence[Record], now: float
    ) -> tuple[list[tuple[Record, Ending]], list[Record], list[Record]]:
        """What is decided about them before they run; those that may; those of which the store
        could not tell."""
        parents: dict[str, bool] = {}
        decided, ready, untold = [], [], []
        for record in claimed:
            try:
                if not self._is_accepted(record):
                    continue
                ending = job.verdict(record, now)
                if ending is None and self._is_orphan(record, parents):
                    ending = Ending("cancelled", begun=False)
            except Unavailable as error:
                log.warning("a job is claimed, and not looked at: %s", error.detail)
                untold.append(record)
                continue
            if ending is None:
                ready.append(record)
            else:
                decided.append((record, ending))
                parents[record.id] = True
        return decided, ready, untold

    def _give_back(self, claimed: Sequence[Record]) -> None:
        """Else they cost an attempt, though nobody began them: the only one, it may be."""
        self._back += [(record, Ending("returned")) for record in claimed]
        with suppress(Problem):  # then after the next claim, while they are its own still
            self.settlement.settle(self._back)
            self._back = []

    def _claim_hinted(self, id: str) -> list[Record]:
        """A hint may come before the store's index shows what was written a moment ago, and a
        queue counts whole seconds; a hint that found nothing would be lost."""
        for _ in range(HINTED_TRIES):
            found, now = self.ledger.get(id), self.ports.clock.now()
            if found is None or found.due is None or found.due > now + EARLY:
                return []
            self.ports.clock.sleep(found.due - now)
            until, lease = max(now, found.due) + self.lease, self.ports.new_id("lease")
            taken = replace(found, label=RUNNING, due=until, lease=lease, takes=found.takes + 1)
            with suppress(Stale):  # another has it, or has only woken it or told it something
                stored = self.ports.records.commit(Put(taken, expect=found.version))[0]
                return [] if stored is None else [stored]
        return []

    def _is_accepted(self, record: Record) -> bool:
        """One of many that were to be stored together may stand behind a gate that never opened."""
        gates = self.acceptance.gates
        if "gate" not in record.body or gates.settle(record.body["gate"], record.owner):
            return True
        gates.drop(record)
        return False

    def _is_orphan(self, record: Record, parents: dict[str, bool]) -> bool:
        """A child whose parent, or a parent of that, has ended: nobody asks for it any more."""
        parent = record.body.get("parent")
        if parent is None:
            return False
        if parent not in parents:
            found = self.ledger.get(parent)
            ended = found is None or found.label in TERMINAL
            parents[parent] = ended or (found is not None and self._is_orphan(found, parents))
        return parents[parent]

    def execute(
        self,
        record: Record,
        control: Control,
        host: Callable[[Notes], None] | None = None,
        *,
        alone: bool = True,
    ) -> Ending:
        """Runs a claimed job here. Raises `Lost` when another has claimed it meanwhile."""
        return execute(
            self.registry,
            self.ports,
            self.ledger,
            self.changes,
            record,
            control,
            host,
            alone=alone,
        )

    def settle(self, endings: Sequence[tuple[Record, Ending]]) -> list[Record | None]:
        """Writes how runs ended, many in one commit; None for one that another has claimed since.

        Until this returns, nothing of it counts; and it may be called again with the same.
        """
        return self.settlement.settle(endings)

    def renew(self, record: Record) -> Record:
        """A sign of life for a run under way: its lease goes on, if it is its own still.

        Gives the record as it is now, which shows a wish to cancel, also that of a child whose
        parent has ended; raises `Lost`.
        """
        found = self.ledger.look(record)
        now = self.ports.clock.now()
        if found.label == RUNNING and "cancel" not in found.body and self._is_orphan(found, {}):
            return self.ledger.checkpoint(found, {}, lambda it: job.asked_to_cancel(it, now))
        if found.label != RUNNING or not job.is_fading(found, now, self.lease):
            return found
        return self.ledger.checkpoint(found, {}, lambda fresh: fresh)

    def reclaim(self) -> int:
        """Makes due at once what ran when all workers died; to be called while none is alive."""
        now, cursor, found = self.ports.clock.now(), None, 0
        while True:
            page = self.ports.records.list(JOBS, label=RUNNING, cursor=cursor, limit=200)
            for record in page.items:
                with suppress(Lost, Unknown):
                    self.ledger.amend(record, lambda left: job.forsaken(left, now), fenced=True)
                    found += 1
            if (cursor := page.next) is None:
                return found

    # What is asked from outside

    def get(self, id: str, caller: Caller) -> Record:
        """The job; `Unknown` also when it is somebody else's."""
        record = self.ledger.get(id)
        if record is None or record.owner != caller.owner:
            raise Unknown("There is no such job.")
        return record

    def list(
        self,
        caller: Caller,
        *,
        status: str | None = None,
        operation: str | None = None,
        parent: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """Newest first; `parent` is the id of one, or "none". A page of a filtered list may be
        short, or empty, and yet have a next."""
        if parent not in (None, NO_PARENT):
            self.get(parent, caller)
        wanted = Wanted(status, operation, parent)
        return listed(self.ports.records, caller.owner, wanted, cursor, limit)

    def cancel(self, id: str, caller: Caller) -> Record:
        """Cancelled at once, or at the next boundary of its run."""
        record, now = self.get(id, caller), self.ports.clock.now()
        beside: list[Write] = []

        def cancelled(found: Record) -> Record:
            return addressed(job.asked_to_cancel(found, now), self.ports.new_id)

        def with_it(before: Record, after: Record) -> list[Write]:
            beside[:] = self.settlement.beside(before, after)
            return beside

        for tries in range(TRIES):
            try:
                changed = self.ledger.amend(record, cancelled, beside=with_it)
                break
            except Stale:  # what stands beside it has changed
                if tries == TRIES - 1:
                    raise
        self.flow.tell(beside)
        self.settlement.follow([changed], now)
        self.ports.queue.ring(Hint(id))  # whoever runs it looks at once
        return changed

    def signal(self, id: str, name: str, value: Any, caller: Caller) -> Record:
        """Brings a value to the job's `run.wait_for(name)`, which may come to ask later."""
        record = self.get(id, caller)
        now, size = self.ports.clock.now(), len(write_json(value))
        changed = self.ledger.amend(
            record, lambda found: job.signalled(found, name, value, size, now)
        )
        self.ports.queue.ring(Hint(id))
        return changed

    def retry(self, id: str, caller: Caller, **how: Any) -> Record:
        """A new job of the same parameters, which names its origin."""
        record = self.get(id, caller)
        if record.label not in TERMINAL:
            raise Conflict(
                f"The job is {record.label}; only one that has ended is retried.",
                job_status=record.label,
            )
        return self.submit(self.again(record, **how), caller)

    def again(self, record: Record, **how: Any) -> Submission:
        """What is submitted to retry it. `Unavailable` where no key opens its secrets."""
        name, params = record.body["operation"], record.body["params"]
        if not isinstance(params, str):
            known = self.registry.known(name) or self.registry.get(name)
            params = Claims(self.ports).of_job(record, known)
        return Submission(
            operation=name,
            params=params,
            priority=record.priority,
            retry_of=record.id,
            batch=record.body.get("batch"),
            callback_url=record.body.get("callback_url"),
            **how,
        )

    def wait(self, id: str, caller: Caller, seconds: float) -> Record:
        """The job, as soon as it has ended, or as it is after so many seconds, or when this
        process is to end; at once, while too many wait here already."""
        if not self._waits.acquire(blocking=False):
            return self.get(id, caller)
        try:
            return self._awaited(id, caller, seconds)
        finally:
            self._waits.release()

    def _awaited(self, id: str, caller: Caller, seconds: float) -> Record:
        clock = self.ports.clock
        began = clock.monotonic()
        while True:
            record = self.get(id, caller)
            waited = clock.monotonic() - began
            if record.label in TERMINAL or waited >= seconds or self.closing.is_set():
                return record
            # A tenth of what it has taken: soon for the short, and a long wait costs little.
            clock.sleep(min(max(0.001, waited / 10), 0.5, max(0.0, seconds - waited)))
