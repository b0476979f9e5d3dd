"""A WSGI application that does what the real one does not show yet, and its function."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, has_request_context, request, send_file, stream_with_context
from werkzeug.exceptions import HTTPException

from handlers.gcp import answer

HERE = Path(os.environ["GCP_APP_FOLDER"])
NOTES = HERE / "notes.txt"

wsgi = Flask("tests")


def gcp_entry_point(request):
    """As handlers.gcp has it, for this application."""
    return answer(wsgi, request)


def gcp_read_before(request):
    """A function around ours that reads the body first."""
    request.get_data()
    return answer(wsgi, request)


def gcp_bare(request):
    """A WSGI application without a framework."""
    return answer(_bare, request)


def gcp_wrapped(request):
    """Flask inside of a middleware that is a generator: it starts with its first piece."""
    return answer(_wrapped, request)


def note(text: str) -> None:
    """For the test to read: what happened in this process."""
    with NOTES.open("a") as notes:
        notes.write(f"{text}\n")


@wsgi.before_request
def begin() -> None:
    g.who = request.args.get("who", "nobody")


@wsgi.after_request
def sign(response: Response) -> Response:
    response.headers["X-After"] = g.who
    return response


@wsgi.teardown_request
def end(error: BaseException | None) -> None:
    if "told" in request.args:
        note(f"teardown {g.who}")


@wsgi.errorhandler(Exception)
def failed(error: Exception) -> HTTPException | tuple[str, int]:
    if isinstance(error, HTTPException):
        return error
    return "ours: something went wrong", 500


@wsgi.get("/fail")
def fail() -> str:
    raise RuntimeError("the secret text")


@wsgi.get("/file")
def file() -> Response:
    return send_file(HERE / "file.txt", conditional=True, max_age=60)


@wsgi.get("/cookies")
def cookies() -> Response:
    response = Response("two")
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2, 3", path="/b")
    return response


@wsgi.post("/upload")
def upload() -> dict[str, Any]:
    given = request.files["file"]
    return {"name": given.filename, "size": len(given.read()), "form": request.form.to_dict()}


@wsgi.put("/echo")
def echo() -> Response:
    return Response(request.get_data(), mimetype="application/octet-stream")


@wsgi.get("/where")
def where() -> list[str]:
    return [request.script_root, request.path, request.query_string.decode()]


@wsgi.get("/moved")
def moved() -> tuple[str, int, dict[str, str]]:
    return "", 302, {"Location": "/where?a=%20b"}


@wsgi.get("/nothing")
def nothing() -> tuple[str, int]:
    return "", 204


@wsgi.get("/stream")
def stream() -> Response:
    """Its second piece comes once the client has had the first, and says so by a file."""

    def pieces() -> Iterator[str]:
        yield f"first for {request.args['who']}\n"
        _wait_for(HERE / request.args["go"])
        yield f"last for {g.who}\n"

    return Response(stream_with_context(pieces()), mimetype="text/plain")


@wsgi.get("/endless")
def endless() -> Response:
    def pieces() -> Iterator[bytes]:
        while True:
            yield bytes(65_536)

    response = Response(pieces())
    tell = HERE / request.args["tell"]
    response.call_on_close(lambda: note("closed endless"))
    response.call_on_close(lambda: tell.write_text("closed\n"))
    return response


@wsgi.get("/breaks")
def breaks() -> Response:
    def pieces() -> Iterator[str]:
        yield "first\n"
        raise RuntimeError("the secret text")

    response = Response(pieces(), mimetype="text/plain")
    response.call_on_close(lambda: note("closed breaks"))
    return response


@wsgi.get("/notes")
def notes() -> list[str]:
    return NOTES.read_text().splitlines() if NOTES.exists() else []


def _wait_for(file: Path) -> None:
    """A named pipe: opening it to read waits for the one who opens it to write."""
    file.read_bytes()


def _wrapped(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    yield from wsgi(environ, start_response)


class _Body:
    """Counts how often it is closed."""

    def __init__(self, name: str, pieces: Iterator[bytes]) -> None:
        self.name, self.pieces = name, pieces

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        note(f"closed {self.name}")


def _bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]

    def pieces() -> Iterator[bytes]:
        if path == "/fails-first":
            raise RuntimeError("the secret text")
        write = start_response("200 Fine", [("X-Late", "yes")])
        if path == "/changes":
            error = RuntimeError("the secret text")
            start_response("503 Busy", [("X-Late", "no")], (RuntimeError, error, None))
        write(b"written, ")
        yield b"yielded"
        if path == "/changes-late":
            error = RuntimeError("the secret text")
            start_response("503 Busy", [], (RuntimeError, error, None))
            yield b", more"

    if path == "/context":
        start_response("200 Fine", [])
        return [str(has_request_context()).encode()]
    if path == "/fails":
        start_response("200 Fine", [])
        return _Body(path, (1 / 0 for _ in range(1)))
    return _Body(path, pieces())
