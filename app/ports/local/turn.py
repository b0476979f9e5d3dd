"""Whose turn it is to write, among processes."""

import fcntl
import os
import time
from pathlib import Path

NOW, NEXT = 0, 1  # two bytes of one file: the one who writes, and the one who comes after
STEPS = {NOW: 0.0002, NEXT: 0.001}  # seconds between two looks


class Turn:
    """A fair wait before the database's own lock, which lets whoever asks most often win.

    Of all who wait one is next and looks often; who has just written must line up behind. It is
    only manners: after `patience` seconds a caller goes on, and the database's lock decides. So
    a process that was stopped in the middle holds nobody up for ever.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._patience = patience

    def take(self) -> None:
        """What is held when this fails, `close` gives."""
        if not self._has(NOW, 2):  # somebody writes, or is next
            until = time.monotonic() + self._patience
            self._wait(NEXT, until)
            self._wait(NOW, until)
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, NEXT)

    def give(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, NOW)

    def close(self) -> None:
        os.close(self._file)

    def _wait(self, byte: int, until: float) -> None:
        while not self._has(byte) and time.monotonic() < until:
            time.sleep(STEPS[byte])

    def _has(self, byte: int, many: int = 1) -> bool:
        """It is ours now, unless another has it."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, many, byte)
        except OSError:
            return False
        return True
