"""A limit on the time of a plain call: it ends with `TimedOut`, and is never left running unseen.

One thread a process watches all calls, and sleeps once there were none for some seconds. An
exception is put into the late call's thread; it arrives at the next Python instruction, so a call
that is stuck inside C code ends late, and is logged while it lasts.
"""

import logging
import os
import threading
import time

log = logging.getLogger("manydoors.deadline")

LOOK = 0.1  # seconds between looks while calls run
IDLE_LOOKS = 50  # until it sleeps; to be woken by each call took as long as the call itself


class CallTimedOut(BaseException):
    """The call's own time is over. No `except Exception` of the function's stops it."""


class deadline:  # noqa: N801 - read as a statement: `with deadline(30, "cats.speak"):`
    """What runs inside gets `CallTimedOut` once `seconds` have passed."""

    __slots__ = ("limit", "name", "thread")

    def __init__(self, seconds: float, name: str) -> None:
        self.limit = time.monotonic() + seconds
        self.name = name

    def __enter__(self) -> None:
        self.thread = threading.get_ident()
        _watch.add(self)

    def __exit__(self, *_: object) -> None:
        _watch.end(self)


class undisturbed:  # noqa: N801 - read as a statement: `with undisturbed():`
    """Inside, no `CallTimedOut` comes; one that became due meanwhile comes at the end.

    For what must not be torn: a store's code between taking a connection and giving it back.
    """

    __slots__ = ("thread",)

    def __enter__(self) -> None:
        self.thread = threading.get_ident()
        _watch.shield(self.thread)

    def __exit__(self, *_: object) -> None:
        _watch.unshield(self.thread)


class _Watch:
    def __init__(self) -> None:
        self._calls: dict[int, deadline] = {}
        self._shielded: dict[int, deadline | None] = {}  # by thread; the call that became late
        self._awake = threading.Event()
        self._lock = threading.Lock()
        self._started = False

    def add(self, call: deadline) -> None:
        self._calls[id(call)] = call
        if not self._awake.is_set():
            try:
                self._wake()
            except BaseException:
                self._awake.clear()
                self.end(call)
                raise

    def end(self, call: deadline) -> None:
        """After this, no exception comes any more."""
        self._shielded.pop(call.thread, None)
        if self._calls.pop(id(call), None) is None:
            with self._lock:  # the watch has just found it late: take back what is under way
                _put_exception(call.thread, None)

    def shield(self, thread: int) -> None:
        with self._lock:
            self._shielded[thread] = None

    def unshield(self, thread: int) -> None:
        with self._lock:
            late = self._shielded.pop(thread, None)
            if late is None or self._calls.pop(id(late), None) is None:
                return
        log.warning("a call is over its time", extra={"operation": late.name})
        raise CallTimedOut

    def _wake(self) -> None:
        with self._lock:
            self._awake.set()
            if not self._started:
                threading.Thread(target=self._watch, name="deadline", daemon=True).start()
                self._started = True

    def _watch(self) -> None:
        while True:
            self._awake.wait()
            idle = 0
            while idle < IDLE_LOOKS:
                idle = 0 if self._calls else idle + 1
                self._end_late(time.monotonic())
                time.sleep(LOOK)
            self._awake.clear()
            if self._calls:  # one came between the last look and the clear
                self._awake.set()

    def _end_late(self, now: float) -> None:
        for call in list(self._calls.values()):
            if now >= call.limit and self._strike(call):
                log.warning("a call is over its time", extra={"operation": call.name})

    def _strike(self, call: deadline) -> bool:
        with self._lock:
            if call.thread in self._shielded:
                self._shielded[call.thread] = call
                return False
            if self._calls.pop(id(call), None) is None:
                return False
            _put_exception(call.thread, CallTimedOut)
            return True


_watch = _Watch()


def _begin_anew() -> None:
    """A child has none of the parent's threads, and its lock may have been held."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_begin_anew)


def _put_exception(thread: int, kind: type[BaseException] | None) -> None:
    import ctypes  # 4 ms that only a late call pays

    exception = ctypes.py_object(kind) if kind else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
