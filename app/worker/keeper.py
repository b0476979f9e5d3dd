"""Claims jobs, has them run, watches over them and settles how they ended."""

import logging
import os
import select
import signal
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.ports import Record
from app.room.engine import SETTLED_TOGETHER
from app.room.enter import Room
from app.room.errors import Stale, Unavailable, Unknown
from app.room.job import Ending, Error
from app.room.ledger import Lost
from app.worker import channel
from app.worker.guardian import Guardian
from app.worker.process import Process

log = logging.getLogger("manydoors.worker")

LOOK_EVERY = 1.0  # seconds between looks for what no ring has told
WATCH_EVERY = 0.1  # seconds between looks at what runs
MOST_AHEAD = 64  # jobs claimed together
SHORT = 0.05  # seconds; nothing waits behind a job that takes longer
STOP_SECONDS = 8.0  # for what runs to come to a boundary, once told to stop
FIRST_PAUSE = 0.05  # seconds between tries of a store that is unavailable
GATHER = 0.003  # seconds that an ending may wait for more to share its commit


class Bell(Protocol):
    """What tells of work: see the local queue."""

    def fileno(self) -> int: ...
    def hear(self) -> bool: ...
    def next(self) -> float | None: ...
    def close(self) -> None: ...


@dataclass
class Task:
    """A claimed job on its way through the runner."""

    number: int
    record: Record
    claimed: float = field(default_factory=time.monotonic)


class Keeper:
    """One worker's: a single thread, which sleeps until there is something to do."""

    def __init__(self, room: Room, bell: Bell, slice: float | None) -> None:
        self.room, self.engine = room, room.engine
        self._bell, self._slice = bell, slice
        self._tasks: dict[int, Task] = {}
        self._endings: list[tuple[Record, Ending]] = []
        self._number = 0
        self._ahead = 1
        self._look_at = 0.0
        self._rung = True
        self._revoking = 0.0
        self._ended = 0.0  # when the oldest of the endings came
        self._stopping: float | None = None
        self._wake = os.pipe()
        self._process = Process(room, slice)
        self._guardian = Guardian(room, slice)

    def run(self) -> None:
        """Until told to stop."""
        self._obey()
        try:
            while not self._is_done():
                self._settle()
                self._feed()
                self._sleep()
                self._hear()
                self._watch()
        finally:
            self._bell.close()
            self._process.close()
            self.room.ports.records.close()

    def _obey(self) -> None:
        for end in self._wake:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        if self._stopping is None:
            self._stopping = time.monotonic() + STOP_SECONDS

    def _is_done(self) -> bool:
        return self._stopping is not None and not self._tasks and not self._endings

    # Claiming

    def _feed(self) -> None:
        """Keeps the runner busy: short jobs are claimed several at a time."""
        if self._stopping is not None:
            self._tell_stop()
            return
        now = time.monotonic()
        if len(self._tasks) > self._ahead // 2 or self._is_held_up():
            return
        if not (self._rung or now >= self._look_at):
            return
        wanted = self._ahead - len(self._tasks)
        try:
            claimed = self.engine.claim(max(1, wanted))
        except Unavailable as error:
            self._pause(error)
            return
        self._look_at = now + LOOK_EVERY
        self._rung = len(claimed) >= wanted  # else there is no more for now
        if claimed:
            self._hand_over(claimed)

    def _hand_over(self, claimed: list[Record]) -> None:
        tasks = []
        for record in claimed:
            self._number += 1
            tasks.append(Task(self._number, record))
        self._tasks.update((task.number, task) for task in tasks)
        self._give(tasks)

    def _give(self, tasks: list[Task]) -> None:
        jobs = [(task.number, channel.record_out(task.record)) for task in tasks]
        self._process.send({"jobs": jobs})

    def _is_held_up(self) -> bool:
        """Does a job run that is not short? Then nothing is claimed to wait behind it."""
        return bool(self._tasks) and self._age() > SHORT

    def _age(self) -> float:
        now = self._process.desk.look()
        return time.monotonic() - now[1] if now else 0.0

    def _pause(self, error: Unavailable) -> None:
        log.warning("the store is unavailable: %s", error.detail)
        self._look_at, self._rung = time.monotonic() + LOOK_EVERY, False

    # Hearing

    def _sleep(self) -> None:
        files = [*self._process.files(), self._wake[0]]
        if not self._is_held_up():  # then each ring would wake it for nothing
            files.append(self._bell.fileno())
        poller = select.poll()
        for file in files:
            poller.register(file, select.POLLIN)
        poller.poll(max(0.0, self._patience()) * 1000)

    def _patience(self) -> float:
        """Seconds until something is to be looked at, whoever may ring."""
        if self._endings:
            return GATHER
        if self._rung and not self._tasks and self._stopping is None:
            return 0.0
        if self._tasks:
            return WATCH_EVERY if self._age() > SHORT else SHORT
        if self._stopping is not None:
            return 0.0
        ahead = max(0.0, self._look_at - time.monotonic())
        soonest = self._bell.next()
        return ahead if soonest is None else min(ahead, soonest - self.room.ports.clock.now())

    def _hear(self) -> None:
        if self._bell.hear():
            self._rung = True
            self._guardian.rung = True
        try:
            while os.read(self._wake[0], 512):
                pass
        except BlockingIOError:
            pass
        for message in self._process.read():
            self._take(message)
        self._process.hear_output()

    def _take(self, message: dict[str, Any]) -> None:
        if "revoked" in message:
            self._give_back(message["revoked"])
            return
        task = self._tasks.pop(message["number"], None)
        if task is None or "lost" in message:
            return
        if "record" in message:
            task.record = channel.record_in(message["record"])
        ending = channel.ending_in(message["ending"])
        if output := self._process.drain():
            ending = self._guardian.with_output(task.record, ending, output)
        if not self._endings:
            self._ended = time.monotonic()
        self._endings.append((task.record, ending))
        self._adapt(ending.ran)

    def _adapt(self, ran: float) -> None:
        """Claims so far ahead that what is claimed takes about as long as a short job may."""
        wanted = int(SHORT / max(ran, 1e-4) / 4)
        if wanted > self._ahead:
            self._ahead = min(MOST_AHEAD, self._ahead * 2, wanted)
        elif wanted < self._ahead:
            self._ahead = max(1, wanted)

    # Settling

    def _settle(self) -> None:
        """In one commit what has ended by now; tried again for as long as the leases last."""
        if not self._endings or self._gathers():
            return
        try:
            self.engine.settle(self._endings)
        except Unavailable as error:
            log.warning("the store is unavailable: %s", error.detail)
            time.sleep(FIRST_PAUSE)
            return
        self._endings = []

    def _gathers(self) -> bool:
        """Is more about to end? One commit for many costs little more than one for each."""
        more = len(self._tasks) > self._ahead // 2 and len(self._endings) < SETTLED_TOGETHER
        return more and time.monotonic() < self._ended + GATHER and not self._is_held_up()

    def _give_back(self, numbers: list[int]) -> None:
        """Claimed and never begun: queued again, for whoever is free."""
        for number in numbers:
            if task := self._tasks.pop(number, None):
                self._endings.append((task.record, Ending("returned")))

    # Watching

    def _watch(self) -> None:
        if not self._tasks:
            if self._process.gone:
                self._replace()
            return
        now = self._process.desk.look()
        task = self._tasks.get(now[0]) if now else None
        if self._process.gone:
            self._bury(task)
            return
        if task is None or now is None:
            return
        age = time.monotonic() - now[1]
        if age > SHORT:
            self._free_those_behind(task)
            self._guard(task, age)

    def _free_those_behind(self, task: Task) -> None:
        behind = [number for number in self._tasks if number > task.number]
        if behind and not self._revoking:
            self._revoking = time.monotonic()
            self._ahead = 1
            self._process.send({"revoke": behind})
        elif behind and time.monotonic() - self._revoking > 1.0:
            self._give_back(behind)  # it is too busy to answer; should it begin one, it is fenced
        if not behind:
            self._revoking = 0.0

    def _guard(self, task: Task, age: float) -> None:
        """What must end now is ended, with its process."""
        try:
            ending = self._guardian.look(task.record, age, self._process, self._overdue())
        except (Lost, Unknown):
            self._tasks.pop(task.number)
            self._replace()
            return
        except (Unavailable, Stale):
            return
        if self._guardian.cancelled == task.record.id:
            self._process.send({"cancel": task.number})
        if ending is not None:
            self._end(task, ending)

    def _overdue(self) -> bool:
        return self._stopping is not None and time.monotonic() > self._stopping

    def _end(self, task: Task, ending: Ending) -> None:
        self._process.kill()
        self._hear_last_words()
        if task.number in self._tasks:
            del self._tasks[task.number]
            self._endings.append((task.record, ending))
        self._replace()

    def _bury(self, task: Task | None) -> None:
        """The runner has died: of what it ran, or between two jobs."""
        ran = self._age()
        self._process.kill()
        self._hear_last_words()
        if task is not None and task.number in self._tasks:
            del self._tasks[task.number]
            tail = self._process.drain().decode(errors="replace")
            error = Error("crashed", self._process.told(), traceback=tail)
            self._endings.append((task.record, Ending("failed", error=error, ran=ran)))
        self._replace()

    def _hear_last_words(self) -> None:
        """What the runner said before its end counts."""
        for message in self._process.last_words():
            self._take(message)

    def _replace(self) -> None:
        """A fresh runner, which goes on with what was not begun."""
        self._process.close()
        self._revoking = 0.0
        self._process = Process(self.room, self._slice)
        if self._tasks:
            self._give(list(self._tasks.values()))

    def _tell_stop(self) -> None:
        if self._guardian.told_to_stop:
            return
        self._guardian.told_to_stop = True
        self._process.send({"stop": True})
        self._process.send({"revoke": list(self._tasks)})
