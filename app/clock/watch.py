"""Sleeps until something comes due, and ticks."""

import logging
import time
from select import POLLIN, poll
from signal import SIGCHLD
from typing import Protocol

from app.room.enter import Room
from app.room.errors import Problem
from app.room.standing import TEND_EVERY, tend
from app.room.sweep import sweep
from app.room.tick import Ticker
from app.supervisor.signals import Signals

log = logging.getLogger("manydoors.clock")

LOOK_EVERY = 1.0  # seconds between looks for what no ring has told
SWEEP_EVERY = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between tries of a store that is unavailable


class Bell(Protocol):
    """What tells when to look: see the local queue."""

    def fileno(self) -> int: ...
    def hear(self) -> bool: ...
    def next(self) -> float | None: ...
    def close(self) -> None: ...


class Watch:
    """One process's. Any number of them may watch one store."""

    def __init__(self, room: Room, bell: Bell) -> None:
        self._room, self._bell = room, bell
        self._ticker = Ticker(room.registry, room.ports)
        self._sweep_at = 0.0  # by the monotonic clock, as the others
        self._tend_at = 0.0
        self._trouble = 0.0  # the pause of a store that is unavailable

    def run(self) -> None:
        """Until told to stop."""
        try:
            with Signals() as signals:
                poller = poll()
                poller.register(signals, POLLIN)
                poller.register(self._bell, POLLIN)
                while set(signals.read()) <= {SIGCHLD}:
                    self._bell.hear()
                    self._work()
                    poller.poll(self._pause() * 1000)
        finally:
            self._bell.close()
            self._room.ports.records.close()

    def _work(self) -> None:
        now = time.monotonic()
        try:
            if now >= self._tend_at:
                tend(self._room.registry, self._room.ports)
                self._tend_at = now + TEND_EVERY
            self._ticker.tick()
            if now >= self._sweep_at:
                sweep(self._room.registry, self._room.ports)
                self._sweep_at = now + SWEEP_EVERY
        except Problem as problem:
            self._trouble = min(LONGEST_PAUSE, max(FIRST_PAUSE, self._trouble * 2))
            log.warning("the clock waits %g s: %s", self._trouble, problem.detail)
        else:
            self._trouble = 0.0

    def _pause(self) -> float:
        """Until the next look; the time of day may jump meanwhile, so never for long."""
        if self._trouble:
            return self._trouble
        soonest = self._bell.next()
        if soonest is None:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.0, soonest - self._room.ports.clock.now()))
