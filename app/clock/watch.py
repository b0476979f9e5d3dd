"""Sleeps until something comes due, and ticks."""

import logging
import threading
import time
from select import POLLIN, poll
from signal import SIGCHLD
from typing import Protocol

from app.room.enter import Room
from app.room.errors import Problem
from app.room.inbox import has_takers, take_in
from app.room.set_back import SLACK, set_right, was_ahead
from app.room.standing import TEND_EVERY, tend
from app.room.sweep import sweep
from app.room.tick import Ticker
from app.supervisor.signals import Signals

log = logging.getLogger("manydoors.clock")

LOOK_EVERY = 1.0  # seconds between looks for what no ring has told
SWEEP_EVERY = 60.0
LINGER = 3.0  # seconds for a file on its way out of the inbox; else it is gone on with later
FIRST_RIGHT = 5.0  # seconds until what a wrong clock left is looked for again; then doubled
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
        self._latest: float | None = None  # the latest time of day that was seen
        self._offset = 0.0  # of the time of day, from the monotonic clock
        self._right_at, self._right_after = float("inf"), FIRST_RIGHT
        self._trouble = 0.0  # the pause of a store that is unavailable
        self._over = threading.Event()
        self._taking = threading.Thread(target=self._take_in, name="inbox", daemon=True)

    def run(self) -> None:
        """Until told to stop."""
        try:
            with Signals() as signals:
                if self._room.ports.inbox is not None and has_takers(self._room):
                    self._taking.start()  # beside the ticks, for a copy may take long
                poller = poll()
                poller.register(signals, POLLIN)
                poller.register(self._bell, POLLIN)
                while set(signals.read()) <= {SIGCHLD}:
                    self._bell.hear()
                    self._work()
                    poller.poll(self._pause() * 1000)
        finally:
            self._over.set()
            if self._taking.is_alive():
                self._taking.join(LINGER)
            self._bell.close()
            self._room.ports.records.close()

    def _take_in(self) -> None:
        inbox, trouble = self._room.ports.inbox, ""
        while not self._over.wait(LOOK_EVERY):
            try:
                if inbox is not None:
                    inbox.make()
                take_in(self._room, lambda: not self._over.is_set())
                trouble = ""
            except (Problem, OSError) as error:  # a folder that may not be read, a full disk
                if str(error) != trouble:
                    log.warning("the inbox waits: %s", error)
                trouble = str(error)

    def _work(self) -> None:
        now = time.monotonic()
        try:
            if now >= self._tend_at:
                tend(self._room.registry, self._room.ports)
                self._tend_at = now + TEND_EVERY
            self._heed_jumps()
            self._ticker.tick()
            if now >= self._sweep_at:
                sweep(self._room.registry, self._room.ports)
                self._sweep_at = now + SWEEP_EVERY
        except Problem as problem:
            self._trouble = min(LONGEST_PAUSE, max(FIRST_PAUSE, self._trouble * 2))
            log.warning("the clock waits %g s: %s", self._trouble, problem.detail)
        else:
            self._trouble = 0.0

    def _heed_jumps(self) -> None:
        """A clock that is set back has left moments ahead; others may write more of them for as
        long as they take to finish what they began before."""
        room = self._room
        now, today = time.monotonic(), room.ports.clock.now()  # at once: work takes its time
        if self._latest is None:
            is_back = was_ahead(room.ports)
        else:
            is_back = today - now < self._offset - SLACK
        self._offset, self._latest = today - now, max(today, self._latest or 0.0)
        if is_back:
            log.warning("the clock was set back: what is due by it is looked through")
            self._right_at, self._right_after = now, FIRST_RIGHT
        if now >= self._right_at:
            set_right(room.registry, room.ports, room.engine.ledger)
            tend(room.registry, room.ports, ahead=SLACK)
            self._right_at = now + self._right_after if today < self._latest else float("inf")
            self._right_after *= 2

    def _pause(self) -> float:
        """Until the next look; the time of day may jump meanwhile, so never for long."""
        if self._trouble:
            return self._trouble
        soonest = self._bell.next()
        if soonest is None:
            return LOOK_EVERY
        return min(LOOK_EVERY, max(0.0, soonest - self._room.ports.clock.now()))
