"""The job that stands for an operation, and a key of it: `singleton` and `debounce`.

A record of its own names the latest job; it changes in the commit that accepts a job, so two who
submit at once can't both be first.

singleton: while that job has not ended, another submission of the same owner gives it.
debounce: while it has not begun, another submission replaces its parameters, and its callback if it
brings one, and puts it off again, until `MOST_PUT_OFF` times the pause after the first.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.ports import Record, Records
from app.room.drafts import Drafts
from app.room.job import HELD, QUEUED, TERMINAL, attempt
from app.room.lane import key_of
from app.room.operation import Operation
from app.room.strict_json import write_json

LATEST = "job_latest"
MOST_PUT_OFF = 10


class Latest:
    """Of one store."""

    def __init__(
        self,
        records: Records,
        named_by: Callable[[Record], Record | None],
        params_of: Callable[[Record, Operation], Any],
    ) -> None:
        """`named_by`: the job that such a record names, if it was accepted."""
        self._records, self._named_by, self._params_of = records, named_by, params_of

    def stand(self, operation: Operation, fresh: Record, now: float, drafts: Drafts) -> Record:
        """The job for a submission of which `fresh` would be made; what that takes is drafted."""
        policy, params = operation.policy, operation.params.load(self._params_of(fresh, operation))
        named = write_json([fresh.owner, operation.name, key_of(policy, params)])
        id = hashlib.sha256(named).hexdigest()
        known, held = drafts.latest.get(id), None
        if known is None and (held := self._records.get(LATEST, id)) is not None:
            known = self._named_by(held)
        if policy.debounce is not None:
            fresh = _put_off(fresh, fresh.body["due"] + policy.debounce)
            fresh.body["longest"] = fresh.body["due"] + (MOST_PUT_OFF - 1) * policy.debounce
        if known is not None and policy.debounce is not None and _is_before_all(known):
            fresh = _replaced(known, fresh)
            drafts.put(fresh, known.version)
        elif known is not None and policy.singleton and known.label not in TERMINAL:
            fresh = known
        else:
            drafts.put(_pointer(id, fresh, now), held.version if held else 0)
            drafts.put(fresh, 0)
        drafts.latest[id] = fresh
        return fresh


def _pointer(id: str, record: Record, now: float) -> Record:
    expires = max(now, record.body["due"]) + HELD
    return Record(LATEST, id, {"job": record.id}, owner=record.owner, expires=expires)


def _is_before_all(record: Record) -> bool:
    """Has nobody begun it, and nobody failed to?"""
    return record.label == QUEUED and attempt(record) == 0 and "slices" not in record.body


def _replaced(known: Record, fresh: Record) -> Record:
    asked = {name: fresh.body[name] for name in ("params", "callback_url") if name in fresh.body}
    record = replace(known, body=known.body | asked)
    if known.due is None or "lane" in known.body:  # it waits for its turn, or may begin now
        return record
    longest = known.body.get("longest", known.due)
    return _put_off(record, max(known.due, min(fresh.body["due"], longest)))


def _put_off(record: Record, due: float) -> Record:
    return replace(record, due=due, body=record.body | {"due": due})
