"""Stands between granian and a WSGI application, and lets no slow or broken body through.

Granian's Rust side reads the head and hands the request to a thread at once. Its `wsgi.input`
waits for the body without a deadline, takes no read(-1), and gives what came of a broken body as
if that were all. Here each piece of a body has a deadline, after which the client is told 408 and
cut off. A body cut short reaches the application never (when small), or as an early end that
Werkzeug reports, for it counts by Content-Length.
"""

import io
import json
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any, Protocol

PIECE = 65_536
PIECE_SECONDS = 15  # for each piece of a body, or for the whole of a smaller one
READ_ON = 16 * 1024 * 1024  # bytes of a body that is refused, and read on all the same
READ_ON_SECONDS = 5
CROWD = 32  # bodies that are waited for: each holds a thread, and of those there are 256
CROWDED_SECONDS = 1  # for a piece, while more are; those that take longest have to go
TICK_SECONDS = 0.5
STOP_SECONDS = 8  # for the requests in flight, once told to stop
SMALL_ANSWER = 262_144
MOST_STREAMED = 112  # larger ones at once: who takes one slowly, or not at all, holds a thread

Headers = list[tuple[str, str]]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Answers(Protocol):
    """Granian's side of one request. Only the first answer is sent; the threads do not matter."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_iter(self, status: int, headers: Headers, body: Any) -> None: ...


class Guard:
    """What granian calls for each request, in place of its own caller of WSGI applications."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app
        self._watch = _Watch()
        # Not os.environ, as granian does: a variable HTTP_X would look like a header.
        self._environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_SOFTWARE": "Manydoors",
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }

    def __call__(self, answers: Answers, scope: dict[str, Any]) -> None:
        environ = self._environ | scope
        host = scope["HTTP_HOST"]
        if "," in host or (not host and scope["SERVER_PROTOCOL"] == "HTTP/1.1"):
            _say(answers, 400, "One Host header is needed.")
            return
        if scope["REMOTE_ADDR"].startswith("::ffff:"):  # IPv4 on a socket for both
            environ["REMOTE_ADDR"] = scope["REMOTE_ADDR"][7:]
        try:
            environ["wsgi.input"] = self._body(answers, environ)
        except _NoBody as refusal:
            _say(answers, *refusal.args)
            return
        start, body = _Start(), environ["wsgi.input"]
        made = self._app(environ, start)
        is_refused = start.status >= HTTPStatus.BAD_REQUEST
        if is_refused and isinstance(body, io.BufferedReader) and "HTTP_EXPECT" not in scope:
            body.raw.read_on()
        _answer(answers, start, made)

    def _body(self, answers: Answers, environ: dict[str, Any]) -> io.BufferedIOBase:
        source = environ["wsgi.input"]
        if length := int(environ.get("CONTENT_LENGTH") or 0):
            body = _Body(source, length, answers, self._watch)
            if length > PIECE:
                return io.BufferedReader(body, PIECE)
            if len(content := body.read(length) or b"") < length:
                raise _NoBody(400, "The body ended before its Content-Length.")
            return io.BytesIO(content)
        if "HTTP_TRANSFER_ENCODING" in environ and "CONTENT_LENGTH" not in environ:
            if environ["HTTP_TRANSFER_ENCODING"].lower() != "chunked":
                raise _NoBody(501, "Only the transfer coding chunked is known here.")
            # Broken JSON shows by itself. A broken chunk in anything else could not be told
            # from the end of the body.
            if "json" not in environ.get("CONTENT_TYPE", "json"):
                raise _NoBody(411, "Only JSON may come in chunks; send a Content-Length.")
            environ["wsgi.input_terminated"] = True
            return io.BufferedReader(_Body(source, sys.maxsize, answers, self._watch), PIECE)
        return io.BytesIO()


class _NoBody(Exception):
    """The request is answered here: a status, and why."""


class _Start:
    """WSGI's start_response, that remembers."""

    def __init__(self) -> None:
        self.status, self.headers = 500, list[tuple[str, str]]()

    def __call__(self, status: str, headers: Headers, exc_info: object = None) -> None:
        self.status, self.headers = int(status[:3]), [*headers, ("Server", "Manydoors")]


class _Body(io.RawIOBase):
    """A request's body, each piece of which has a deadline."""

    def __init__(self, source: Any, length: int, answers: Answers, watch: "_Watch") -> None:
        self._source, self._left, self._answers, self._watch = source, length, answers, watch

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self.readall()
        wanted = min(size, self._left, PIECE)
        if wanted <= 0:
            return b""
        self._watch.awaited[self] = time.monotonic(), self._answers
        try:
            piece = bytes(self._source.read(wanted))
        finally:
            self._watch.awaited.pop(self, None)
        self._left = self._left - len(piece) if piece else 0
        return piece

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(PIECE), b""))

    def read_on(self) -> None:
        """What is left of a body that was refused, unless that is much. Many clients look for no
        answer before all of theirs is sent: to them a server that closes first is one that broke.
        """
        if READ_ON < self._left < sys.maxsize:
            return
        until, most = time.monotonic() + READ_ON_SECONDS, READ_ON
        while most > 0 and time.monotonic() < until and (piece := self.read(PIECE)):
            most -= len(piece)

    def readinto(self, buffer: Any, /) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


class _Watch:
    """One thread a worker: tells the overdue 408, and ends the worker once its server is gone."""

    def __init__(self) -> None:
        self.awaited: dict[_Body, tuple[float, Answers]] = {}  # since when, the longest first
        signal.signal(signal.SIGURG, lambda *_: None)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        server, main = multiprocessing.parent_process(), threading.main_thread().ident or 0
        while server is None or os.getppid() == server.pid:
            time.sleep(TICK_SECONDS)
            # A stop that comes just before the main thread begins to wait, as it can while a
            # worker starts, is not handled until something else wakes it.
            signal.pthread_kill(main, signal.SIGURG)
            self._hurry(time.monotonic())
        signal.pthread_kill(main, signal.SIGTERM)
        time.sleep(STOP_SECONDS)
        os._exit(1)

    def _hurry(self, now: float) -> None:
        for body, (began, answers) in list(self.awaited.items()):
            patience = PIECE_SECONDS if len(self.awaited) <= CROWD else CROWDED_SECONDS
            if now - began > patience:
                self.awaited.pop(body, None)  # or it has come just now, and this is ignored
                threading.Thread(target=_cut, args=(answers,), daemon=True).start()


class _Chunks:
    """An answer that is sent as it is made; closed as WSGI demands, whoever stops first."""

    def __init__(self, made: Iterable[bytes], over: Callable[[], None] = lambda: None) -> None:
        self._made, self.__next__, self._over = made, iter(made).__next__, [over]

    def close(self) -> None:
        try:
            over = self._over.pop()
        except IndexError:
            return  # it was closed before
        try:
            if hasattr(self._made, "close"):
                self._made.close()
        finally:
            over()

    def __del__(self) -> None:
        self.close()


_places = SimpleQueue[None]()  # of streams; unlike a lock, whatever is collected may give one back
for _ in range(MOST_STREAMED):
    _places.put(None)


def _answer(answers: Answers, start: _Start, made: Iterable[bytes]) -> None:
    """Send at once what is small and knows its length, which spares a turn for each chunk."""
    if _length(start.headers) > SMALL_ANSWER:
        try:
            _places.get_nowait()
        except Empty:
            _Chunks(made).close()
            _say(answers, 503, "Too many large answers are on their way: try again.")
            return
        chunks = _Chunks(made, partial(_places.put, None))
        answers.response_iter(start.status, start.headers, chunks)
        return
    chunks = _Chunks(made)
    try:
        content = b"".join(made)
    finally:
        chunks.close()
    answers.response_bytes(start.status, start.headers, content)


def _length(headers: Headers) -> float:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value)
    return math.inf


def _say(answers: Answers, status: int, detail: str) -> None:
    headers, content = _problem(status, detail)
    answers.response_bytes(status, headers, content)


def _cut(answers: Answers) -> None:
    """Say 408 and break the connection.

    Hyper would go on waiting for the body after a whole answer. After one that ends before its
    Content-Length it drops the connection, and with it the read that holds a thread.
    """
    headers, content = _problem(408, "The body did not come in time.")

    def too_little() -> Iterator[bytes]:
        yield content
        time.sleep(TICK_SECONDS)  # until that is sent

    headers.append(("Content-Length", str(len(content) + 1)))
    answers.response_iter(408, headers, _Chunks(too_little()))


def _problem(status: int, detail: str) -> tuple[Headers, bytes]:
    title = HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Connection", "close"),
        ("Server", "Manydoors"),
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "1"))
    return headers, json.dumps(problem).encode()
