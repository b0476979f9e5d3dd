"""The one table: its key, its indexes, and the forms of their keys.

A record is one item under a key of its own, `k`, so that large bodies and busy records spread
over the table's partitions. What a list or a take searches by stands beside it as ready-made keys:

| index | partition | order | holds |
| --- | --- | --- | --- |
| collection | `c` collection | `i` id | keys |
| owner | `o` collection, owner; only of what has one | `i` | keys |
| label | `l` collection, label; only of what has one | `i` | keys |
| owner_label | `a` collection, owner, label; only of what has both | `i` | keys |
| due | `p` collection, priority | `d` due, id; only of what is due | keys and `o`, for a claim |

Indexes with bodies would write each body six times at each change. With keys alone a change of the
body writes none of them, one of the label two (an old entry goes, a new one comes), and an entry is
one write unit whatever the body has; a list fetches its records by key, consistently. What has no
owner or no label stands in no index of these, which spares three of the four entries of a user's
document and two of an idempotency key's; nobody lists by "", and who does so reads more. A local
index
would save one of them and bind all records of a collection to 10 GB and one partition's speed.
Multi-part index keys would spare the joined forms; emulators do not all have them yet.

An index follows its table within moments, not at once: what it names is looked at again in the
table before it counts.
"""

import hashlib
import struct
from typing import Any

LONGEST = 500  # bytes of a joined form; DynamoDB's bound is 2,048 for all parts together
LONGEST_ID = 960  # bytes in an order; DynamoDB's bound is 1,024 with the due time before it
HASHED = "~#"  # no escaped part begins so

COLLECTION, OWNER, LABEL, OWNER_LABEL, DUE = "collection", "owner", "label", "owner_label", "due"
INDEXES = {
    COLLECTION: ("c", "i"),
    OWNER: ("o", "i"),
    LABEL: ("l", "i"),
    OWNER_LABEL: ("a", "i"),
    DUE: ("p", "d"),
}
EXPIRES = "x"  # the attribute that DynamoDB tidies by


def definition(name: str) -> dict[str, Any]:
    """What `create_table` takes; `EXPIRES` is to be named to `update_time_to_live` besides."""
    attributes = sorted({"k"} | {key for keys in INDEXES.values() for key in keys})
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes
        ],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [_index(name) for name in INDEXES],
    }


def _index(name: str) -> dict[str, Any]:
    partition, order = INDEXES[name]
    projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
    if name == DUE:
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["o"]}
    return {
        "IndexName": name,
        "KeySchema": [
            {"AttributeName": partition, "KeyType": "HASH"},
            {"AttributeName": order, "KeyType": "RANGE"},
        ],
        "Projection": projection,
    }


def collection_form(collection: str) -> str:
    return _short(_escaped(collection))


def joined(first: str, last: str) -> str:
    """A form and one more part: no other two parts have the same."""
    return _short(f"{first}#{_escaped(last)}")


def key(collection: str, id: str) -> str:
    return joined(collection_form(collection), id)


def priorities_key(collection: str) -> str:
    """Of the item that names the priorities in use, `ps`. No record has it."""
    return f"~p#{collection_form(collection)}"


def last_part(form: str, first: str) -> str | None:
    """What was joined to `first`; None when the form no longer tells."""
    if not form.startswith(f"{first}#"):
        return None
    return _unescaped(form[len(first) + 1 :])


def whole(form: str) -> str | None:
    """The collection of a form; None when the form no longer tells."""
    return None if form.startswith(HASHED) else _unescaped(form)


def order_form(id: str) -> str:
    """Sorts as ids do. Of ids over 960 bytes those that begin with the same 890 have an order of
    their own."""
    encoded = id.encode()
    if len(encoded) <= LONGEST_ID:
        return id
    begin = encoded[: LONGEST_ID - 70].decode(errors="ignore")
    return f"{begin}{HASHED}{hashlib.sha256(encoded).hexdigest()}"


def due_form(due: float, id: str) -> str:
    """Sorts by time, then by id."""
    return f"{_sortable(due)}#{order_form(id)}"


def due_again(form: str, due: float) -> str:
    """The form of the same record at another time."""
    return _sortable(due) + form[16:]


def due_until(now: float) -> str:
    """Above the forms of all that is due at `now`, and below those of what is due later."""
    return f"{_sortable(now)}$"


def due_of(form: str) -> float:
    bits = int(form[:16], 16)
    bits = bits ^ SIGN if bits & SIGN else bits ^ ALL
    due: float = struct.unpack(">d", bits.to_bytes(8))[0]
    return due


SIGN, ALL = 1 << 63, (1 << 64) - 1


def _sortable(number: float) -> str:
    """The 64 bits of a float, so turned that their hexadecimal digits sort as floats do."""
    bits = int.from_bytes(struct.pack(">d", number + 0.0))  # + 0.0: there is no second zero
    return f"{bits ^ ALL if bits & SIGN else bits ^ SIGN:016x}"


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("#", "~1")


def _unescaped(part: str) -> str:
    return part.replace("~1", "#").replace("~0", "~")


def _short(form: str) -> str:
    encoded = form.encode()
    if len(encoded) <= LONGEST:
        return form
    return HASHED + hashlib.sha256(encoded).hexdigest()
