"""The process that runs jobs, one after another: forked from its keeper, and ended by it."""

import faulthandler
import fcntl
import logging
import os
import resource
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NoReturn

from app.ports import Record
from app.room import capture
from app.room.boundary import FOREVER, Control
from app.room.enter import Room
from app.room.errors import sayable
from app.room.job import Ending, Error
from app.room.job_error import DETAIL, TRACEBACK
from app.room.ledger import Lost
from app.room.notes import Notes
from app.worker import channel
from app.worker.desk import Desk, memory_of
from app.worker.surroundings import Surroundings

SHOW_EVERY = 0.25  # seconds between looks whether progress or log lines are to be shown
PR_SET_PDEATHSIG = 1
UNHEARD = 86  # the exit code of a runner that can't say how its job ended
IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
HIGH = 64  # files below the limit: where those of its own are


def mark(number: int) -> bytes:
    """Stands in the output behind what that job wrote."""
    return b"\0job %d\0" % number


class Runner:
    """Lives in the child."""

    def __init__(self, room: Room, desk: Desk, file: int, output: int, slice: float | None) -> None:
        self._room, self._desk, self._file, self._output = room, desk, file, output
        self._slice = FOREVER if slice is None else slice
        self._jobs: SimpleQueue[tuple[int, Record]] = SimpleQueue()
        self._revoked: set[int] = set()
        self._stopped = False
        self._current: tuple[int, Control, Notes | None] | None = None
        self._begun = 0
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._pid = os.getpid()

    def run(self) -> NoReturn:
        """Until the keeper is gone, or ends it."""
        logging.getLogger().handlers.clear()  # what libraries say belongs to the job alone
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # but not of its spans
        capture.install()
        surroundings = Surroundings()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        threading.Thread(target=self._show, name="show", daemon=True).start()
        while True:
            number, record = self._jobs.get()
            if self._takes(number, record):
                self._one(number, record)
                surroundings.restore()

    def _takes(self, number: int, record: Record) -> bool:
        held = self._held(record)
        with self._lock:
            if number in self._revoked:
                self._revoked.discard(number)
                return False
            self._begun = number
            self._desk.begin(number, time.monotonic(), held)
            if self._desk.is_void(number):  # looked at last: the keeper writes, then looks too
                self._desk.clear()
                return False
            return True

    def _held(self, record: Record) -> int:
        """Memory that is not this job's doing, where it is going to be measured."""
        known = self._room.registry.known(record.body["operation"])
        return memory_of(self._pid) if known and known.policy.memory is not None else 0

    def _one(self, number: int, record: Record) -> None:
        control = Control(until=time.monotonic() + self._slice)
        self._current = number, control, None
        if self._stopped:
            control.stop.set()

        def host(notes: Notes) -> None:
            self._current = number, control, notes

        try:
            told = self._told(record, control, host)
        finally:
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the job forked has come out of the job's function
        told["number"] = number
        self._tell(told)
        self._current = None
        self._desk.clear()

    def _told(self, record: Record, control: Control, host: Any) -> dict[str, Any]:
        """How it ended, as a message; with the record as the run left it, if it wrote to it."""
        seen: list[Notes] = []

        def show(notes: Notes) -> None:
            seen.append(notes)
            host(notes)

        try:
            ending = self._room.engine.execute(record, control, show)
        except Lost:
            return {"lost": True}
        except BaseException as error:  # noqa: BLE001 - the store failed, or what is no Exception
            ending = _torn(error, seen)
        told: dict[str, Any] = {"ending": channel.ending_out(ending)}
        if seen and seen[0].record is not record:
            told["record"] = channel.record_out(seen[0].record)
        return told

    def _tell(self, told: dict[str, Any]) -> None:
        with suppress(OSError):
            os.write(self._output, mark(told["number"]))
        try:
            content = channel.framed(told)
        except (TypeError, ValueError, RecursionError) as error:
            unsaid = Error("internal", f"What it wrote down can not be kept: {error}.")
            ending = channel.ending_out(Ending("failed", error=unsaid))
            content = channel.framed({"number": told["number"], "ending": ending})
        try:
            self._send(content)
        except OSError:
            os._exit(UNHEARD)

    def _listen(self) -> None:
        reader = channel.Reader(self._file)
        while not reader.ended:
            for message in reader.read():
                self._hear(message)
        self._room.ports.tracer.flush()
        os._exit(UNHEARD)  # the keeper is gone, and with it whoever would settle this

    def _hear(self, message: dict[str, Any]) -> None:
        if "jobs" in message:
            for number, facts in message["jobs"]:
                self._jobs.put((number, channel.record_in(facts)))
        if "stop" in message:
            self._stopped = True
        current = self._current  # only now: one that begins meanwhile has seen `_stopped`
        if "cancel" in message and current and current[0] == message["cancel"]:
            current[1].cancelled.set()
        if "stop" in message and current:
            current[1].stop.set()
        if "revoke" in message:
            self._revoke(message["revoke"])

    def _revoke(self, numbers: list[int]) -> None:
        """Gives back those that were not begun."""
        with self._lock:
            back = [number for number in numbers if number > self._begun]
            self._revoked.update(back)
        with suppress(OSError):
            self._send(channel.framed({"revoked": back}))

    def _send(self, content: bytes) -> None:
        with self._sending:
            channel.send(self._file, content)

    def _show(self) -> None:
        while True:
            time.sleep(SHOW_EVERY)
            current = self._current
            if current and current[2] is not None:
                with suppress(Exception):  # the run itself finds out what is wrong
                    current[2].show()


def become(
    room: Room, desk: Desk, file: int, output: int, slice: float | None, keeper: int
) -> NoReturn:
    """Makes the forked child a runner."""
    os.setsid()  # so that what its jobs start can be ended with it
    _die_with(keeper)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in IGNORED:  # the keeper decides
        # By a handler, and not SIG_IGN, which programs that its jobs start would inherit.
        signal.signal(number, _ignore)
        signal.siginterrupt(number, False)
    os.register_at_fork(after_in_child=_heed_again)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable(2)
    try:
        Runner(room, desk, _lifted(file), _lifted(output), slice).run()
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
        raise


def _die_with(keeper: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)


def _ignore(*_: object) -> None:
    """Only a signal that nobody handles ends a process."""


def _heed_again() -> None:
    """In what a job forks: whoever ends it by a signal means it."""
    for number in IGNORED:
        if signal.getsignal(number) is _ignore:
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, usual)


def _lifted(file: int) -> int:
    """The same file under a high number: if a job closes it, no file that is opened later gets
    that number, and with it what was meant for the keeper."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    place = 4096 if most == resource.RLIM_INFINITY else min(most, 4096)
    try:
        high = fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, max(3, place - HIGH))
    except OSError:
        return file
    os.close(file)
    return high


def _torn(error: BaseException, seen: list[Notes]) -> Ending:
    """Of a run that was left by what is no Exception, or by a failure of the store."""
    try:
        own = seen[0].of_failure() if seen else {}
    except (TypeError, ValueError):
        own = {}
    detail = sayable("".join(traceback.format_exception_only(error)).strip()[:DETAIL])
    told = sayable("".join(traceback.format_exception(error))[-TRACEBACK:])
    return Ending("failed", error=Error("internal", detail, traceback=told), own=own)
