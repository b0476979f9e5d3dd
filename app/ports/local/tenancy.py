"""Who has something open: any number who use it, or one who needs it for itself."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK = 0.005  # seconds between two tries


class Tenancy:
    """A lock of the kernel's on one file: it lets go of it however its holder ends.

    One of these is for one holder; it may be taken in another way once it was left.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def share(self, patience: float = 0.0) -> bool:
        """Beside others who share it; False if somebody has it alone for all of the patience."""
        return self._take(fcntl.LOCK_SH, patience)

    def own(self, patience: float = 0.0) -> bool:
        """Alone; False while others have it."""
        return self._take(fcntl.LOCK_EX, patience)

    def leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @contextmanager
    def shared(self) -> Iterator[bool]:
        """Is it, inside?"""
        try:
            yield self.share()
        finally:
            self.leave()

    def _take(self, how: int, patience: float) -> bool:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        until = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._file, how | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    self.leave()
                    return False
                time.sleep(LOOK)
