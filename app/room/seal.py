"""Secrets as a store keeps them: sealed with a key that is not in the store.

Encrypt, then sign: HMAC-SHA-256 as the stream's generator and as the signature, each with a key of
its own made of the one that is given. No library for it is here, for those that there are bring
binaries which a laptop installs and Lambda cannot load.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Sequence
from secrets import token_bytes

from app.room.errors import Unavailable

MARK = "sealed:1:"
NONCE, TAG, BLOCK = 16, 32, 32  # bytes

Keys = Callable[[], Sequence[bytes]]


class Seal:
    """Of the keys that one house has: the first closes, each may open."""

    def __init__(self, keys: Keys) -> None:
        """`keys` is asked when one is needed, for most operations take no secret."""
        self._keys = keys

    def close(self, text: str, place: str) -> str:
        """`text` as only these keys open it, and only for the same place: whose it is, and what
        takes it. What they have closed for that place already stays as it is."""
        if self.open(text, place) is not None:
            return text
        key, nonce = self._key(), token_bytes(NONCE)
        content = text.encode("utf-8", "surrogatepass")
        # Padded, so that its length tells little.
        padded = len(content).to_bytes(4) + content + b"\0" * (-(4 + len(content)) % BLOCK)
        hidden = _hidden(padded, key, nonce)
        tag = _tag(key, nonce + hidden, place)
        return MARK + urlsafe_b64encode(nonce + tag + hidden).decode()

    def open(self, text: str, place: str) -> str | None:
        """What was closed for that place; None for anything else."""
        if not text.startswith(MARK):
            return None
        try:
            content = urlsafe_b64decode(text[len(MARK) :])
        except (ValueError, NoBase64):
            return None
        nonce, tag, hidden = content[:NONCE], content[NONCE : NONCE + TAG], content[NONCE + TAG :]
        for key in self._keys():
            if hmac.compare_digest(tag, _tag(key, nonce + hidden, place)):
                padded = _hidden(hidden, key, nonce)
                return padded[4 : 4 + int.from_bytes(padded[:4])].decode("utf-8", "surrogatepass")
        return None

    def marks(self, content: bytes) -> list[str]:
        """One by each key, the newest first: the same for the same content, and nobody without the
        key can try what it was."""
        self._key()
        return [hmac.digest(_own(key, b"mark"), content, "sha256").hex() for key in self._keys()]

    def _key(self) -> bytes:
        if not (keys := self._keys()):
            raise Unavailable(
                "This takes a secret, and there is no key to keep it sealed with: set "
                "MANYDOORS_SEAL_KEYS (`openssl rand -hex 32` makes one)."
            )
        return keys[0]


def _own(key: bytes, use: bytes) -> bytes:
    return hmac.digest(key, b"manydoors/" + use, "sha256")


def _hidden(content: bytes, key: bytes, nonce: bytes) -> bytes:
    """And what was hidden, from what hides it."""
    own = _own(key, b"encrypt")
    blocks = range(-(-len(content) // BLOCK))
    stream = b"".join(hmac.digest(own, nonce + each.to_bytes(8), "sha256") for each in blocks)
    mixed = int.from_bytes(content) ^ int.from_bytes(stream[: len(content)])
    return mixed.to_bytes(len(content))


def _tag(key: bytes, content: bytes, place: str) -> bytes:
    about = place.encode("utf-8", "surrogatepass")
    return hmac.digest(_own(key, b"sign"), len(about).to_bytes(8) + about + content, "sha256")
