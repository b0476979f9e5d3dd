"""Raw sockets to a real service, and what its processes hold."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.framing import CHUNKED, POST

PATIENCE = 40.0  # seconds for an answer or a close, several times what the server takes
CALL = b"/v1/operations/echo.text"
SLOW = {
    "a head": b"POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "a body": POST + b"Content-Length: 600\r\n\r\n",
    "a large body": POST + b"Content-Length: 600000\r\n\r\n",
    "a chunk": CHUNKED + b"\r\n600\r\n",
    "an extension of a chunk": CHUNKED + b"\r\n5;a=",
}
"""What clients begin that then send a byte now and then."""


@dataclass
class Came:
    raw: bytes = b""
    closed: bool = False
    seconds: float = 0.0

    @property
    def statuses(self) -> list[int]:
        return [int(each) for each in re.findall(rb"HTTP/1\.[01] (\d{3})", self.raw)]


def connected(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def sent(address: str, request: bytes) -> Came:
    """All that comes until the server closes, or has said nothing for long."""
    came, began = Came(), time.monotonic()
    with connected(address) as client:
        try:
            with suppress(ConnectionError):  # it need not hear all of it
                client.sendall(request)
            while more := client.recv(65_536):
                came.raw += more
            came.closed = True
        except TimeoutError:
            pass
        except ConnectionError:
            came.closed = True
    came.seconds = time.monotonic() - began
    return came


@dataclass(frozen=True)
class Held:
    """By all processes of a service."""

    sockets: int
    threads: int
    memory: int  # KB

    @classmethod
    def by(cls, pids: list[int]) -> "Held":
        found = [_held(pid) for pid in pids]
        return cls(*(sum(each) for each in zip(*found, strict=True)))


def _held(pid: int) -> tuple[int, int, int]:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        files = list(Path(f"/proc/{pid}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):  # a runner that was replaced just now
        return 0, 0, 0
    threads, memory = (re.search(rf"{name}:\s+(\d+)", status) for name in ("Threads", "VmRSS"))
    sockets = sum(1 for each in files if _target(each).startswith("socket:"))
    return sockets, int(threads[1]) if threads else 0, int(memory[1]) if memory else 0


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:  # closed meanwhile
        return ""


@dataclass
class Siege:
    """Slow clients, many of each kind, while somebody innocent asks."""

    address: str
    each: int
    cut: dict[str, list[float]] = field(default_factory=dict)  # seconds, by kind
    left: int = 0  # that nobody cut
    waits: list[float] = field(default_factory=list)  # of who is innocent, seconds

    def run(self) -> None:
        asking, over = threading.Event(), threading.Event()
        innocent = threading.Thread(target=self._ask, args=(asking, over))
        innocent.start()
        asking.wait(PATIENCE)
        try:
            self._drip()
        finally:
            over.set()
            innocent.join()

    def _drip(self) -> None:
        began = time.monotonic()
        clients: list[tuple[str, socket.socket]] = []
        for kind, begin in SLOW.items():
            for _ in range(self.each):
                clients.append((kind, connected(self.address)))
                clients[-1][1].sendall(begin.replace(b"/echo", CALL))
                clients[-1][1].settimeout(0)
        while clients and time.monotonic() - began < PATIENCE:
            time.sleep(0.5)  # as slow as they are
            clients = [(kind, each) for kind, each in clients if self._goes_on(kind, each, began)]
        self.left = len(clients)
        for _, each in clients:
            each.close()

    def _goes_on(self, kind: str, client: socket.socket, began: float) -> bool:
        try:
            client.send(b"1")
            if client.recv(65_536):
                return True  # it is told 408 first
        except BlockingIOError:
            return True
        except ConnectionError:
            pass
        client.close()
        self.cut.setdefault(kind, []).append(time.monotonic() - began)
        return False

    def _ask(self, asking: threading.Event, over: threading.Event) -> None:
        ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        while not over.wait(0.2):
            came = sent(self.address, ask)
            self.waits.append(came.seconds if came.statuses == [200] else PATIENCE)
            asking.set()


@contextmanager
def besieged(address: str, each: int) -> Iterator[Siege]:
    """Meanwhile; the siege has ended behind the block."""
    siege = Siege(address, each)
    thread = threading.Thread(target=siege.run)
    thread.start()
    try:
        yield siege
    finally:
        thread.join()
