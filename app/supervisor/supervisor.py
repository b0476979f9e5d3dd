"""The supervisor itself: it waits, and does what each signal, death and change asks for."""

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence

from app.supervisor.part import FIRST_PAUSE, TRY_AGAIN, Part, Patience, Process, told
from app.supervisor.signals import Signals
from app.supervisor.sources import Sources, forget_bytecode

STOP_SECONDS = 10  # for all parts to end, once told to stop
HEAD_START = 5  # seconds that the first part has for itself, if it takes so long to answer
REFUSED = 2  # the exit code of a part that no restart can help
INTERRUPTED = 128 + signal.SIGINT
NEVER = float("inf")

log = logging.getLogger("manydoors.supervisor")


class Supervisor:
    """Keeps `parts` alive until it is told to stop, and has `announce` tell the URL, once.

    The first part answers, and goes first: before it has answered once, an error that ends it
    ends all, for so would the next start.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        environ: Mapping[str, str],
        announce: Callable[[str], None],
        sources: Sources | None = None,
    ) -> None:
        self._parts, self._front = {part.name: part for part in parts}, parts[0]
        self._environ, self._announce, self._sources = environ, announce, sources
        self._alive: dict[int, Process] = {}
        self._kept: dict[str, Process] = {}  # what each part is now
        self._fresh: Process | None = None  # the first part with changed sources, till it answers
        self._patience = {name: Patience() for name in self._parts}
        self._due = {name: time.monotonic() + HEAD_START for name in self._parts}
        self._due[self._front.name] = 0
        self._look_at = time.monotonic() + sources.pause if sources else NEVER
        self._answered = False
        self._code: int | None = None  # to end with, once it is to end
        self._wakers = selectors.DefaultSelector()

    def run(self) -> int:
        """Gives the exit code."""
        with Signals() as signals, self._wakers:
            self._wakers.register(signals, selectors.EVENT_READ, lambda: self._heed(signals.read()))
            while self._code is None or self._alive:
                self._do_what_is_due(time.monotonic())
                for key, _ in self._wakers.select(self._pause(time.monotonic())):
                    key.data()
        return self._code

    def _pause(self, now: float) -> float | None:
        """Until something is due by itself."""
        moments = [process.leaves_by or NEVER for process in self._alive.values()]
        first = min(*moments, *self._due.values(), self._look_at, NEVER)
        return None if first == NEVER else max(0.0, first - now)

    def _do_what_is_due(self, now: float) -> None:
        for process in self._alive.values():
            if process.leaves_by and process.leaves_by <= now:
                process.leaves_by = NEVER
                log.warning("%s did not stop in time and is killed", process.part.name)
                process.kill()
        for name in [name for name, moment in self._due.items() if moment <= now]:
            del self._due[name]
            if started := self._start(self._parts[name]):
                self._kept[name] = started
            else:
                self._due[name] = now + self._patience[name].pause(0) + FIRST_PAUSE
        if self._sources and self._look_at <= now:
            self._look(self._sources)

    def _look(self, sources: Sources) -> None:
        if changed := sources.changed():
            log.info("changed: %s", ", ".join(path.name for path in changed))
            if self._fresh:
                self._fresh.leaves_by = NEVER
                self._fresh.kill()
            forget_bytecode(changed)
            self._fresh = self._start(self._front)
        self._look_at = time.monotonic() + sources.pause

    def _start(self, part: Part) -> Process | None:
        try:
            process = Process(part, self._environ, time.monotonic())
        except OSError as error:  # no memory, no process, no descriptor to be had just now
            log.error("%s cannot be started: %s", part.name, error)
            return None
        self._alive[process.pid] = process
        self._wakers.register(process.heard, selectors.EVENT_READ, lambda: self._hear(process))
        return process

    def _heed(self, signals: Sequence[signal.Signals]) -> None:
        for number in signals:
            if number == signal.SIGCHLD:
                continue
            if self._code is None:
                log.info("%s: the service stops", number.name)
                self._stop(0)
            elif number == signal.SIGINT:
                self._code = INTERRUPTED
                for process in self._alive.values():
                    process.kill()
        self._reap()

    def _stop(self, code: int) -> None:
        self._code = code
        self._due.clear()
        self._look_at = NEVER
        for process in self._alive.values():
            process.stop(time.monotonic() + STOP_SECONDS)

    def _hear(self, process: Process) -> None:
        """It answers; or has closed that end without a word, for it is no part that does."""
        if process.pid not in self._alive:  # it has been buried since `select` saw it
            return
        self._wakers.unregister(process.heard)
        url = os.read(process.heard, 1024).decode()
        if not url or self._code is not None or process.leaves_by:
            return
        if process is self._fresh:
            self._take_on(process)
        elif not self._answered:
            self._due.update((name, 0) for name in self._parts if name not in self._kept)
        if not self._answered:
            self._answered = True
            self._announce(url)

    def _take_on(self, fresh: Process) -> None:
        """It answers with the changed sources: the old processes go, the others start anew."""
        self._fresh = None
        for old in self._kept.values():
            old.stop(time.monotonic() + STOP_SECONDS)
        self._kept = {self._front.name: fresh}
        self._due = {name: 0 for name in self._parts if name not in self._kept}

    def _reap(self) -> None:
        """Whatever has ended, be it another's: as the first process of a container it inherits."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if process := self._alive.pop(pid, None):
                self._bury(process, os.waitstatus_to_exitcode(status))

    def _bury(self, process: Process, code: int) -> None:
        if process.heard in self._wakers.get_map():
            self._wakers.unregister(process.heard)
        process.bury(code)
        ending = self._code is not None
        process.signal_group(signal.SIGKILL if ending else signal.SIGTERM)
        if ending or process.leaves_by:
            return
        name = process.part.name
        if process is self._fresh:
            self._fresh = None
            log.error("%s %s; the change is not taken on", name, told(code))
            return
        del self._kept[name]
        if self._is_hopeless(process, code):
            self._give_up(name, code)
            return
        pause = self._patience[name].pause(time.monotonic() - process.began)
        self._due[name] = time.monotonic() + pause
        when = f" in {pause:g} s" if pause else ""
        log.warning("%s %s; it is started again%s", name, told(code), when)

    def _is_hopeless(self, process: Process, code: int) -> bool:
        at_first = process.part is self._front and not self._answered
        is_waiting = code == TRY_AGAIN and self._sources is not None
        return code == REFUSED or is_waiting or (at_first and code > 0)

    def _give_up(self, name: str, code: int) -> None:
        if self._sources:
            log.error("%s %s; it waits for a change", name, told(code))
            if name == self._front.name:
                self._due.clear()
        else:
            self._stop(REFUSED if code == TRY_AGAIN else code)
