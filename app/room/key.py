"""API keys: what a caller shows, and what is kept of it, which tells nobody the key.

A key reads `md_<id>_<secret>`. The secret has 256 random bits, so one plain SHA-256 of it is
enough: there is nothing to guess, and nothing to be slow for.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import replace
from hmac import compare_digest
from math import inf

from app.ports import Body, Record
from app.room.call import LOCAL, SCOPES, Caller
from app.room.moment import moment

KEYS = "keys"
LONGEST_NAME = 128
OVERLAP = 86400.0  # seconds that a rotated key's former secret stays good

_SHOWN = re.compile(r"md_([0-9A-Za-z]{1,64})_([0-9a-f]{64})")


def read(shown: str) -> tuple[str, str] | None:
    """The id and the digest of what somebody shows; None when it is no key at all."""
    match = _SHOWN.fullmatch(shown)
    return (match[1], digest(match[2])) if match else None


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new(
    id: str, *, name: str, scopes: Iterable[str], owner: str, expires: float | None, now: float
) -> tuple[Record, str]:
    """The record, and the key itself, which is in no record."""
    secret = secrets.token_hex(32)
    body = {
        "name": name,
        "scopes": sorted(set(scopes), key=SCOPES.index),
        "digest": digest(secret),
        "created": now,
        "expires": expires,
    }
    return Record(KEYS, id, body, owner=owner), f"md_{id}_{secret}"


def standing(shown: str) -> Record:
    """Of an admin's key that stands in no store."""
    match = _SHOWN.fullmatch(shown)
    if match is None:
        raise ValueError("that is no key")
    body = {"name": "admin", "scopes": ["admin"], "digest": digest(match[2]), "expires": None}
    return Record(KEYS, match[1], body, owner=LOCAL.owner)


def rotated(record: Record, overlap: float, now: float) -> tuple[Record, str]:
    """With another secret; the one it had is good for so many seconds still, an older one no
    more."""
    secret = secrets.token_hex(32)
    before = {"digest": record.body["digest"], "until": now + overlap}
    body = record.body | {"digest": digest(secret), "before": before}
    return replace(record, body=body), f"md_{record.id}_{secret}"


def good_until(record: Record, shown: str, now: float) -> float | None:
    """Until when what has this digest is good; None when it is not. Takes as long for any."""
    body = record.body
    before = body.get("before") or {"digest": body["digest"], "until": inf}
    is_newest = compare_digest(body["digest"], shown)
    is_former = compare_digest(before["digest"], shown)
    until: float = inf if body["expires"] is None else body["expires"]
    if not is_newest:
        until = min(until, before["until"])
    return until if (is_newest or is_former) and now < until else None


def caller_of(record: Record) -> Caller:
    """Who shows it. Of several scopes the greatest counts, for it includes the others."""
    scope = max(record.body["scopes"], key=SCOPES.index)
    return Caller(record.owner, scope, record.id)


def described(record: Record) -> Body:
    """What may be known of a key."""
    body = record.body
    return {
        "id": record.id,
        "name": body["name"],
        "scopes": body["scopes"],
        "owner": record.owner,
        "expires_at": moment(body["expires"]),
        "created_at": moment(body["created"]),
        "last_used_at": moment(body.get("used")),
    }
