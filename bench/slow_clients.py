"""How long an innocent GET /healthz waits while slow clients hold their connections.

`python -m bench.slow_clients [seconds]`: each server, two processes, in turn; clients that send
one byte a second of a head or of a body, then many that say nothing at all.
"""

import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from bench.servers import SERVERS, installed, served

APP = "bench.bare:restx"
LIMIT = 5.0  # seconds after which a wait is no longer measured
HEAD = b"POST /v1/speak HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = (
    b"POST /v1/speak HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 600\r\n\r\n"
)
ATTACKS = (("head", 12, HEAD), ("head", 60, HEAD), ("body", 12, BODY), ("body", 60, BODY))
IDLE = ("idle", 500, b"")


def main(seconds: float) -> None:
    attacks = (*ATTACKS, IDLE)
    print(f"GET /healthz while slow clients are connected: median / longest of {seconds:g} s, ms")
    print(f"{'':26}" + "".join(f"{count} x {part:<10}" for part, count, _ in attacks))
    for server in SERVERS:
        if server == "granian, ASGI" or not installed(server):
            continue
        cells = []
        for _, count, opening in attacks:
            with served(server, APP) as port, attackers(port, count, opening):
                waits = sorted(_waits(port, seconds))
            cells.append(f"{_ms(statistics.median(waits))} / {_ms(waits[-1])}")
        print(f"{server:26}" + "".join(f"{cell:<15}" for cell in cells), flush=True)


@contextmanager
def attackers(port: int, count: int, opening: bytes) -> Iterator[None]:
    """`count` clients that send `opening`, then a byte each second; without one, nothing."""
    over = threading.Event()
    clients = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]
    for client in clients:
        client.sendall(opening)

    def drip() -> None:
        while opening and not over.wait(1):
            for number, client in enumerate(clients):
                try:
                    client.sendall(b"x")
                except OSError:  # closed by the server: the attacker comes back
                    client.close()
                    clients[number] = socket.create_connection(("127.0.0.1", port), timeout=5)
                    clients[number].sendall(opening)

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        over.wait(1.5)  # the server has taken them all
        yield
    finally:
        over.set()
        thread.join()
        for client in clients:
            client.close()


def _waits(port: int, seconds: float) -> Iterator[float]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        try:
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            yield time.monotonic() - began
        except (OSError, HTTPException):
            yield LIMIT
        finally:
            connection.close()
        time.sleep(0.02)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}" if seconds < LIMIT else f">{LIMIT * 1000:.0f}"


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5)
