"""Who takes what is due: found in a sparse index, claimed by conditional writes."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from random import random, shuffle
from typing import Any

from app.ports import Record
from app.ports.aws import items, table
from app.ports.aws.reading import Reading
from app.ports.aws.trouble import Conflicted, Refused
from app.ports.aws.wire import Wire
from app.room.errors import Unavailable

LOOK = 10  # beyond what is asked for: what others take meanwhile
TRIES = 4  # of a claim that meets a transaction


class Claims:
    """Each priority in use is a partition of the index. An item of its own names them, but for 0,
    which most have; a process tells it of each priority once, before the first record that has it,
    and none is forgotten: 201 at most, each of which costs half a read unit a take."""

    def __init__(self, wire: Wire, name: str, pause: Callable[[float], object]) -> None:
        self._wire, self._name, self._pause = wire, name, pause
        self._reading = Reading(wire, name, pause)
        self._told: set[tuple[str, int]] = set()

    def announce(self, records: Iterable[Record]) -> None:
        """Makes the priorities of what is due known. Done twice it is done once."""
        due = {(one.collection, int(one.priority)) for one in records if one.due is not None}
        for collection, priority in sorted(due - self._told):
            if not priority:
                continue
            self._wire.ask(
                "update_item",
                TableName=self._name,
                Key={"k": {"S": table.priorities_key(collection)}},
                UpdateExpression="ADD ps :one",
                ExpressionAttributeValues={":one": {"NS": [str(priority)]}},
            )
            self._told.add((collection, priority))

    def take(
        self, collection: str, *, now: float, until: float, limit: int, label: str
    ) -> tuple[Record, ...]:
        taken: list[tuple[int, str, Record]] = []
        token = secrets.token_urlsafe(12)
        try:
            for entry in self._due(collection, now, limit):
                if len(taken) >= limit:
                    break
                lease = f"{token}-{len(taken)}"
                claimed = self._claim(self._update(collection, entry, until, label, lease, token))
                if claimed:
                    taken.append((-claimed.priority, items.text(entry, "d"), claimed))
                else:
                    entry.clear()  # tells the look that others are at it
        except Unavailable:
            if not taken:
                raise
            # What was claimed is the caller's: to drop it would cost it a lease and an attempt.
        return tuple(record for *_, record in sorted(taken, key=itemgetter(0, 1)))

    def _due(self, collection: str, now: float, limit: int) -> Iterator[items.Item]:
        """Entries of the index, the most pressing first. When one was lost to others who take,
        the rest of its page comes in any order, so that they do not meet at each."""
        # The index is behind the table anyway, so that this may be too, at half the price.
        known = self._reading.get(table.priorities_key(collection), consistent=False) or {}
        bound = ("d", "<", table.due_until(now))
        priorities = {0, *map(int, known.get("ps", {}).get("NS", ()))}
        for priority in sorted(priorities, reverse=True):
            form = items.joined_priority(collection, priority)
            for page in self._reading.entries(table.DUE, form, bound, Limit=limit + LOOK):
                rest = page[::-1]
                while rest:
                    entry = rest.pop()
                    yield entry
                    if not entry:
                        shuffle(rest)

    def _claim(self, update: dict[str, Any]) -> Record | None:
        """The record, or None if another was faster."""
        for tries in range(TRIES):
            try:
                return items.record(self._wire.ask("update_item", **update)["Attributes"])
            except Refused as refused:
                found = refused.found[0]
                # After an answer that was lost the same was sent again: then it is ours already.
                is_ours = found.get("f") == update["ExpressionAttributeValues"][":lease"]
                return items.record(found) if is_ours else None
            except Conflicted:
                self._pause(random() * 0.02 * 2**tries)  # noqa: S311 (no secret)
        return None

    def _update(
        self, collection: str, entry: items.Item, until: float, label: str, lease: str, token: str
    ) -> dict[str, Any]:
        """A claim of what is still as the index saw it."""
        owner, seen = items.text(entry, "o"), items.text(entry, "d")
        names = _label_names(collection, owner, label)
        sets = "d = :due, f = :lease, w = :writer, v = v + :one, t = if_not_exists(t, :none) + :one"
        sets += "".join(f", {name} = :{name}" for name, text in names.items() if text)
        gone = [name for name, text in names.items() if not text]
        values = {f":{name}": text for name, text in names.items()}
        values |= {":due": table.due_again(seen, until), ":lease": lease, ":writer": token}
        values |= {":seen": seen, ":priority": items.text(entry, "p"), ":owner": owner}
        whose = "o = :owner" if owner else "attribute_not_exists(o)"
        return {
            "TableName": self._name,
            "Key": {"k": entry["k"]},
            "UpdateExpression": f"SET {sets}" + (f" REMOVE {', '.join(gone)}" if gone else ""),
            "ConditionExpression": f"d = :seen AND p = :priority AND {whose} AND f <> :lease",
            "ExpressionAttributeValues": {n: {"S": text} for n, text in values.items() if text}
            | {":one": {"N": "1"}, ":none": {"N": "0"}},
            "ReturnValues": "ALL_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


def _label_names(collection: str, owner: str, label: str) -> dict[str, str]:
    """What of an item the label says; `owner` is the form of it. What is empty is left out."""
    form = table.collection_form(collection)
    told = table.joined(form, label) if label else ""
    is_told = (table.last_part(told, form) or "") == label
    both = table.joined(owner, label) if owner and label else ""
    return {"l": told, "a": both, "L": "" if is_told else label}
