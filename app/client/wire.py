"""HTTP with nothing but the standard library: a request and its answer, or a stream of events."""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from app.client import Unreachable
from app.logs import escaped
from app.room.errors import Internal, Problem, Unavailable, kinds
from app.room.strict_json import write_json

PATIENCE = 30.0  # seconds for an answer
NO_CONTENT = 204
KNOCK = 10.0  # seconds for a connection
LONGEST_LINE = 8 * 1024 * 1024
OWN = frozenset(("type", "title", "status", "detail", "instance"))  # of each problem


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    tag: str = ""  # by which If-Match knows it

    @property
    def value(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            raise Unreachable("It answered what is no JSON: name another by --url.") from None


@dataclass(frozen=True)
class Wire:
    """To one service. The key goes to it alone: no redirect is followed."""

    url: str
    key: str = field(default="", repr=False)

    def ask(
        self,
        method: str,
        path: str,
        document: Any = ...,
        *,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> Reply:
        """The answer, which is JSON; a problem is raised as what it is."""
        with self._reaching(patience):
            connection = self._connect()
            try:
                response = self._send(connection, method, path, document, headers or {}, patience)
                body = response.read()
            finally:
                connection.close()
        self._check(response, body)
        return Reply(response.status, body, response.headers.get("ETag", ""))

    def sent_on(self, path: str) -> str:
        """The URL that a path leads to."""
        with self._reaching(PATIENCE):
            connection = self._connect()
            try:
                response = self._send(connection, "GET", path, ..., {}, PATIENCE)
                body = response.read()
            finally:
                connection.close()
        location = str(response.headers.get("Location", ""))
        if response.status != 303 or not location:
            self._check(response, body)
            raise Unreachable(f"{self.url} answered {response.status}, and not where that is.")
        return location

    def stream(self, path: str, headers: Mapping[str, str]) -> "Stream | None":
        """Server-sent events; None when it answers in another form."""
        with self._reaching(PATIENCE):
            connection = self._connect()
            connection.connect()
            held = connection.sock  # which is let go of once the answer says that it is the last
            accept = {"Accept": "text/event-stream", **headers}
            try:
                response = self._send(connection, "GET", path, ..., accept, PATIENCE)
                if response.status == 200 and _form(response) == "text/event-stream":
                    return Stream(held, response)
                if response.status in (401, 403):
                    self._check(response, response.read())
            except BaseException:
                connection.close()
                raise
        connection.close()
        return None

    def _connect(self) -> HTTPConnection:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return HTTPSConnection(host, parts.port, timeout=KNOCK, context=context)
        return HTTPConnection(host, parts.port, timeout=KNOCK)

    def _send(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        document: Any,
        headers: Mapping[str, str],
        patience: float,
    ) -> HTTPResponse:
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(patience)
        told = {"Accept": "application/json, application/problem+json", "Connection": "close"}
        body = None
        if document is not ...:
            body = write_json(document)
            told["Content-Type"] = "application/json"
        if self.key:
            told["Authorization"] = f"Bearer {self.key}"
        connection.request(method, urlsplit(self.url).path + path, body, {**told, **headers})
        return connection.getresponse()

    def _check(self, response: HTTPResponse, body: bytes) -> None:
        status, form = response.status, _form(response)
        if form == "application/problem+json":
            raise _problem(status, body)
        if status == 204 or (form == "application/json" and 200 <= status < 300):
            return
        if status == NO_CONTENT and not body:
            return
        if location := response.headers.get("Location"):
            raise Unreachable(f"{self.url} sends on to {escaped(location)}: name that by --url.")
        if status >= 500:
            raise Unavailable(f"{self.url} answered {status}: try again in a while.")
        raise Unreachable(
            f"{self.url} answered {status}, and not as Manydoors does: name another by --url."
        )

    @contextmanager
    def _reaching(self, patience: float) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            raise Unreachable(_why(self.url, error, patience)) from None


class Stream:
    """Lines as they come. A thread reads them, so that whoever waits can look up in between."""

    def __init__(self, held: socket.socket, response: HTTPResponse) -> None:
        self._socket = held
        self._response = response
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._socket.settimeout(None)
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def lines(self, pause: float) -> Iterator[bytes | None]:
        """Each line, and None whenever none came for so many seconds."""
        while True:
            try:
                line = self._lines.get(timeout=pause)
            except Empty:
                yield None
                continue
            if line is None:
                return
            yield line

    def close(self) -> None:
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS has no part in this
        self._thread.join(1.0)
        self._response.close()

    def _read(self) -> None:
        with suppress(OSError, HTTPException, ValueError):
            while line := self._response.readline(LONGEST_LINE):
                self._lines.put(line)
        self._lines.put(None)


def _form(response: HTTPResponse) -> str:
    return response.headers.get_content_type() if "Content-Type" in response.headers else ""


def _problem(status: int, body: bytes) -> Problem:
    """A problem document as the problem it tells of."""
    try:
        told = dict(json.loads(body))
        kind = str(told["type"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        return Internal(f"It answered {status}, and did not say why.")
    problem = kinds().get(kind, Internal)(told.get("detail") or told.get("title") or "")
    problem.members = {name: value for name, value in told.items() if name not in OWN}
    return problem


def _why(url: str, error: Exception, patience: float) -> str:
    match error:
        case ConnectionRefusedError():
            return (
                f"Nothing listens on {url}: start it with `python -m app up`, or name another "
                "by --url."
            )
        case socket.gaierror():
            return f"There is no host of that name: {url}. Name another by --url."
        case ssl.SSLCertVerificationError():
            why = error.verify_message
            return f"The certificate of {url} is not to be trusted: {why}. SSL_CERT_FILE adds one."
        case ssl.SSLError():
            return f"{url} speaks no TLS that is known here: is it http:// by chance?"
        case TimeoutError():
            return f"{url} did not answer within {patience:g} s."
        case _:
            return f"The talk with {url} broke off: {escaped(str(error)) or type(error).__name__}."
