"""A server that takes callbacks, and what it does to whoever sends them, in raw bytes."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Behaviour = Callable[[socket.socket], None]


@dataclass
class Receiver:
    """What came to one address."""

    address: tuple[str, int]
    asked: list[bytes] = field(default_factory=list)
    connected: int = 0
    behaviours: list[Behaviour] = field(default_factory=list)  # the last of them for ever

    @property
    def port(self) -> int:
        return self.address[1]


def says(content: bytes) -> Behaviour:
    return lambda sock: sock.sendall(content)


def answers(status: int, *headers: str, body: bytes = b"") -> Behaviour:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers]
    return says("\r\n".join([*lines, "", ""]).encode() + body)


@contextmanager
def receiving(
    *behaviours: Behaviour, host: str = "127.0.0.1", port: int = 0, certificate: Path | None = None
) -> Iterator[Receiver]:
    listener = socket.create_server((host, port))
    receiver = Receiver(listener.getsockname()[:2], behaviours=[*behaviours] or [says(OK)])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate is not None:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def one(sock: socket.socket) -> None:
        with suppress(OSError), sock:
            held = context.wrap_socket(sock, server_side=True) if certificate else sock
            with held:
                receiver.asked.append(_request(held))
                many = len(receiver.asked)
                receiver.behaviours[min(many, len(receiver.behaviours)) - 1](held)

    def accept() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                receiver.connected += 1
                Thread(target=one, args=(sock,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    try:
        yield receiver
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _request(sock: socket.socket) -> bytes:
    content = b""
    while b"\r\n\r\n" not in content:
        if not (piece := sock.recv(65536)):
            return content
        content += piece
    head, _, body = content.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(body) < length and (piece := sock.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def certificate_for(folder: Path, name: str) -> Path | None:
    """A certificate that signs itself, for whoever trusts it; None where openssl is missing."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    made = folder / f"{name}.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", str(made.with_suffix(".key")), "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made
