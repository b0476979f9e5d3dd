"""Hints to the workers of one data folder: each has a bell there, a pipe with a name."""

import logging
import os
import struct
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from errno import ENXIO
from math import isfinite
from pathlib import Path
from select import POLLIN, poll
from types import TracebackType
from typing import Self
from weakref import WeakSet

from app.ports import Hint
from app.ports.local.place import make_durably

BELL = ".bell"
UNHUNG = ".new"
LEFT_OVER = 60.0  # seconds after which a bell that was never hung belongs to nobody
SETTLED = 2_000_000_000  # nanoseconds; no filesystem's times are coarser
MOST_TIMES = 1024  # that a listener remembers; of more, the later ones are lost
TIME = struct.Struct("=d")  # when to look; the system writes and reads it in one piece
PIPE = 65536  # bytes that a pipe holds

log = logging.getLogger("manydoors.queue")


class LocalQueue:
    """See `app.ports.Queue`. Rings every process that listens in `folder`.

    Nothing is kept open between rings, so there is nothing for a fork to inherit, and no writing
    to a pipe whose reader is long dead.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder = folder / "bells"
        self._name = str(self._folder)
        self._now = now
        self._settled = -1  # when the folder last changed, once that was long enough ago
        self._bells: list[str] = []

    def ring(self, *hints: Hint) -> None:
        """Of many for one moment a bell hears once: who wakes takes all that is due."""
        try:
            bells = self._find()
        except OSError:
            return  # nobody has ever listened here
        now = self._now()
        for delay in {hint.delay for hint in hints}:
            when = TIME.pack(now + delay)
            for bell in bells:
                _ring(bell, when)

    def is_heard(self) -> bool:
        """Does anybody listen? Wakes nobody, to find out."""
        try:
            bells = self._find()
        except OSError:
            return False
        for bell in bells:
            if (file := _reach(bell)) is not None:
                os.close(file)
                return True
        return False

    def listen(self) -> "Bell":
        """A bell of this process, rung until it is closed."""
        try:
            return Bell(*_hang(self._folder), self._now)
        except OSError as error:
            log.warning("Work is only found by looking each second: no bell (%s).", error)
            return Bell(_mute(), None, self._now)

    def _find(self) -> list[str]:
        """The paths of all bells, listed again whenever the folder may have changed."""
        changed = os.stat(self._name).st_mtime_ns
        if changed == self._settled:
            return self._bells
        before = time.time_ns()
        bells = [f"{self._name}/{name}" for name in os.listdir(self._name) if name.endswith(BELL)]
        if before - changed > SETTLED:  # else a bell may come and the folder's time stay the same
            self._bells, self._settled = bells, changed
        return bells


class Bell:
    """What one thread of a worker hears. A forked child has none."""

    def __init__(self, files: tuple[int, ...], path: Path | None, now: Callable[[], float]) -> None:
        self._files = files  # the first is read
        self._path = path
        self._now = now
        self._times: list[float] = []  # sorted, all ahead
        _closed_in_children(self)

    def fileno(self) -> int:
        """For selectors: readable once it was rung, then until `hear`."""
        return self._files[0] if self._files else -1

    def hear(self) -> bool:
        """Takes in what was rung: is anything due that was not told before?"""
        now = self._now()
        times = sorted({*self._times, *self._read()})
        past = bisect_right(times, now)
        self._times = times[past : past + MOST_TIMES]
        return past > 0

    def next(self) -> float | None:
        """When the earliest of what was heard is due."""
        return self._times[0] if self._times else None

    def wait(self, timeout: float) -> bool:
        """Sleeps until something is due, or for `timeout` seconds: was anything due?"""
        until = time.monotonic() + timeout
        poller = poll()
        poller.register(self, POLLIN)
        while not self.hear():
            left = until - time.monotonic()
            if left <= 0:
                return False
            soonest = self.next()
            ahead = left if soonest is None else min(left, soonest - self._now())
            poller.poll(max(0.0, ahead) * 1000)
        return True

    def close(self) -> None:
        """Nobody rings it any more."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
        self.forget()

    def forget(self) -> None:
        """Lets go of it and leaves it hung, for the process that it was forked from."""
        files, self._files, self._path = self._files, (), None
        for file in files:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> list[float]:
        try:
            heard = os.read(self.fileno(), PIPE)
        except BlockingIOError:
            return []
        whole = len(heard) - len(heard) % TIME.size
        return [when for (when,) in TIME.iter_unpack(heard[:whole]) if isfinite(when)]


def _ring(bell: str, when: bytes) -> None:
    if (file := _reach(bell)) is None:
        return
    try:
        os.write(file, when)
    except OSError:
        pass  # full: who listens wakes anyway; or who listened has just ended
    finally:
        os.close(file)


def _reach(bell: str) -> int | None:
    """A file to ring it by, if there is somebody to hear it."""
    try:
        return os.open(bell, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == ENXIO:  # nobody reads it: whoever listened is dead
            with suppress(OSError):
                os.unlink(bell)
        return None


def _hang(folder: Path) -> tuple[tuple[int, ...], Path]:
    """Makes a bell and opens it before it can be found: unread, it would count as dead."""
    make_durably(folder)
    _sweep(folder)
    name = f"{os.getpid()}-{os.urandom(6).hex()}"
    unhung, hung = folder / (name + UNHUNG), folder / (name + BELL)
    os.mkfifo(unhung, 0o600)
    file = os.open(unhung, os.O_RDWR | os.O_NONBLOCK)  # its own writer, so it never ends
    unhung.rename(hung)
    return (file,), hung


def _mute() -> tuple[int, ...]:
    """A pipe that nobody else can write to."""
    pipe = os.pipe()
    os.set_blocking(pipe[0], False)
    return pipe


def _sweep(folder: Path) -> None:
    """What was left by processes that were killed while they made a bell."""
    for left in folder.glob(f"*{UNHUNG}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_OVER:
                left.unlink()


_here: WeakSet[Bell] = WeakSet()
_hooks: list[Callable[[], None]] = []


def _closed_in_children(bell: Bell) -> None:
    """A child that lives on would make its dead parent's bell look alive."""
    _here.add(bell)
    if not _hooks:
        _hooks.append(_forget)
        os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    for bell in list(_here):
        bell.forget()
    _here.clear()
