"""A WSGI application of a few paths, to try a server on."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _slowly()
    if path == "/large":
        start_response("200 OK", [("Content-Length", "50000000")])
        return (b"x" * 1_000_000 for _ in range(50))
    if path == "/slow":
        time.sleep(1.5)
    if path == "/crash":
        os.kill(os.getpid(), 9)
    if path == "/raise":
        raise RuntimeError("a bug")
    if path == "/refuse":
        start_response("413 CONTENT TOO LARGE", [("Content-Length", "2")])
        return [b"no"]
    answers = {
        "/smuggled": lambda: "smuggled",
        "/pid": lambda: str(os.getpid()),
        "/echo": lambda: environ["wsgi.input"].read().decode("latin-1"),
        "/length": lambda: str(len(environ["wsgi.input"].read())),
        "/lines": lambda: "|".join(line.decode().strip() for line in environ["wsgi.input"]),
        "/environ": lambda: "\n".join(sorted(f"{k}={v}" for k, v in environ.items())),
    }
    body = answers.get(path, lambda: "ok")().encode("latin-1")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _slowly() -> Iterator[bytes]:
    for number in range(3):
        yield f"{number}\n".encode()
        time.sleep(0.7)
