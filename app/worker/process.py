"""A keeper's hold on its runner: forked, heard, and ended with all that its jobs began."""

import os
import signal
import socket
import time
import warnings
from contextlib import suppress
from typing import Any

from app.room.enter import Room
from app.worker import channel, runner
from app.worker.desk import Desk, memory_of

TAIL = 8000  # bytes of output that are kept
PIECE = 1 << 16
PIECES = 32  # of output at one look: more than a pipe holds, and no more even of a flood
LOOK_AGAIN = 0.005  # seconds
PARTING = 1.5  # seconds for spans to be sent
LAST_WORDS = 0.5  # seconds for what has closed its socket to end by itself


class Process:
    """One runner, from its fork to its end. Nothing here waits for it."""

    def __init__(self, room: Room, slice: float | None) -> None:
        self.desk = Desk()
        ours, theirs = socket.socketpair()
        self._output, output = os.pipe()
        room.ports.records.close()  # a fork closes it anyway, and would wait for it
        keeper = os.getpid()
        self.pid = _fork()
        if self.pid == 0:
            try:
                ours.close()
                os.close(self._output)
                runner.become(room, self.desk, theirs.detach(), output, slice, keeper)
            finally:
                os._exit(1)
        theirs.close()
        os.close(output)
        os.set_blocking(self._output, False)
        ours.setblocking(False)
        self._socket = ours
        self._reader = channel.Reader(ours.fileno())
        self._outgoing, self._tail = b"", b""
        self._mute = False  # nobody holds the other end of its output any more
        self._cut_off: float | None = None  # since when it can't be heard any more
        self.status: int | None = None

    @property
    def socket(self) -> int | None:
        """To wait for; None once nothing can come any more."""
        return None if self._reader.ended else self._socket.fileno()

    @property
    def output(self) -> int | None:
        return None if self._mute else self._output

    @property
    def is_behind(self) -> bool:
        """Is there more to be sent, as soon as its mailbox has room?"""
        return bool(self._outgoing) and not self._reader.ended

    def send(self, message: Any) -> None:
        self._outgoing += channel.framed(message)
        self.push()

    def push(self) -> None:
        """Sends as much of it as its mailbox has room for: it may be too busy to read."""
        while self._outgoing:
            try:
                sent = self._socket.send(self._outgoing)
            except BlockingIOError:
                return
            except OSError:  # it is gone: that is found out by reading
                self._outgoing = b""
                return
            self._outgoing = self._outgoing[sent:]

    def read(self) -> list[Any]:
        """One look at what it has said."""
        said = self._reader.read()
        if self._reader.ended and self._cut_off is None:
            self._cut_off = time.monotonic()
        return said

    def last_words(self) -> list[Any]:
        """All that it said before its end."""
        said: list[Any] = []
        while more := self.read():
            said += more
        return said

    def hear_output(self) -> None:
        """What its jobs wrote past Python: of much, the end is kept."""
        for _ in range(PIECES):
            try:
                piece = os.read(self._output, PIECE)
            except OSError:
                return
            if not piece:
                self._mute = True
                return
            self._tail = (self._tail + piece)[-TAIL:]

    def output_of(self, number: int) -> bytes:
        """What that job wrote, which has ended; given once."""
        self.hear_output()
        before, mark, after = self._tail.partition(runner.mark(number))
        if not mark:
            return b""  # the next one has written so much already
        self._tail = after
        return before

    def last_output(self) -> bytes:
        """What was written since the last job that ended in good order; given once."""
        self.hear_output()
        tail, self._tail = self._tail, b""
        return tail

    def is_lost(self) -> bool:
        """Is it dead, or can it not be heard any more? Then it is no use; `kill` it."""
        if self._is_dead():
            return True
        return self._cut_off is not None and time.monotonic() > self._cut_off + LAST_WORDS

    @property
    def is_ending(self) -> bool:
        """It has closed its socket, and is to be looked at soon."""
        return self._cut_off is not None

    def _is_dead(self) -> bool:
        """Not reaped yet, so that its number stays its own."""
        if self.status is not None:
            return True
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, look) is not None

    def memory(self) -> int:
        return memory_of(self.pid)

    def kill(self) -> str:
        """Ends it, and whatever its jobs started and left; says how it ended before, if it did."""
        told = ""
        if self.status is None:
            dead = self._is_dead()
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)
            with suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)  # before it has a group of its own
            self.status = os.waitpid(self.pid, 0)[1]
            told = _told(self.status) if dead else _CLOSED
        return told

    def part(self) -> None:
        """Lets it tell what it has to tell others, and end by itself."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        until = time.monotonic() + PARTING
        while not self._is_dead() and time.monotonic() < until:
            time.sleep(LOOK_AGAIN)

    def close(self) -> None:
        self.kill()
        self._socket.close()
        os.close(self._output)


_CLOSED = (
    "It closed the socket by which its process is heard, or wrote to it, and its process was "
    "ended: a job closes only the files that it opened."
)


def _fork() -> int:
    with warnings.catch_warnings():
        # From Python 3.12 on, of any thread: ours waits for the supervisor's end, and holds no
        # lock that a child could want.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _told(status: int) -> str:
    """How a process ended, in words."""
    code = os.waitstatus_to_exitcode(status)
    if code == runner.UNHEARD:
        return _CLOSED
    if code >= 0:
        return f"Its process ended by itself, with exit code {code}."
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has none
        name = f"signal {-code}"
    hint = " Perhaps the machine was out of memory." if -code == signal.SIGKILL else ""
    return f"Its process was ended by {name}.{hint}"
