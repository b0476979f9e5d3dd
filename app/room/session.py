"""A person's visit in a browser: begun with a key, good for half a day, ended by signing out.

The cookie is a secret of its own, and only its digest is kept: whoever reads the store can sign in
as nobody, and a visit that has ended is refused wherever its cookie turns up.
"""

import hashlib
import hmac
import re
import secrets

from app.ports import Record
from app.room.key import digest

SESSIONS = "sessions"
LASTS = 12 * 3600.0  # seconds

_SHOWN = re.compile(r"([0-9A-Za-z]{1,64})_([0-9a-f]{64})")


def read(cookie: str) -> tuple[str, str] | None:
    """The id and the digest; None when it is none."""
    match = _SHOWN.fullmatch(cookie)
    return (match[1], digest(match[2])) if match else None


def new(id: str, *, key: Record, shown: str, now: float) -> tuple[Record, str]:
    """The record and the cookie. `shown` is the digest of the key's secret: once that is no longer
    good, neither is the visit."""
    secret = secrets.token_hex(32)
    body = {"digest": digest(secret), "key": key.id, "by": shown, "until": now + LASTS}
    record = Record(SESSIONS, id, body, owner=key.owner, expires=now + LASTS)
    return record, f"{id}_{secret}"


def form_token(cookie: str) -> str:
    """What our own forms carry, so that no other page can send them in this visitor's name."""
    return hmac.new(cookie.encode(), b"form", hashlib.sha256).hexdigest()
