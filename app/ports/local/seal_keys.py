"""The keys that secrets are sealed with: a file beside the store, which only its owner reads."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes, token_hex

KEY = 32  # bytes

ABOUT = "# What secrets in the store are sealed with. The first line closes, each one opens.\n"


class LocalSealKeys:
    """Made when they are asked for first, by whichever process that is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Sequence[bytes] = ()

    def __call__(self) -> Sequence[bytes]:
        if not self._keys:
            if not self._path.exists():
                self._make()
            lines = self._path.read_text().splitlines()
            self._keys = tuple(bytes.fromhex(line) for line in lines if line and line[0] != "#")
        return self._keys

    def _make(self) -> None:
        """Whole or not at all: it appears under its name once it is on the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{token_hex(8)}")
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(number, "w") as file:
                file.write(f"{ABOUT}{token_bytes(KEY).hex()}\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster: its key is the one
                os.link(fresh, self._path)
        finally:
            fresh.unlink()
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
