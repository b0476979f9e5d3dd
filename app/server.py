"""Serves a WSGI application over HTTP/1.1 with granian, which was chosen by measurement.

Granian is embedded rather than run by its CLI, for the listening sockets are ours: one a worker,
which its successor inherits, so that a killed one resets no queued connection; a taken port is an
error at once; and the kernel's timeouts are set against clients that vanish. `guard` stands before
the application. docs/performance.md has the figures.
"""

import errno
import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import mp

from app.guard import STOP_SECONDS, Guard, Wsgi

HEADER_SECONDS = 20  # for a request's head to come
STALL_SECONDS = 60  # for a client to take what was sent, or to answer the kernel's probes
ORPHANS_SECONDS = 2.5  # for the port, should the workers of a killed server still hold it
THREADS = 256  # a worker, made when wanted: long polls, event streams, slow bodies hold one each
CONNECTIONS = 1024  # a worker; further ones wait in the kernel's queue
BALANCES = sys.platform == "linux"  # connections over sockets of one port
STOPS = (signal.SIGTERM, signal.SIGINT)

_STDERR = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}


def serve(host: str, port: int, workers: int, target: str = "app.wsgi:app") -> None:
    """Serve `target`, a "module:attribute", until SIGTERM or Ctrl-C. Port 0 takes a free one."""
    multiprocessing.set_start_method("fork", force=True)  # workers inherit the socket
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_obey)
    listeners = _listeners(host, port, workers)
    heard, loaded = multiprocessing.Pipe(duplex=False)
    server = _Server(listeners, target, lambda: _announce(heard, _url(listeners[0])))
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
        backlog = [self.backlog] if BALANCES else []  # its signature differs
        self._shd = holder(self._listeners[idx].fileno(), False, *backlog)
        return super()._spawn_worker(idx, target, callback_loader)

    def _spawn_workers(self, *args: Any) -> None:
        super()._spawn_workers(*args)  # type: ignore[no-untyped-call]
        # Not before: a worker forked while this thread prints would inherit a lock on stdout that
        # nobody opens.
        threading.Thread(target=self._announce, daemon=True).start()


def _listeners(host: str, port: int, workers: int) -> list[socket.socket]:
    """A socket for each worker where the system spreads connections over them: of one that all
    share, a worker may take every connection while the others sleep."""
    alone = _listen(host, port)  # which tells that nobody else has the port
    if not BALANCES:
        return [alone] * workers
    port = alone.getsockname()[1]
    alone.close()
    return [_bound(host, port, together=True) for _ in range(workers)]


def _listen(host: str, port: int) -> socket.socket:
    until = time.monotonic() + ORPHANS_SECONDS
    while True:
        try:
            return _bound(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SystemExit(f"Cannot listen on {host}, port {port}: {error}") from None
            if time.monotonic() > until:
                raise SystemExit(
                    f"Port {port} on {host} is taken: another program listens there. Stop it, "
                    f"or choose another port, for example PORT={port + 1}"
                ) from None
        time.sleep(0.1)


def _bound(host: str, port: int, *, together: bool = False) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, *_, address = min(found)  # "localhost" is 127.0.0.1 before it is ::1
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(
        address[:2], family=family, dualstack_ipv6=both, reuse_port=together
    )
    # Accepted connections inherit these; not every platform has every one.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", STALL_SECONDS),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", STALL_SECONDS * 1000),
    ):
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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


def _announce(heard: Connection, url: str) -> None:
    heard.recv_bytes()  # from the first worker that has the application
    sys.stdout.write(f"Manydoors listens on {url}\n")
    sys.stdout.flush()


def _load(target: str, loaded: Connection) -> Wsgi:
    """In a worker: the application. Puts the guard where granian has its own caller of WSGI."""
    if not hasattr(mp, "_wsgi_call_wrap"):
        raise RuntimeError("this granian has no place for the guard: install the locked release")
    module, _, attribute = target.partition(":")
    app: Wsgi = getattr(importlib.import_module(module), attribute)
    vars(mp)["_wsgi_call_wrap"] = lambda app, *_: Guard(app)
    loaded.send_bytes(b"1")
    return app
