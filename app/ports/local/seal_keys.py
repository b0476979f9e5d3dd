"""The keys that secrets are sealed with: a file beside the store, which only its owner reads."""

import re
from collections.abc import Sequence
from pathlib import Path
from secrets import token_bytes

from app.ports.local.place import make_once, sync
from app.room.errors import Unavailable

KEY = 32  # bytes

ABOUT = "# What secrets in the store are sealed with. The first line closes, each one opens.\n"


class LocalSealKeys:
    """Made when they are asked for first, by whichever process that is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Sequence[bytes] = ()

    def __call__(self) -> Sequence[bytes]:
        if not self._keys:
            try:
                if not self._path.exists():
                    make_once(self._path, f"{ABOUT}{token_bytes(KEY).hex()}\n".encode())
                lines = self._path.read_text("ascii").splitlines()
                sync(self._path.parent)  # whoever made it may have got no further
            except (OSError, UnicodeDecodeError) as error:
                raise Unavailable(f"The keys in {self._path} can not be read.", after=10) from error
            self._keys = self._read([line.strip() for line in lines if line and line[0] != "#"])
        return self._keys

    def _read(self, lines: Sequence[str]) -> Sequence[bytes]:
        if not lines or not all(re.fullmatch("[0-9a-fA-F]{64}", line) for line in lines):
            raise Unavailable(
                f"{self._path} is damaged: it has lines of 64 hex digits. Put it back from a "
                "backup; what was sealed before opens with no other.",
                after=600,
            )
        return tuple(map(bytes.fromhex, lines))
