"""Serves a WSGI application over HTTP/1.1 with granian, which was chosen by measurement.

Granian is embedded rather than run by its CLI, for the listening socket is ours: shared by the
workers, so that a killed one resets no queued connection and a taken port is an error at once,
and with the kernel's timeouts against clients that vanish. `guard` stands before the application.
docs/performance.md has the figures.
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

_STDERR = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}


def serve(host: str, port: int, workers: int, target: str = "app.wsgi:app") -> None:
    """Serve `target`, a "module:attribute", until SIGTERM or Ctrl-C. Port 0 takes a free one."""
    multiprocessing.set_start_method("fork", force=True)  # workers inherit the socket
    os.register_at_fork(after_in_child=_obey_signals)
    listener = _listen(host, port)
    heard, loaded = multiprocessing.Pipe(duplex=False)
    threading.Thread(target=_announce, args=(heard, _url(listener)), daemon=True).start()
    _Server(listener, target, workers).serve(target_loader=lambda name: _load(name, loaded))


class _Server(mp.MPServer):
    """Granian, on a socket that listens already."""

    def __init__(self, listener: socket.socket, target: str, workers: int) -> None:
        super().__init__(
            target,
            interface=Interfaces.WSGI,
            workers=workers,
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
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = vars(mp)["SocketHolder"]
        backlog = [self.backlog] if sys.platform == "linux" else []  # its signature differs
        self._shd = holder(self._listener.fileno(), False, *backlog)
        self._sso: Any = self._listener  # closed by granian when it stops


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


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, *_, address = min(found)  # "localhost" is 127.0.0.1 before it is ::1
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server(address[:2], family=family, dualstack_ipv6=both)
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


def _obey_signals() -> None:
    """In a worker: until it has handlers of its own, those of the server would swallow a stop."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _announce(heard: Connection, url: str) -> None:
    heard.recv_bytes()  # from the first worker that has the application
    print(f"Manydoors listens on {url}", flush=True)


def _load(target: str, loaded: Connection) -> Wsgi:
    """In a worker: the application. Puts the guard where granian has its own caller of WSGI."""
    if not hasattr(mp, "_wsgi_call_wrap"):
        raise RuntimeError("this granian has no place for the guard: install the locked release")
    module, _, attribute = target.partition(":")
    app: Wsgi = getattr(importlib.import_module(module), attribute)
    vars(mp)["_wsgi_call_wrap"] = lambda app, *_: Guard(app)
    loaded.send_bytes(b"1")
    return app
