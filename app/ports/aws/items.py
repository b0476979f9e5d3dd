"""A record as an item of the table, and back.

Beside the keys of `table`: `b` body (JSON text), `v` version, `w` writer, `f` lease, `t` takes,
`r` priority, `x` and `e` expires (whole seconds up, and the exact number where it is another).
What is empty is left out. `C`, `I`, `O`, `L` are the names that are too long for the keys to tell.
"""

import json
from math import ceil
from typing import Any

from app.ports import Record
from app.ports.aws import table

Item = dict[str, Any]  # as boto3's client has it: {"v": {"N": "1"}}

NEVER = 253_402_300_799  # the last second of the year 9999: tidying needs no later


def item(record: Record, body: str, version: int, writer: str) -> Item:
    texts = _names(record) | {"b": body, "w": writer, "f": record.lease}
    if record.due is not None:
        texts |= {
            "p": joined_priority(record.collection, record.priority),
            "d": table.due_form(record.due, record.id),
        }
    numbers = {"v": version}
    numbers |= {"t": record.takes} if record.takes else {}
    numbers |= {"r": int(record.priority)} if record.priority else {}
    if record.expires is not None:
        numbers[table.EXPIRES] = min(max(ceil(record.expires), 0), NEVER)
        texts["e"] = "" if numbers["x"] == record.expires else repr(float(record.expires))
    made: Item = {name: {"S": text} for name, text in texts.items() if text}
    return made | {name: {"N": str(number)} for name, number in numbers.items()}


def check_names(record: Record) -> None:
    """Raises ValueError for names that are no text, as half a character is."""
    _names(record)


def _names(record: Record) -> dict[str, str]:
    collection = table.collection_form(record.collection)
    owner = table.joined(collection, record.owner) if record.owner else ""
    label = table.joined(collection, record.label) if record.label else ""
    order = table.order_form(record.id)
    told = {
        "C": (record.collection, table.whole(collection)),
        "I": (record.id, order),
        "O": (record.owner, table.last_part(owner, collection) or ""),
        "L": (record.label, table.last_part(label, collection) or ""),
    }
    return {
        "k": table.joined(collection, record.id),
        "c": collection,
        "o": owner,
        "l": label,
        "a": table.joined(owner, record.label) if owner and label else "",
        "i": order,
    } | {name: text for name, (text, known) in told.items() if text != known}


def joined_priority(collection: str, priority: int) -> str:
    return table.joined(table.collection_form(collection), str(int(priority)))


def record(item: Item) -> Record:
    form = text(item, "c")
    expires = text(item, "e") or item.get(table.EXPIRES, {}).get("N")
    return Record(
        text(item, "C") or table.whole(form) or "",
        text(item, "I") or text(item, "i"),
        json.loads(text(item, "b")),
        version=version(item),
        owner=text(item, "O") or table.last_part(text(item, "o"), form) or "",
        label=text(item, "L") or table.last_part(text(item, "l"), form) or "",
        due=table.due_of(text(item, "d")) if "d" in item else None,
        priority=_number(item, "r"),
        expires=None if expires is None else float(expires),
        lease=text(item, "f"),
        writer=text(item, "w"),
        takes=_number(item, "t"),
    )


def version(item: Item) -> int:
    """0 of what is not there."""
    return _number(item, "v")


def text(item: Item, name: str) -> str:
    found: str = item.get(name, {}).get("S", "")
    return found


def _number(item: Item, name: str) -> int:
    return int(item.get(name, {}).get("N", 0))
