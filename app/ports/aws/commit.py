"""A commit: what each write comes to, sent as one conditional put or as one transaction.

Every put expects an exact version. The caller names it, or it is read just before and, when
others were faster, read again: so an answer that was lost and made the SDK send a write again
cannot write twice. A write that is refused brings the item it met; a commit's own writer token in
it means that the commit landed. A transaction is known by its token anyway, for ten minutes, and
costs twice as much; a delete, which leaves no token, is always one.

An Add is such a put too, of the body as it was read. DynamoDB's own ADD would not save the second
try: transactions that meet at an item refuse each other all the same, and answer with no record.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import random
from typing import Any, NamedTuple

from app.ports import COMMIT_CAP, Add, Delete, Put, Record, Write
from app.ports.aws import items, table
from app.ports.aws.items import Item
from app.ports.aws.reading import Reading
from app.ports.aws.trouble import Conflicted, Refused
from app.ports.aws.wire import Wire
from app.ports.body import check_sizes, encode
from app.room.errors import Stale, Unavailable

TRIES = 12  # of a commit that meets others at the same records
LONGEST = 0.5  # seconds between them, at most


class Step(NamedTuple):
    """A write with all that it needs: an item to put or a key to delete, and its condition."""

    request: dict[str, Any]
    stored: Record | None
    version: int | None = None  # that a put expects
    body: str = ""


class Commit:
    def __init__(
        self,
        wire: Wire,
        reading: Reading,
        name: str,
        pause: Callable[[float], object],
        writes: Sequence[Write],
        bodies: Sequence[str],
    ) -> None:
        self._wire, self._reading, self._name, self._pause = wire, reading, name, pause
        self._writes, self._bodies = writes, bodies
        self._token = secrets.token_urlsafe(12)
        self._resent = False  # did the SDK send a try more than once?

    def run(self) -> tuple[Record | None, ...]:
        steps = self._steps()
        for tries in range(TRIES):
            try:
                self._send(steps)
            except Refused as refused:
                self._resent |= refused.resent
                if not self._has_landed(refused, steps):
                    self._pause(random() * min(0.01 * 2**tries, LONGEST))  # noqa: S311 (no secret)
                    steps = self._steps()
                    continue
            except Conflicted as conflicted:
                # The same is sent again, not what is read anew: an earlier sending may have landed.
                self._resent |= conflicted.resent
                self._pause(random() * min(0.02 * 2**tries, LONGEST))  # noqa: S311 (no secret)
                continue
            return tuple(step.stored for step in steps)
        raise Unavailable("The store is busy: others write the same all the time.", after=1)

    def _steps(self) -> list[Step]:
        seen = self._seen()
        steps = [
            self._step(write, body, seen.get(_key(write)))
            for write, body in zip(self._writes, self._bodies, strict=True)
        ]
        check_sizes([step.body for step in steps], COMMIT_CAP)  # an Add has grown one
        return steps

    def _seen(self) -> dict[str, Item]:
        """What is there now, where a write goes on from that."""
        keys = [_key(write) for write in self._writes if _goes_on(write)]
        return self._reading.get_all(keys) if keys else {}

    def _step(self, write: Write, body: str, seen: Item | None) -> Step:
        match write:
            case Put(record, expect, lease):
                if expect is None:
                    if not _holds(write, seen):
                        raise _stale(write)
                    expect = items.version(seen or {})
                return self._put(record, body, expect, lease)
            case Delete():
                condition = _condition(write.expect, write.lease)
                return Step({"Key": {"k": {"S": _key(write)}}} | condition, None)
            case Add():
                if not seen:
                    raise _stale(write)
                return self._sum(write, items.record(seen))

    def _sum(self, add: Add, old: Record) -> Step:
        for member, amount in add.amounts.items():
            number = old.body.get(member, 0)
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"{member!r} of {add.collection}/{add.id} is not a number.")
            old.body[member] = number + amount
        return self._put(old, encode(old.body), old.version, None)

    def _put(self, record: Record, body: str, version: int, lease: str | None) -> Step:
        stored = replace(record, version=version + 1, writer=self._token)
        item = items.item(stored, body, version + 1, self._token)
        return Step({"Item": item} | _condition(version, lease), stored, version, body)

    def _send(self, steps: Sequence[Step]) -> None:
        requests = [
            {"TableName": self._name, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
            | step.request
            for step in steps
        ]
        if len(steps) == 1 and "Item" in requests[0]:
            self._wire.ask("put_item", **requests[0])
            return
        self._wire.ask(
            "transact_write_items",
            TransactItems=[
                {"Put" if "Item" in request else "Delete": request} for request in requests
            ],
            ClientRequestToken=secrets.token_urlsafe(24),
        )

    def _has_landed(self, refused: Refused, steps: Sequence[Step]) -> bool:
        """Whether the commit stands already; False to try again. Raises what it comes to else."""
        if any(items.text(found, "w") == self._token for found in refused.found.values()):
            return True
        version = steps[0].version if len(steps) == 1 else None
        met = items.version(next(iter(refused.found.values())))
        if self._resent and version is not None and met not in (version, version + 1):
            # The first sending may have landed, and others may have written since.
            raise Unavailable("The store's answer was lost: read whether it landed.", after=0)
        for place, found in refused.found.items():
            if not _holds(self._writes[place], found):
                raise _stale(self._writes[place])
        return False


def _goes_on(write: Write) -> bool:
    return isinstance(write, Add) or (isinstance(write, Put) and write.expect is None)


def _holds(write: Write, found: Item | None) -> bool:
    """Does what the caller asked for hold of what was found?"""
    if isinstance(write, Add):
        return bool(found)
    if write.expect not in (None, items.version(found or {})):
        return False
    return write.lease is None or (bool(found) and items.text(found or {}, "f") == write.lease)


def _condition(expect: int | None, lease: str | None) -> dict[str, Any]:
    terms, values = [], {}
    if expect == 0:
        terms.append("attribute_not_exists(k)")
    elif expect is not None:
        terms.append("v = :version")
        values[":version"] = {"N": str(expect)}
    if lease:
        terms.append("f = :lease")
        values[":lease"] = {"S": lease}
    elif lease is not None:
        terms.append("attribute_exists(k) AND attribute_not_exists(f)")
    told = {"ConditionExpression": " AND ".join(terms)} if terms else {}
    return told | ({"ExpressionAttributeValues": values} if values else {})


def _key(write: Write) -> str:
    at = write.record if isinstance(write, Put) else write
    return table.key(at.collection, at.id)


def _stale(write: Write) -> Stale:
    at = write.record if isinstance(write, Put) else write
    return Stale(f"{at.collection}/{at.id} has changed since it was read.")
