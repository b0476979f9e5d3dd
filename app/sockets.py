"""Listening sockets: a taken port is an error, and nobody who vanishes is waited for for ever."""

import errno
import os
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

STALL_SECONDS = 60  # for a client to take what was sent, or to answer the kernel's probes
ORPHANS_SECONDS = 2.5  # for the port, should the workers of a killed server still hold it
BALANCES = sys.platform == "linux"  # connections over sockets of one port


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket for each of so many processes; port 0 takes a free one.

    They differ where the system spreads connections over them: of one that all share, a process
    may take every connection while the others sleep.
    """
    alone = _alone(host, port)  # which tells that nobody else has the port
    if not BALANCES:
        return [alone] * count
    port = alone.getsockname()[1]
    alone.close()
    return [_bound(host, port, together=True) for _ in range(count)]


def is_loopback(host: str) -> bool:
    """Does every address that this name stands for lead to this machine alone?"""
    if not host:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ip_address(str(each[4][0]).partition("%")[0]).is_loopback for each in found)


def adopt(descriptors: Sequence[int]) -> list[socket.socket]:
    """The sockets that whoever started this process has opened, kept from its own programs.

    Not by `dup` of a socket, which would make it block for every process that has it open.
    """
    for descriptor in set(descriptors):
        os.set_inheritable(descriptor, False)
    opened = {descriptor: socket.socket(fileno=descriptor) for descriptor in set(descriptors)}
    return [opened[descriptor] for descriptor in descriptors]


def release(listeners: Sequence[socket.socket]) -> None:
    """Give the port back at once, whatever processes have the sockets open.

    None of them may still accept: granian tries again at once, for ever, and hears no stop.
    """
    for listener in listeners:
        with suppress(OSError):  # some systems refuse it
            listener.shutdown(socket.SHUT_RDWR)


def url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def announce(url: str) -> None:
    """Tell the terminal where the service is."""
    with suppress(OSError):  # nobody reads any more
        sys.stdout.write(f"Manydoors listens on {url}\n")
        sys.stdout.flush()


def _alone(host: str, port: int) -> socket.socket:
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
