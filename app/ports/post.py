"""Letters to servers elsewhere, by the standard library: what is checked is what is connected.

Whoever answers may be hostile: slow, endless, or another than its name says. So each wait counts
against one deadline, each byte against one measure, and no proxy of the environment has a part in
it, for that would look the name up a second time.
"""

import io
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any

from app.ports import Letter, Reply
from app.room.errors import Refused, Unavailable, sayable

MOST = 64 * 1024  # bytes that are read of an answer, its headers among them
LINGER = 1.0  # seconds for what comes behind the headers, which have said it all
TEXT = 200  # characters of that, of an answer that is no success
TRIED = 4  # addresses of one name
KNOCK = 5.0  # seconds for one of them, while there are others

Address = tuple[int, Any]  # a family, and an address as the system writes it
Look = Callable[[str, int], Iterable[Address]]


def look_up(host: str, port: int) -> Iterable[Address]:
    """Every address that the system finds for a name, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return dict.fromkeys((family, address) for family, _, _, _, address in found)


class DirectPost:
    """See `Post`."""

    def __init__(
        self,
        *,
        local: bool = False,
        look: Look = look_up,
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """`context`: whom to trust; the system's, or SSL_CERT_FILE's, authorities by default."""
        self.local = local
        self._look, self._context = look, context or _trusted

    def send(self, letter: Letter, *, refuse: Callable[[str], str | None], within: float) -> Reply:
        until = monotonic() + within
        try:
            addresses = self._looked_up(letter, until)
            for _, address in addresses:
                if why := refuse(address[0]):
                    raise Refused(f"Nothing is sent there: its name leads to an address {_is(why)}")
            with closing(self._connected(letter, addresses, until)) as sock:
                return _exchanged(sock, letter, until)
        except (OSError, HTTPException, ValueError) as error:
            raise Unavailable(_why(error, within)) from None

    def _looked_up(self, letter: Letter, until: float) -> list[Address]:
        """In a thread, for no look-up can be told when to stop; one that is late is left to end."""
        found: SimpleQueue[list[Address] | Exception] = SimpleQueue()

        def look() -> None:
            try:
                found.put(list(self._look(letter.host, letter.port)))
            except Exception as error:  # noqa: BLE001 - raised below, where somebody waits
                found.put(error)

        Thread(target=look, name="look up", daemon=True).start()
        try:
            addresses = found.get(timeout=_left(until))
        except Empty:
            raise TimeoutError from None
        if isinstance(addresses, Exception):
            raise addresses
        if not addresses:
            raise socket.gaierror("no address")
        return addresses

    def _connected(self, letter: Letter, addresses: list[Address], until: float) -> socket.socket:
        """To the first that answers; with TLS, and the name that its certificate must have."""
        trouble: OSError = TimeoutError()
        for place, (family, address) in enumerate(addresses[:TRIED], 1):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                is_last = place == min(len(addresses), TRIED)
                sock.settimeout(_left(until) if is_last else min(KNOCK, _left(until)))
                sock.connect(address)
            except OSError as error:
                sock.close()
                trouble = error
                continue
            if not letter.tls:
                return sock
            try:
                sock.settimeout(_left(until))
                return self._context().wrap_socket(sock, server_hostname=letter.host)
            except BaseException:
                sock.close()
                raise
        raise trouble


@cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


class _TooMuch(OSError):
    """Over the measure."""


class _Line(io.RawIOBase):
    """A socket as http.client wants it, which keeps a deadline and a measure over all it does."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self.until = sock, until
        self._had = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._had >= MOST:
            raise _TooMuch("over the measure")
        self._sock.settimeout(_left(self.until))
        count = self._sock.recv_into(memoryview(buffer)[: MOST - self._had])
        self._had += count
        return count

    def sendall(self, data: Any) -> None:
        rest = memoryview(data)
        while rest:
            self._sock.settimeout(_left(self.until))
            rest = rest[self._sock.send(rest) :]

    def close(self) -> None:
        """Whoever has opened the socket closes it: http.client would in the middle of an answer."""

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


def _exchanged(sock: socket.socket, letter: Letter, until: float) -> Reply:
    line = _Line(sock, until)
    connection = HTTPConnection(letter.host, letter.port)
    connection.sock = line  # as much of a socket as it uses
    headers = {**letter.headers, "Host": _host(letter), "Connection": "close"}
    connection.request("POST", letter.path, letter.body, headers)
    response = connection.getresponse()
    line.until = min(until, monotonic() + LINGER)
    text = _text(response)
    success = 200 <= response.status < 300
    return Reply(response.status, response.headers.get("Retry-After"), "" if success else text)


def _text(response: HTTPResponse) -> str:
    """What it says, of which more is read than kept: a server may mind being cut off."""
    content = b""
    with suppress(OSError, HTTPException, ValueError):
        while piece := response.read1(4096):
            content += piece
    words = content[: 8 * TEXT].decode(errors="replace").split()
    return sayable("".join(c if c.isprintable() else "?" for c in " ".join(words))[:TEXT])


def _host(letter: Letter) -> str:
    host = f"[{letter.host}]" if ":" in letter.host else letter.host
    usual = 443 if letter.tls else 80
    return host if letter.port == usual else f"{host}:{letter.port}"


def _left(until: float) -> float:
    left = until - monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _is(why: str) -> str:
    return f"that no callback may reach ({why})."


def _why(error: Exception, within: float) -> str:
    """For the owner of the callback; never with the path, which may hold a secret."""
    match error:
        case TimeoutError():
            return f"it gave no answer within {within:g} s"
        case socket.gaierror():
            return "its name cannot be looked up"
        case ConnectionRefusedError():
            return "it refused the connection"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not to be trusted: {error.verify_message}"
        case ssl.SSLError():
            return "it speaks no TLS that is known here"
        case _TooMuch():
            return f"its answer has more than {MOST // 1024} KB of headers"
        case HTTPException():
            return "what it answered is no HTTP"
        case OSError():
            return f"the connection failed: {error.strerror or type(error).__name__}"
        case _:
            return "it cannot be connected"
