"""What a validated JSON call costs, beside the same call by bare libraries: python -m bench.http

Every row answers the same request. In process: CPU time of a call. Over a socket: requests a second
of two processes under wrk, each server in turn, in rounds, so that the machine's moods hit all.
Ratios are to the row marked 1.00 in the same part.
"""

import importlib.util
import io
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from bench.servers import installed, served

BODY = b'{"name": "Tom", "times": 2}'
SAYS = b"Tom says meow Tom says meow"
BARE, OURS = "/v1/speak", "/v1/operations/bench.speak"
ROUNDS, CALLS = 15, 300
SOCKET_ROUNDS, SOCKET_SECONDS, CONNECTIONS = 3, 4, 16
COLD_ROUNDS = 11

BARE_LIBRARIES = "import flask, flask_restx, marshmallow"
APPLICATION = "from app.wsgi import app"
# server, application, path, what it is
SERVED = (
    ("gunicorn sync", "bench.bare:restx", BARE, "gunicorn sync, bare flask-restx + marshmallow"),
    ("ours (granian, guarded)", "bench.bare:restx", BARE, "our server, the same bare application"),
    ("ours (granian, guarded)", "app.wsgi:app", OURS, "our server, Manydoors"),
    ("granian, ASGI", "bench.fast:app", BARE, "granian, FastAPI + pydantic"),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"MANYDOORS_OPERATIONS": "bench.operations", "MANYDOORS_DATA": folder}
        os.environ |= {"MANYDOORS_OPEN": "loopback"}
        print(f"{'':52}{'value':>10}{'ratio':>10}  target")
        in_process()
        over_a_socket()
        cold()


def row(name: str, value: str, ratio: float | None = None, target: str = "") -> None:
    shown = f"{ratio:.2f}" if ratio is not None else ""
    print(f"  {name:50}{value:>10}{shown:>10}  {target}".rstrip(), flush=True)


def in_process() -> None:
    print("in process, CPU time of a call, µs")
    from bench import bare

    calls = {
        "plain Flask": prepared(bare.plain, BARE),
        "Flask + marshmallow": prepared(bare.schema, BARE),
        "bare flask-restx + marshmallow": prepared(bare.restx, BARE),
    }
    from app.wsgi import app

    calls["Manydoors, the REST door"] = prepared(app, OURS)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        for _ in range(ROUNDS):
            for name, call in calls.items():
                began = time.process_time()
                for _ in range(CALLS):
                    call()
                taken[name].append((time.process_time() - began) / CALLS * 1e6)
    bound = statistics.median(taken["bare flask-restx + marshmallow"])
    for name, times in taken.items():
        median = statistics.median(times)
        row(name, f"{median:.0f}", median / bound, "the bound to beat" if median == bound else "")


def prepared(app: Callable[..., Iterable[bytes]], path: str) -> Callable[[], None]:
    """One call of a WSGI application, as a server makes it; checked once."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost:8000",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(BODY)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }

    def call() -> bytes:
        chunks = app({**environ, "wsgi.input": io.BytesIO(BODY)}, lambda *_: None)
        content = b"".join(chunks)
        close = getattr(chunks, "close", None)
        if close:
            close()
        return content

    with redirect_stderr(io.StringIO()):
        assert SAYS in (said := call()), said
    return lambda: call() and None


def over_a_socket() -> None:
    print(f"over a socket, requests a second, wrk with {CONNECTIONS} connections")
    if not shutil.which("wrk"):
        row("wrk is not installed: apt-get install wrk", "")
        return
    rates: dict[str, list[float]] = {}
    for _ in range(SOCKET_ROUNDS):
        for server, app, path, name in SERVED:
            if measurable(server, app):
                with served(server, app) as port:
                    rates.setdefault(name, []).append(rate(port, path))
    bound = statistics.median(rates[SERVED[0][3]]) if SERVED[0][3] in rates else None
    for _, app, _, name in SERVED:
        if name in rates:
            median = statistics.median(rates[name])
            target = "at least 1.50" if app == "app.wsgi:app" else ""
            row(name, f"{median:,.0f}", median / bound if bound else None, target)


def measurable(server: str, app: str) -> bool:
    if app == "bench.fast:app" and not importlib.util.find_spec("fastapi"):
        return False
    return installed(server)


def rate(port: int, path: str) -> float:
    script = f"""
wrk.method = "POST"
wrk.body = '{BODY.decode()}'
wrk.headers["Content-Type"] = "application/json"
"""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        url = f"http://127.0.0.1:{port}{path}"
        told = ""
        for seconds in (1, SOCKET_SECONDS):  # the first warms up
            command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", lua.name, url]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    assert found, told
    assert "Non-2xx" not in told, told
    return float(found[1])


def cold() -> None:
    print("cold import, a fresh interpreter each, ms")
    programs = {"flask, flask_restx, marshmallow alone": BARE_LIBRARIES}
    programs["app.wsgi, with the application made"] = APPLICATION
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(COLD_ROUNDS):
        for name, program in programs.items():
            taken[name].append(import_time(program))
    bound = statistics.median(taken["flask, flask_restx, marshmallow alone"])
    for name, times in taken.items():
        median = statistics.median(times)
        target = "at most 1.30" if programs[name] == APPLICATION else ""
        row(name, f"{median * 1000:.0f}", median / bound, target)


def import_time(program: str) -> float:
    timed = f"import time; t = time.perf_counter(); {program}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", timed]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
