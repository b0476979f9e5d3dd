"""The key endpoints described."""

from collections.abc import Callable, Mapping

from app.doors.job_schema import closed, page
from app.doors.keys import LISTED, NEW, REVOKED, ROTATED
from app.doors.rest.description import (
    ALWAYS,
    SCHEMAS,
    TEXT,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    in_path,
    query,
    responses,
    service,
)
from app.doors.submission import LONGEST_DELAY
from app.room.call import SCOPES
from app.room.schema.json_schema import describe

TAG = "keys"
KINDS = (*ALWAYS, *WITH_KEYS)
_ID = in_path("id", TEXT)


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {
        "keys.list": _list,
        "keys.create": _create,
        "keys.revoke": _revoke,
        "keys.rotate": _rotate,
    }


def components() -> Document:
    """What the descriptions refer to."""
    return {"Key": closed(_key())}


def _key() -> Document:
    moment = {"type": "string", "format": "date-time"}
    maybe = {"type": ["string", "null"], "format": "date-time"}
    scopes = {"type": "array", "items": {"type": "string", "enum": list(SCOPES)}}
    return {
        "id": TEXT,
        "name": TEXT,
        "scopes": scopes,
        "owner": TEXT,
        "expires_at": maybe,
        "created_at": moment,
        "last_used_at": maybe,
    }


def _shown() -> Document:
    """With the key itself."""
    return closed({"id": TEXT, "key": TEXT, **_key()})


def _list() -> Document:
    schema, _ = describe(LISTED.schema)
    return {
        **service("List the keys, the newest first.", "keys.list", TAG),
        "parameters": [query(name, each) for name, each in schema["properties"].items()],
        "responses": responses(page({"$ref": f"{SCHEMAS}Key"}), *KINDS, "malformed", "invalid"),
    }


def _create() -> Document:
    schema, _ = describe(NEW.schema)
    told = responses(_shown(), *KINDS, *WITH_BODY)
    told["201"] = told.pop("200") | {"description": "The key, shown this once."}
    return {
        **service("Make a key.", "keys.create", TAG),
        "description": "admin includes run, and run includes read. Without an `owner` it is its "
        "maker's. From the first key on, every caller has to show one.",
        "requestBody": body(schema),
        "responses": told,
    }


def _revoke() -> Document:
    schema, _ = describe(REVOKED.schema)
    many = {"type": "integer", "minimum": 0}
    stays = closed(
        {"id": TEXT, "owner": TEXT, "schedules": closed({"enabled": many, "disabled": many})}
    )
    told = responses(stays, *KINDS, "malformed", "unknown", "invalid")
    told["200"]["description"] = "The same, and its owner, who has no other, had schedules on."
    told["204"] = {"description": "Refused here at once, and everywhere within a minute."}
    return {
        **service("Revoke a key.", "keys.revoke", TAG),
        "description": "Schedules go on without a key. With `schedules=disable` those of its owner "
        "are paused, if this was the last good key of theirs.",
        "parameters": [_ID, *(query(name, each) for name, each in schema["properties"].items())],
        "responses": told,
    }


def _rotate() -> Document:
    schema, _ = describe(ROTATED.schema)
    schema["properties"]["overlap"] |= {"minimum": 0, "maximum": LONGEST_DELAY}
    return {
        **service("Give a key another secret.", "keys.rotate", TAG),
        "description": "The former one is good for the `overlap` still, a day by default.",
        "parameters": [_ID],
        "requestBody": {**body(schema), "required": False},
        "responses": responses(_shown(), *KINDS, *WITH_BODY, "unknown", "conflict"),
    }
