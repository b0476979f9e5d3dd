"""The process that runs jobs, one after another: forked from its keeper, and ended by it."""

import faulthandler
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NoReturn

from app.ports import Record
from app.room import capture
from app.room.boundary import FOREVER, Control
from app.room.enter import Room
from app.room.job import Ending, Error
from app.room.ledger import Lost
from app.room.notes import Notes
from app.worker import channel
from app.worker.desk import Desk

SHOW_EVERY = 0.25  # seconds between looks whether progress or log lines are to be shown
PR_SET_PDEATHSIG = 1


class Runner:
    """Lives in the child."""

    def __init__(self, room: Room, desk: Desk, file: int, slice: float | None) -> None:
        self._room, self._desk, self._file = room, desk, file
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
        capture.install()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        threading.Thread(target=self._show, name="show", daemon=True).start()
        home, environ = os.open(".", os.O_RDONLY), dict(os.environ)
        while True:
            number, record = self._jobs.get()
            if self._takes(number):
                self._one(number, record)
                _tidy(home, environ)

    def _takes(self, number: int) -> bool:
        with self._lock:
            if number in self._revoked:
                self._revoked.discard(number)
                return False
            self._begun = number
            self._desk.begin(number, time.monotonic())
            return True

    def _one(self, number: int, record: Record) -> None:
        control = Control(until=time.monotonic() + self._slice)
        if self._stopped:
            control.stop.set()
        self._current = number, control, None

        def host(notes: Notes) -> None:
            self._current = number, control, notes

        try:
            told = self._told(record, control, host)
        finally:
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the job forked has come out of the job's function
        told["number"] = number
        self._send(told)
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
        except BaseException as error:  # noqa: BLE001 - the store failed, or a signal came
            detail = f"{type(error).__name__}: {error}"
            ending = Ending("failed", error=Error("internal", detail))
        told: dict[str, Any] = {"ending": channel.ending_out(ending)}
        if seen and seen[0].record is not record:
            told["record"] = channel.record_out(seen[0].record)
        return told

    def _listen(self) -> None:
        reader = channel.Reader(self._file)
        while not reader.ended:
            for message in reader.read():
                self._hear(message)
        os._exit(1)  # the keeper is gone, and with it whoever would settle this

    def _hear(self, message: dict[str, Any]) -> None:
        if "jobs" in message:
            for number, facts in message["jobs"]:
                self._jobs.put((number, channel.record_in(facts)))
        current = self._current
        if "cancel" in message and current and current[0] == message["cancel"]:
            current[1].cancelled.set()
        if "stop" in message:
            self._stopped = True
            if current:
                current[1].stop.set()
        if "revoke" in message:
            self._revoke(message["revoke"])

    def _revoke(self, numbers: list[int]) -> None:
        """Gives back those that were not begun."""
        with self._lock:
            back = [number for number in numbers if number > self._begun]
            self._revoked.update(back)
        self._send({"revoked": back})

    def _send(self, message: dict[str, Any]) -> None:
        with self._sending:
            channel.send(self._file, message)

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
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the keeper decides
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable(2)
    Runner(room, desk, file, slice).run()


def _die_with(keeper: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)


def _tidy(home: int, environ: dict[str, str]) -> None:
    """The next job finds what this one found."""
    os.fchdir(home)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if os.environ != environ:
        os.environ.clear()
        os.environ.update(environ)
