"""Signed URLs of this service's own: what they allow stands in them, and cannot be altered."""

import hmac
import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlencode

from app.ports.files import KEY, Content, Grant
from app.ports.local.place import make_once
from app.room.errors import Forbidden, Unavailable
from app.room.strict_json import write_json

SECRET = 32  # bytes
MEMBERS = ("method", "expires", "type", "size", "sha256", "most", "disposition")


class Signatures:
    """Made and checked with a secret that lies beside the files, so that every process of the
    service has the same."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def url(self, grant: Grant, until: float) -> str:
        """Below any prefix."""
        content = grant.content
        told = {
            "method": grant.method,
            "expires": str(int(until)),
            "type": content.type,
            "size": "" if content.size is None else str(content.size),
            "sha256": content.sha256,
            "most": str(content.most or ""),
            "disposition": grant.disposition,
        }
        given = {name: text for name, text in told.items() if text}
        query = urlencode({**given, "signature": self._sign(grant.key, given)})
        return f"/v1/files/{grant.key}/bytes?{query}"

    def read(self, key: str, query: Mapping[str, str], now: float) -> Grant:
        """The grant that a query stands for, or `Forbidden`."""
        told = {name: query[name] for name in MEMBERS if query.get(name)}
        signature = query.get("signature", "")
        is_key = re.fullmatch(KEY, key) is not None
        expected = self._sign(key, told) if is_key else ""
        if not expected or not hmac.compare_digest(expected.encode(), signature.encode()):
            raise Forbidden("This URL is not as it was signed: ask for a new one.")
        if now > int(told["expires"]):
            raise Forbidden("This URL is over: ask for a new one.")
        size = int(told["size"]) if "size" in told else None
        most = int(told.get("most", 0))
        content = Content(told.get("type", ""), size, told.get("sha256", ""), most)
        return Grant(key, told["method"], content, told.get("disposition", ""))

    def _sign(self, key: str, told: Mapping[str, str]) -> str:
        signed = write_json([key, sorted(told.items())])
        return hmac.new(self._secret, signed, "sha256").hexdigest()

    @cached_property
    def _secret(self) -> bytes:
        """Made by whoever needs it first; the first to have it in its place wins."""
        try:
            if not self._path.exists():
                make_once(self._path, os.urandom(SECRET))
            secret = self._path.read_bytes()
        except OSError as error:
            raise Unavailable("The secret of signed URLs can not be read.", after=10) from error
        if len(secret) != SECRET:
            raise Unavailable(
                f"{self._path} is damaged: remove it, and URLs that were given out are over.",
                after=600,
            )
        return secret
