"""Claims jobs, has them run, watches over them and settles how they ended."""

import logging
import os
import select
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from app.ports import Record
from app.room.enter import Room
from app.room.errors import Problem, Stale, Unavailable, Unknown, sayable
from app.room.job import Ending, Error
from app.room.job_error import DETAIL
from app.room.ledger import Lost
from app.room.settlement import SETTLED_TOGETHER
from app.worker import channel
from app.worker.guardian import Guardian
from app.worker.process import Process

log = logging.getLogger("manydoors.worker")

LOOK_EVERY = 1.0  # seconds between looks for what no ring has told
SWEEP_EVERY = 60.0  # seconds between looks for files that are over
SWEPT = 10  # of them at once
WATCH_EVERY = 0.1  # seconds between looks at what runs
MOST_AHEAD = 64  # jobs claimed together
SHORT = 0.05  # seconds; nothing waits behind a job that takes longer
STOP_SECONDS = 8.0  # for what runs to come to a boundary, once told to stop
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0  # seconds between tries of a store that is unavailable
ANSWER_SECONDS = 1.0  # for the runner to say which jobs it has not begun
LINGERS = 2.0  # seconds; a runner that does none of its jobs for so long is of no use
SOON = 0.01  # seconds between looks at a runner that is ending
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
    claimed: float  # when, by the monotonic clock


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
        self._sweep_at = time.monotonic() + SWEEP_EVERY
        self._rung = True
        self._revoked: tuple[int, float] | None = None  # behind which job, and when
        self._idle_since: float | None = None  # since when the runner does none of its jobs
        self._ended = 0.0  # when the oldest of the endings came
        self._trouble, self._settle_at = 0.0, 0.0  # the pause of a store that is unavailable
        self._stopping: float | None = None
        self._wake = os.pipe()
        for end in self._wake:
            os.set_blocking(end, False)
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
            if self.room.ports.tracer.on:
                self._process.part()
            self._process.close()
            self.room.ports.records.close()

    def _obey(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would take how a runner ended
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        if self._stopping is None:
            self._stopping = time.monotonic() + STOP_SECONDS

    def _is_done(self) -> bool:
        if self._stopping is None or self._tasks:
            return False
        return not self._endings or (self._trouble > 0 and self._overdue())

    # Claiming

    def _feed(self) -> None:
        """Keeps the runner busy: short jobs are claimed several at a time."""
        if self._stopping is not None:
            self._tell_stop()
            return
        now = time.monotonic()
        self._sweep(now)
        if self._trouble or len(self._tasks) > self._ahead // 2 or self._is_held_up():
            return
        if not (self._rung or now >= self._look_at):
            return
        wanted = self._ahead - len(self._tasks)
        try:
            more = self.engine.orphans.sweep()
            claimed = self.engine.claim(max(1, wanted))
        except Problem as error:  # or what runs here would end with this worker
            self._pause(error)
            return
        self._look_at = now + LOOK_EVERY
        # Else there is no more for now.
        self._rung = len(claimed) >= wanted or self.engine.has_more or more
        if claimed:
            self._hand_over(claimed, now)

    def _sweep(self, now: float) -> None:
        """Files that are over, a few at a time: nobody waits long for a claim meanwhile."""
        if now < self._sweep_at or self._trouble:
            return
        self._sweep_at = now + SWEEP_EVERY
        with suppress(Problem):
            if self.room.shelf.sweep(SWEPT) >= SWEPT:  # there are more
                self._sweep_at = now + LOOK_EVERY

    def _hand_over(self, claimed: list[Record], now: float) -> None:
        tasks = []
        for record in claimed:
            self._number += 1
            tasks.append(Task(self._number, record, now))
        self._tasks.update((task.number, task) for task in tasks)
        self._give(tasks)

    def _give(self, tasks: list[Task]) -> None:
        jobs = [(task.number, channel.record_out(task.record)) for task in tasks]
        self._process.send({"jobs": jobs})

    def _is_held_up(self) -> bool:
        """Does a job run that is not short? Then nothing is claimed to wait behind it."""
        running = self._running()
        return running is not None and running[1] > SHORT

    def _running(self) -> tuple[Task, float] | None:
        """What the runner does, and for how many seconds."""
        now = self._process.desk.look()
        task = self._tasks.get(now.number) if now else None
        if now is None or task is None:
            return None
        return task, time.monotonic() - max(now.since, task.claimed)

    def _pause(self, error: Problem) -> None:
        log.warning("nothing is claimed: %s", error.detail)
        self._look_at, self._rung = time.monotonic() + LOOK_EVERY, False

    # Hearing

    def _sleep(self) -> None:
        process, poller = self._process, select.poll()
        poller.register(self._wake[0], select.POLLIN)
        if process.socket is not None:
            behind = select.POLLOUT if process.is_behind else 0
            poller.register(process.socket, select.POLLIN | behind)
        if not self._is_held_up():  # then each ring would wake it for nothing
            poller.register(self._bell.fileno(), select.POLLIN)
        elif process.output is not None:  # that of a short job is read at its end
            poller.register(process.output, select.POLLIN)
        poller.poll(max(0.0, self._patience()) * 1000)

    def _patience(self) -> float:
        """Seconds until something is to be looked at, whoever may ring."""
        if self._process.is_ending:
            return SOON
        if self._endings:
            return max(GATHER, min(WATCH_EVERY, self._settle_at - time.monotonic()))
        if self._tasks:
            return WATCH_EVERY if self._is_held_up() else SHORT
        if self._rung or self._stopping is not None:
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
        self._process.push()
        for message in self._process.read():
            self._take(message)
        self._process.hear_output()

    def _take(self, message: dict[str, Any]) -> None:
        if "revoked" in message:
            self._give_back(message["revoked"])
            return
        task = self._tasks.pop(message["number"], None)
        output = self._process.output_of(message["number"])
        if task is None or "lost" in message:
            return
        if "record" in message:
            task.record = channel.record_in(message["record"])
        ending = channel.ending_in(message["ending"])
        if output:
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
        if not self._endings or self._gathers() or time.monotonic() < self._settle_at:
            return
        try:
            self.engine.settle(self._endings)
            self._endings, self._trouble = [], 0.0
        except Unavailable as error:
            log.warning("the store is unavailable: %s", error.detail)
            self._trouble = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._trouble))
            self._settle_at = time.monotonic() + self._trouble
        except Exception:
            log.exception("Endings cannot be written together; each is tried alone.")
            self._settle_each()

    def _settle_each(self) -> None:
        """So that an ending which no store takes costs the others nothing."""
        while self._endings:
            record, ending = self._endings[0]
            try:
                self.engine.settle([(record, ending)])
            except Unavailable:
                return
            except Exception as error:  # noqa: BLE001 - else this job would end each of its workers
                unsaid = Error("internal", f"Its ending cannot be written: {error!r}"[:DETAIL])
                with suppress(Problem):  # then its lease will end it
                    self.engine.settle([(record, Ending("failed", error=unsaid, ran=ending.ran))])
            del self._endings[0]

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
        if self._process.is_lost():
            self._bury()
            return
        running = self._running()
        if running is None:
            self._watch_idle()
            return
        self._idle_since = None
        task, age = running
        if age > SHORT:
            self._free_those_behind(task)
            self._guard(task, age)

    def _watch_idle(self) -> None:
        """It may be between two jobs, but not for long; nor may it do what is not its any more."""
        if not self._tasks and self._process.desk.look() is None:
            self._idle_since = None
            if self._process.output is None:  # some job has closed its outputs
                self._replace()
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        elif time.monotonic() - self._idle_since > LINGERS:
            log.warning("a runner does none of its jobs, and is replaced")
            self._replace()

    def _free_those_behind(self, task: Task) -> None:
        behind = [number for number in self._tasks if number > task.number]
        if not behind:
            return
        if self._revoked is None or self._revoked[0] != task.number:
            self._revoked = task.number, time.monotonic()
            self._ahead = 1
            self._process.send({"revoke": behind})
        elif time.monotonic() - self._revoked[1] > ANSWER_SECONDS:
            self._process.desk.void(max(behind))  # it is too busy to answer
            self._give_back(behind)

    def _guard(self, task: Task, age: float) -> None:
        """What must end now is ended, with its process."""
        took = self._took() if self._guardian.limits_memory(task.record) else 0
        try:
            ending = self._guardian.look(task.record, age, took, self._overdue())
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

    def _took(self) -> int:
        """How much the runner has grown since it began what it does."""
        now = self._process.desk.look()
        return self._process.memory() - now.held if now else 0

    def _overdue(self) -> bool:
        return self._stopping is not None and time.monotonic() > self._stopping

    def _end(self, task: Task, ending: Ending) -> None:
        self._process.kill()
        self._hear_last_words()
        if task.number in self._tasks:
            del self._tasks[task.number]
            if output := self._process.last_output():
                ending = self._guardian.with_output(task.record, ending, output)
            self._endings.append((task.record, ending))
        self._replace()

    def _bury(self) -> None:
        """The runner has died: of what it ran, or between two jobs."""
        running = self._running()
        told = self._process.kill()
        self._hear_last_words()
        if running is not None and running[0].number in self._tasks:
            task, ran = running
            del self._tasks[task.number]
            tail = sayable(self._process.last_output().decode(errors="replace"))
            error = Error("crashed", told, traceback=tail)
            self._endings.append((task.record, Ending("failed", error=error, ran=ran)))
        else:
            log.warning("a runner ended between two jobs: %s", told)
            time.sleep(FIRST_PAUSE)  # so that none that can't even begin is tried without a pause
        self._replace()

    def _hear_last_words(self) -> None:
        """What the runner said before its end counts."""
        for message in self._process.last_words():
            self._take(message)

    def _replace(self) -> None:
        """A fresh runner, which goes on with what was not begun."""
        self._process.close()
        self._revoked = self._idle_since = None
        self._process = Process(self.room, self._slice)
        late = time.monotonic() - self.engine.lease / 2
        self._give_back(
            [n for n, task in self._tasks.items() if self._stopping or task.claimed < late]
        )
        if self._tasks:
            self._give(list(self._tasks.values()))

    def _tell_stop(self) -> None:
        if self._guardian.told_to_stop:
            return
        self._guardian.told_to_stop = True
        self._process.send({"stop": True})
        self._process.send({"revoke": list(self._tasks)})
