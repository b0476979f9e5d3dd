"""Proof that a callback is ours: signatures as Standard Webhooks has them, and their secrets.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence

from app.ports import Body, Clock, Put, Record, Records
from app.room.errors import Conflict, Stale

SECRETS = "webhook_secrets"  # one record an owner
OVERLAP = 86400.0  # seconds that a former secret signs beside the new one, unless told otherwise
LONGEST_OVERLAP = 30 * 86400.0
MOST = 3  # that sign at a time: each is a signature more in the header
PREFIX = "whsec_"
BYTES = 32
TRIES = 10  # when others change the same secrets


class Secrets:
    """Of one owner. The service needs them in the clear, for it signs with them."""

    def __init__(self, records: Records, clock: Clock, owner: str) -> None:
        self._records, self._clock, self._owner = records, clock, owner

    def newest(self) -> str:
        """The one to verify with; made on first use."""
        return self.good()[0]

    def good(self) -> list[str]:
        """Those that sign just now, the newest first."""
        now = self._clock.now()
        for _ in range(TRIES):
            found = self._records.get(SECRETS, self._owner)
            if found is not None:
                return [each["secret"] for each in _good(found.body, now)]
            try:
                self._write([{"secret": _fresh(), "until": None}], None)
            except Stale:
                continue  # another was faster
        raise Conflict("The secrets change too often to be read.")

    def rotate(self, overlap: float = OVERLAP) -> str:
        """A new one. The former signs too for so many seconds, until its receivers know the new."""
        now = self._clock.now()
        for _ in range(TRIES):
            found = self._records.get(SECRETS, self._owner)
            former = _good(found.body, now) if found else []
            until = now + min(overlap, LONGEST_OVERLAP)
            kept = [
                {**each, "until": until if each["until"] is None else min(until, each["until"])}
                for each in former
            ]
            made = _fresh()
            try:
                self._write([{"secret": made, "until": None}, *kept][:MOST], found)
            except Stale:
                continue
            return made
        raise Conflict("The secrets change too often to be changed here.")

    def _write(self, kept: list[Body], found: Record | None) -> None:
        record = Record(SECRETS, self._owner, {"secrets": kept}, owner=self._owner)
        self._records.commit(Put(record, expect=found.version if found else 0))


def signed(secrets: Sequence[str], id: str, now: float, body: bytes) -> Mapping[str, str]:
    """The three headers: each secret gives a signature, of which a receiver looks for one."""
    stamp = str(int(now))
    content = f"{id}.{stamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(each, content) for each in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return f"v1,{base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}"


def _good(body: Body, now: float) -> list[Body]:
    return [each for each in body["secrets"] if each["until"] is None or each["until"] > now]


def _fresh() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()
