"""WSGI servers, started in turn as processes on loopback: what the benchmarks compare."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKERS = 2
START_SECONDS = 20

_OURS = "import sys; from app.server import serve; serve('127.0.0.1', {port}, {workers}, {app!r})"
_WAITRESS = """
import os, socket
from importlib import import_module
from waitress.server import create_server
module, _, name = {app!r}.partition(":")
listener = socket.create_server(("127.0.0.1", {port}), backlog=1024)
for _ in range({workers} - 1):
    if os.fork() == 0:
        break
create_server(getattr(import_module(module), name), sockets=[listener], threads=8,
    connection_limit=2000, asyncore_use_poll=True).run()
"""
_CHEROOT = """
from importlib import import_module
from cheroot.wsgi import Server
module, _, name = {app!r}.partition(":")
Server(("127.0.0.1", {port}), getattr(import_module(module), name), numthreads=10).start()
"""

# name: (the package it needs, its command)
SERVERS: dict[str, tuple[str, Callable[[int, str], list[str]]]] = {
    "ours (granian, guarded)": ("granian", lambda port, app: _python(_OURS, port, app)),
    "granian": ("granian", lambda port, app: _granian(port, app, "wsgi")),
    "waitress": ("waitress", lambda port, app: _python(_WAITRESS, port, app)),
    "gunicorn sync": ("gunicorn", lambda port, app: _gunicorn(port, app)),
    "gunicorn gthread": ("gunicorn", lambda port, app: _gunicorn(port, app, "--threads", "4")),
    "cheroot, 1 process": ("cheroot", lambda port, app: _python(_CHEROOT, port, app)),
    "granian, ASGI": ("granian", lambda port, app: _granian(port, app, "asgi")),
}


def installed(server: str) -> bool:
    return importlib.util.find_spec(SERVERS[server][0]) is not None


@contextmanager
def served(server: str, app: str, path: str = "/healthz") -> Iterator[int]:
    """The port of `server`, serving `app`, from its first good answer on `path`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        SERVERS[server][1](port, app),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        start_new_session=True,  # a group of its own, for the workers of whatever server
    )
    try:
        _until_answers(process, port, path)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        _kill_rest(process)


def _kill_rest(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _until_answers(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"the server did not answer {path}: {process.args!r}")


def _python(program: str, port: int, app: str) -> list[str]:
    return [sys.executable, "-c", program.format(port=port, app=app, workers=WORKERS)]


def _module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def _gunicorn(port: int, app: str, *options: str) -> list[str]:
    bind = f"127.0.0.1:{port}"
    return _module("gunicorn", "--workers", str(WORKERS), "--bind", bind, *options, app)


def _granian(port: int, app: str, interface: str) -> list[str]:
    options = ("--interface", interface, "--http", "1", "--no-ws", "--no-log")
    return _module("granian", *options, "--workers", str(WORKERS), "--port", str(port), app)
