"""Serves a WSGI application over HTTP/1.1 with granian, which was chosen by measurement.

Granian is embedded rather than run by its CLI, for the listening sockets are ours: one a worker,
which its successor inherits, so that a killed one resets no queued connection; a taken port is an
error at once; and the kernel's timeouts are set against clients that vanish. `guard` stands before
the application. docs/performance.md has the figures.
"""

import importlib
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from granian import _signals
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import mp

from app import sockets
from app.guard import STOP_SECONDS, Guard, Wsgi

HEADER_SECONDS = 20  # for a request's head to come
THREADS = 256  # a worker, made when wanted: long polls, event streams, slow bodies hold one each
CONNECTIONS = 1024  # a worker; further ones wait in the kernel's queue
STOPS = (signal.SIGTERM, signal.SIGINT)

_STDERR = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}


def serve(host: str, port: int, workers: int, target: str = "app.wsgi:app") -> None:
    """Serve `target`, a "module:attribute", until SIGTERM or Ctrl-C. Port 0 takes a free one."""
    serve_on(sockets.listen(host, port, workers), target)


def serve_on(
    listeners: list[socket.socket],
    target: str = "app.wsgi:app",
    announce: Callable[[str], None] = sockets.announce,
) -> None:
    """Serve on sockets that listen already, a process for each; `announce` once it answers."""
    multiprocessing.set_start_method("fork", force=True)  # workers inherit the socket
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_obey)
    heard, loaded = multiprocessing.Pipe(duplex=False)

    def answers() -> None:
        heard.recv_bytes()  # from the first worker that has the application
        announce(sockets.url(listeners[0]))

    server = _Server(listeners, target, answers)
    server.serve(target_loader=lambda name: _load(name, loaded))


class _Server(mp.MPServer):
    """Granian, on sockets that listen already, one for each worker."""

    def __init__(
        self, listeners: list[socket.socket], target: str, announce: Callable[[], None]
    ) -> None:
        super().__init__(
            target,
            interface=Interfaces.WSGI,
            workers=len(listeners),
            blocking_threads=THREADS,
            backpressure=CONNECTIONS,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
            websockets=False,
            log_level=LogLevels.error,  # no access log: the application writes its own
            log_dictconfig={"handlers": {"console": _STDERR, "access": _STDERR}},
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
        )
        self._listeners, self._announce = listeners, announce

    def _init_shared_socket(self) -> None:
        self._sso: Any = self._listeners[0]  # closed by granian when it stops

    def _spawn_worker(  # type: ignore[override]  # granian calls it without its fourth
        self, idx: Any, target: Any, callback_loader: Any
    ) -> Any:
        """Whoever takes a dead worker's place takes its socket too, and what waits there."""
        holder: Any = vars(mp)["SocketHolder"]
        backlog = [self.backlog] if sockets.BALANCES else []  # its signature differs
        self._shd = holder(self._listeners[idx].fileno(), False, *backlog)
        return super()._spawn_worker(idx, target, callback_loader)

    def _spawn_workers(self, *args: Any) -> None:
        super()._spawn_workers(*args)  # type: ignore[no-untyped-call]
        # Not before: a worker forked while this thread prints would inherit a lock on stdout that
        # nobody opens.
        threading.Thread(target=self._announce, daemon=True).start()


# A worker inherits the server's handlers, which would swallow a stop: until it has its own, a stop
# ends it. What comes between is held.


def _hold() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def _release() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _obey() -> None:
    for number in STOPS:
        signal.signal(number, signal.SIG_DFL)
    _release()


def _load(target: str, loaded: Connection) -> Wsgi:
    """In a worker: the application. Puts the guard where granian has its own caller of WSGI."""
    if not hasattr(mp, "_wsgi_call_wrap"):
        raise RuntimeError("this granian has no place for the guard: install the locked release")
    module, _, attribute = target.partition(":")
    app: Wsgi = getattr(importlib.import_module(module), attribute)
    told = getattr(app, "extensions", {})
    if closing := told.get("closing"):
        _set_at_stop(closing)
    if places := told.get("places"):
        places.most = THREADS
    vars(mp)["_wsgi_call_wrap"] = lambda app, *_: Guard(app)
    loaded.send_bytes(b"1")
    return app


def _set_at_stop(closing: threading.Event) -> None:
    """Before granian's own stop, which waits for all answers: those that wait end at once."""
    signals: Any = _signals  # has no types
    made = signals.set_sync_signals

    def set_sync_signals() -> Any:
        event = made()
        stop: Any = signal.getsignal(signal.SIGTERM)

        def told(number: int, frame: FrameType | None) -> None:
            closing.set()
            stop(number, frame)

        signals.set_main_signals(told)
        return event

    signals.set_sync_signals = set_sync_signals
