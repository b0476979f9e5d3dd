"""A keeper's hold on its runner: forked, heard, and ended with all that its jobs began."""

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.room.enter import Room
from app.worker import channel, runner
from app.worker.desk import Desk

TAIL = 8000  # bytes of output that are kept
PIECE = 1 << 16
PAGE = os.sysconf("SC_PAGESIZE")


class Process:
    """One runner, from its fork to its end."""

    def __init__(self, room: Room, slice: float | None) -> None:
        self.desk = Desk()
        ours, theirs = socket.socketpair()
        self._output, output = os.pipe()
        room.ports.records.close()  # a fork closes it anyway, and would wait for it
        keeper = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                ours.close()
                runner.become(room, self.desk, theirs.detach(), output, slice, keeper)
            finally:
                os._exit(1)
        theirs.close()
        os.close(output)
        os.set_blocking(self._output, False)
        self._socket = ours
        ours.setblocking(False)
        self._reader = channel.Reader(ours.fileno())
        self._tail = b""
        self._early: list[Any] = []
        self.status: int | None = None

    def files(self) -> tuple[int, int]:
        """To wait for: its messages, and its output."""
        return self._socket.fileno(), self._output

    def send(self, message: Any) -> None:
        """Reads while its mailbox is full: it may wait for that before it reads itself."""
        rest = memoryview(channel.framed(message))
        poller = select.poll()
        poller.register(self._socket, select.POLLIN | select.POLLOUT)
        poller.register(self._output, select.POLLIN)
        while rest and not self._reader.ended:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                poller.poll()
                self._early += self._reader.read()
                self.hear_output()
            except OSError:
                return  # it is gone: that is found out by reading

    def read(self) -> Iterator[Any]:
        early, self._early = self._early, []
        yield from early
        yield from self._reader.read()

    def last_words(self) -> list[Any]:
        """All that it said before its end."""
        said = list(self.read())
        while more := list(self._reader.read()):
            said += more
        return said

    def drain(self) -> bytes:
        """What its jobs wrote past Python: kept short, and given once."""
        self.hear_output()
        tail, self._tail = self._tail, b""
        return tail

    def hear_output(self) -> None:
        while True:
            try:
                piece = os.read(self._output, PIECE)
            except OSError:
                return
            if not piece:
                return
            self._tail = (self._tail + piece)[-TAIL:]

    @property
    def gone(self) -> bool:
        """Is it dead? Not reaped yet, so that its number stays its own."""
        if self.status is not None:
            return True
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, look) is not None

    def memory(self) -> int:
        """Bytes of memory that it holds; 0 where that can not be told."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE
        except (OSError, IndexError):
            return 0

    def kill(self) -> None:
        """Ends it, and whatever its jobs started and left."""
        if self.status is not None:
            return
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)  # before it has a group of its own
        self.status = os.waitpid(self.pid, 0)[1]

    def close(self) -> None:
        self.kill()
        self._socket.close()
        os.close(self._output)

    def told(self) -> str:
        """How it ended, in words."""
        status = self.status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return f"Its process was ended by {signal.Signals(number).name}."
        return f"Its process ended by itself, with exit code {os.waitstatus_to_exitcode(status)}."
