"""How a job is accepted: in the store before anybody is told, and once for each idempotency key."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app.ports import Hint, Ports, Put, Record, Write
from app.room import job
from app.room.call import Caller
from app.room.callback import addressed, deliveries
from app.room.errors import Conflict, Invalid, Stale, TooLarge, Wrong
from app.room.file_uses import note_jobs
from app.room.gate import Gates
from app.room.ledger import Ledger
from app.room.operation import Registry
from app.room.policy import Policy
from app.room.strict_json import write_json

KEYS = "job_keys"  # who holds an idempotency key
TRIES = 10  # when others take the same keys meanwhile
BATCH = 1000  # jobs submitted together, at most
LARGEST_PARAMS = 102_400  # encoded bytes that a job's record keeps


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


class UsedKey(Invalid):
    """An idempotency key that stands for another call."""


class Acceptance:
    """Makes jobs of submissions."""

    def __init__(self, registry: Registry, ports: Ports, ledger: Ledger) -> None:
        self._registry, self._ports, self._ledger = registry, ports, ledger
        self.gates = Gates(ports.records, ports.clock)

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
        for _ in range(TRIES):
            made, writes = self._made(submissions, caller, now, listed)
            writes += deliveries(each for each in made if not each.version)
            note_jobs(self._ports, caller.owner, made)
            try:
                self._store(writes, caller.owner)
            except Stale:
                continue  # another took one of the keys meanwhile: look again
            ring(self._registry, self._ports, made, now)
            return made
        raise Conflict(_IN_USE)

    def _store(self, writes: Sequence[Write], owner: str) -> None:
        if len(writes) <= self._ports.records.most_writes:
            try:
                self._ports.records.commit(*writes)
                return
            except TooLarge:
                if len(writes) <= 2:  # one job, with its key
                    raise
        self.gates.accept(self._ports.new_id("gate"), owner, writes)

    def _made(
        self, submissions: Sequence[Submission], caller: Caller, now: float, listed: bool
    ) -> tuple[list[Record], list[Write]]:
        made: list[Record] = []
        writes: list[Write] = []
        keyed: list[Write] = []
        keys: dict[str, tuple[str, Record]] = {}
        for place, one in enumerate(submissions):
            at = f"/jobs/{place}" if listed else ""
            record = self._new(one, caller, now)
            if one.key is None:
                made.append(record)
                writes.append(Put(record, expect=0))
                continue
            id, digest = _key_id(caller.owner, one), _digest(one.params)
            if id in keys:  # twice in one batch
                _check_same(keys[id][0], digest, at)
                made.append(keys[id][1])
                continue
            held = self._ports.records.get(KEYS, id)
            if held is not None and (known := self._holder(held, now)) is not None:
                _check_same(held.body["digest"], digest, at)
                record = known
            else:
                body = {"job": record.id, "digest": digest}
                expires = max(now, record.due or now) + job.HELD
                holder = Record(KEYS, id, body, owner=caller.owner, expires=expires)
                keyed += [Put(holder, expect=held.version if held else 0), Put(record, expect=0)]
            keys[id] = digest, record
            made.append(record)
        return made, keyed + writes

    def _holder(self, held: Record, now: float) -> Record | None:
        """The job that has a key; None once it ended so long ago that the key is free again."""
        known = self._ledger.get(held.body["job"])
        if known is not None and "gate" in known.body:
            is_open = self.gates.is_open(known.body["gate"])
            if is_open is None:
                raise Conflict(_IN_USE)
            known = known if is_open else None
        if known is None or now > known.body.get("finished", now) + job.REMEMBERED:
            return None
        return known

    def _policy(self, operation: str) -> Policy:
        known = self._registry.known(operation)  # a delivery may be retried, too
        return (known or self._registry.get(operation)).policy

    def _new(self, one: Submission, caller: Caller, now: float) -> Record:
        policy = Policy() if one.failed else self._policy(one.operation)
        if (size := len(write_json(one.params))) > LARGEST_PARAMS:
            raise TooLarge(
                f"The parameters have {size:,} bytes, and a job's record keeps {LARGEST_PARAMS:,}.",
                limit=LARGEST_PARAMS,
            )
        made = job.new(
            self._ports.new_id("job"),
            operation=one.operation,
            params=one.params,
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
        )
        if one.failed:
            return addressed(job.stillborn(made, one.failed, now), self._ports.new_id)
        return made


_IN_USE = "The same idempotency key is being used by others just now."


def ring(registry: Registry, ports: Ports, jobs: Iterable[Record], now: float) -> None:
    """A hint for each that has work, now or later: what hears one may run one job alone."""
    hints = [
        Hint(job.id, max(0.0, job.due - now), _offload(registry, job))
        for job in jobs
        if job.due is not None
    ]
    if hints:
        ports.queue.ring(*hints)


def _offload(registry: Registry, job: Record) -> Literal["task", "queue"] | None:
    name = job.body["operation"]
    return registry.get(name).policy.offload if name in registry else None


def _key_id(owner: str, one: Submission) -> str:
    """Not the key itself: it may be long, or hold anything."""
    named = write_json([owner, one.operation, one.key])
    return hashlib.sha256(named).hexdigest()


def _digest(params: Any) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


def _check_same(held: str, digest: str, at: str) -> None:
    if held != digest:
        raise UsedKey(
            "This idempotency key was used with other parameters: use a new key for a new call.",
            errors=[Wrong(f"{at}/key", "Used already, with other parameters.")],
        )
