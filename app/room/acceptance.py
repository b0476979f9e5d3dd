"""How a job is accepted: in the store before anybody is told, and once for each idempotency key."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from app.ports import Hint, Ports, Put, Record, Write
from app.room import job
from app.room.brim import Brim
from app.room.call import Caller
from app.room.callback import addressed, deliveries
from app.room.claim import Claims
from app.room.drafts import Drafts, check_fresh
from app.room.errors import Busy, Conflict, Invalid, Stale, TooLarge, Wrong
from app.room.file_uses import note_jobs
from app.room.gate import Gates
from app.room.job import RUNNING
from app.room.latest import Latest
from app.room.ledger import Ledger
from app.room.operation import Operation, Registry
from app.room.policy import Policy
from app.room.strict_json import write_json

KEYS = "job_keys"  # who holds an idempotency key
TRIES = 30  # when others take the same keys meanwhile, or replace what waits
BATCH = 1000  # jobs submitted together, at most


@dataclass(frozen=True)
class Hold:
    """By whom a job is run that nobody has to claim, and until when."""

    lease: str
    until: float

    def taken(self, record: Record, now: float) -> Record:
        """As whoever submits it has it, from the beginning."""
        body = record.body | {"started": now, "run": [1, round(now, 3)]}
        return replace(record, label=RUNNING, lease=self.lease, takes=1, due=self.until, body=body)


@dataclass(frozen=True)
class Submission:
    """A job to be: its operation, and parameters that are valid."""

    operation: str
    params: Any = field(default_factory=dict)
    key: str | None = None
    due: float | None = None
    priority: int | None = None
    source: str = "python"
    request_id: str = ""
    retry_of: str | None = None
    callback_url: str | None = None
    batch: int | None = None  # a child that runs its operation on each of a list of params
    failed: job.Error | None = None  # it ends before it begins, and nobody is to run it
    hold: Hold | None = None


class UsedKey(Invalid):
    """An idempotency key that stands for another call."""


class Acceptance:
    """Makes jobs of submissions."""

    def __init__(self, registry: Registry, ports: Ports, ledger: Ledger) -> None:
        self._registry, self._ports, self._ledger = registry, ports, ledger
        self.gates = Gates(ports.records, ports.clock)
        self._claims = Claims(ports)
        self.brim = Brim(ports.records, ports.clock)
        self._latest = Latest(ports.records, self._named_by, self._claims.of_job)

    def accept(
        self, submissions: Sequence[Submission], caller: Caller, *, listed: bool = False
    ) -> list[Record]:
        """A job for each, all or none. `listed`: they came as `{"jobs": […]}`, so that problems
        say which of them is meant."""
        if len(submissions) > BATCH:
            raise TooLarge(f"At most {BATCH:,} jobs are submitted together.", limit=BATCH)
        if not submissions:
            return []
        now = self._ports.clock.now()
        self.brim.check(caller.owner, len(submissions))
        for _ in range(TRIES):
            made, writes = self._drafted(submissions, caller, now, listed)
            try:
                self._store(writes, caller.owner)
            except Stale:
                continue  # another took one of the keys meanwhile: look again
            self.brim.accepted(caller.owner, len(made))
            ring(self._registry, self._ports, made, now)
            return made
        if any(one.key is not None for one in submissions):
            raise Conflict(_IN_USE)
        raise Busy("Others submit the same all the time.", after=1)

    def drafted(
        self, submissions: Sequence[Submission], caller: Caller
    ) -> tuple[list[Record], list[Write]]:
        """The jobs, and the writes that make them, for a commit of one's own: `Stale` from it means
        to ask again, and behind it one rings for them. Whatever the queue holds."""
        return self._drafted(submissions, caller, self._ports.clock.now(), False)

    def was_accepted(self, one: Submission, caller: Caller) -> bool:
        """Did its key make a job, be it long ago, so that the key is free again?"""
        held = self._ports.records.get(KEYS, _key_id(caller.owner, one))
        return held is not None and self.gates.has_passed(held)

    def _drafted(
        self, submissions: Sequence[Submission], caller: Caller, now: float, listed: bool
    ) -> tuple[list[Record], list[Write]]:
        made, writes = self._made(submissions, caller, now, listed)
        writes += deliveries(each for each in made if not each.version)
        note_jobs(self._ports, caller.owner, _jobs_in(writes))
        return made, writes

    def _store(self, writes: Sequence[Write], owner: str) -> None:
        if len(writes) <= self._ports.records.most_writes:
            try:
                self._ports.records.commit(*writes)
                return
            except TooLarge:
                if len(writes) <= 3:  # one job, with its key and what stands for it
                    raise
        check_fresh(writes)
        self.gates.accept(self._ports.new_id("gate"), owner, writes)

    def _made(
        self, submissions: Sequence[Submission], caller: Caller, now: float, listed: bool
    ) -> tuple[list[Record], list[Write]]:
        drafts = Drafts()
        for place, one in enumerate(submissions):
            at = f"/jobs/{place}" if listed else ""
            if one.key is None:
                drafts.take(self._stands(one, caller, now, drafts))
                continue
            operation = None if one.failed else self._operation(one.operation)
            id, digests = _key_id(caller.owner, one), self._claims.digests(one.params, operation)
            if id in drafts.keys:  # twice in one batch
                _check_same(drafts.keys[id][0], digests, at)
                drafts.take(drafts.keys[id][1])
                continue
            held = self._ports.records.get(KEYS, id)
            if held is not None and (known := self._holder(held, now)) is not None:
                _check_same(held.body["digest"], digests, at)
                record = known
            else:
                record = self._stands(one, caller, now, drafts)
                body = {"job": record.id, "digest": digests[0]}
                expires = max(now, record.due or now) + job.HELD
                holder = Record(KEYS, id, body, owner=caller.owner, expires=expires)
                drafts.put(holder, held.version if held else 0)
            drafts.keys[id] = digests[0], record
            drafts.take(record)
        return drafts.made(), drafts.writes()

    def _stands(self, one: Submission, caller: Caller, now: float, drafts: Drafts) -> Record:
        """A new job, or the one that stands for it: see `latest`."""
        fresh = self._new(one, caller, now)
        if one.failed is None:
            operation = self._operation(one.operation)
            if operation.policy.singleton or operation.policy.debounce is not None:
                return self._latest.stand(operation, fresh, now, drafts)
        drafts.put(fresh, 0)
        return fresh

    def _holder(self, held: Record, now: float) -> Record | None:
        """The job that has a key; None once it ended so long ago that the key is free again."""
        known = self._named_by(held)
        if known is None or now > known.body.get("finished", now) + job.REMEMBERED:
            return None
        return known

    def _named_by(self, held: Record) -> Record | None:
        """The job that a record names, if it was accepted."""
        known = self._ledger.get(held.body["job"])
        if known is None or "gate" not in known.body:
            return known
        is_open = self.gates.is_open(known.body["gate"])
        if is_open is None:
            raise Conflict(_IN_USE)
        return known if is_open else None

    def _operation(self, name: str) -> Operation:
        return self._registry.known(name) or self._registry.get(name)  # a delivery is retried, too

    def _new(self, one: Submission, caller: Caller, now: float) -> Record:
        operation = None if one.failed else self._operation(one.operation)
        policy = operation.policy if operation else Policy()
        made = job.new(
            self._ports.new_id("job"),
            operation=one.operation,
            params=self._claims.params(one.params, caller.owner, operation),
            owner=caller.owner,
            policy=policy,
            now=now,
            due=one.due,
            priority=one.priority,
            source=one.source,
            key=one.key,
            request_id=one.request_id or None,
            retry_of=one.retry_of,
            batch=one.batch,
            callback_url=one.callback_url,
            trace=self._ports.tracer.here(),
        )
        if one.failed:
            return addressed(job.stillborn(made, one.failed, now), self._ports.new_id)
        return one.hold.taken(made, now) if one.hold else made


_IN_USE = "The same idempotency key is being used by others just now."


def ring(registry: Registry, ports: Ports, jobs: Iterable[Record], now: float) -> None:
    """A hint for each that has work, now or later: what hears one may run one job alone. Of what
    runs nobody is told before its lease has ended."""
    hints = [
        Hint(job.id, max(0.0, job.due - now), _offload(registry, job))
        for job in jobs
        if job.due is not None and (job.label != RUNNING or job.due < now)
    ]
    if hints:
        ports.queue.ring(*hints)


def _offload(registry: Registry, job: Record) -> Literal["task", "queue"] | None:
    name = job.body["operation"]
    return registry.get(name).policy.offload if name in registry else None


def _jobs_in(writes: Iterable[Write]) -> list[Record]:
    """The new ones, and those that get other parameters."""
    puts = [write.record for write in writes if isinstance(write, Put)]
    return [record for record in puts if record.collection == job.JOBS]


def _key_id(owner: str, one: Submission) -> str:
    """Not the key itself: it may be long, or hold anything."""
    named = write_json([owner, one.operation, one.key])
    return hashlib.sha256(named).hexdigest()


def _check_same(held: str, digests: Sequence[str], at: str) -> None:
    if held not in digests:
        raise UsedKey(
            "This idempotency key was used with other parameters: use a new key for a new call.",
            errors=[Wrong(f"{at}/key", "Used already, with other parameters.")],
        )
