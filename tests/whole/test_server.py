"""The web server as a process: slow clients, broken framing, its stop, the death of its parts."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from app.server import THREADS
from tests.hostile.framing import BROKEN, CHUNKED, NEXT, POST

ROOT = Path(__file__).parents[2]
TINY = "tests.whole.tiny_wsgi:app"
# The server's own times, shortened, so that a test can wait for them.
PROGRAM = """
import sys
import app.guard, app.server, app.sockets
app.guard.PIECE_SECONDS, app.guard.TICK_SECONDS, app.server.HEADER_SECONDS = 1.5, 0.1, 2
app.sockets.ORPHANS_SECONDS = 0.2
app.server.serve(sys.argv[1], int(sys.argv[2]), 2, sys.argv[3])
"""


class Served:
    def __init__(self, process: subprocess.Popen[str], host: str, port: int) -> None:
        self.process, self.host, self.port = process, host, port

    def connect(self, timeout: float = 5) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def raw(self, data: bytes, timeout: float = 5) -> tuple[bytes, bool]:
        """What came, and whether the server closed."""
        came = b""
        with self.connect(timeout) as client:
            try:
                client.sendall(data)
                while more := client.recv(65_536):
                    came += more
            except TimeoutError:
                return came, False
            except ConnectionError:
                pass
        return came, True

    def get(self, path: str, timeout: float = 5) -> str:
        connection = HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]


@contextmanager
def started(command: list[str], first_line: str = "Manydoors listens on") -> Iterator[Served]:
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stop = threading.Timer(20, process.kill)  # so that no test waits for ever
    stop.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(first_line), line + (process.stderr or sys.stdin).read()
        found = re.search(r"http://\[?([^\]]+?)\]?:(\d+)$", line.strip())
        assert found
        stop.cancel()
        yield Served(process, found[1], int(found[2]))
    finally:
        stop.cancel()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=12)
            except subprocess.TimeoutExpired:
                process.kill()
        process.communicate()


def serve(
    host: str = "127.0.0.1", port: int = 0, target: str = TINY, program: str = PROGRAM
) -> list[str]:
    return [sys.executable, "-c", program, host, str(port), target]


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with started(serve()) as served:
        yield served


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


SLOW = {
    "head": b"POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "body": POST + b"Content-Length: 600\r\n\r\n",
    "chunked body": CHUNKED + b"\r\n600\r\n",
}


@pytest.mark.parametrize("part", SLOW)
def test_slow_clients_keep_nobody_waiting(server: Served, part: str) -> None:
    """While twelve clients send a byte now and then, /healthz answers within a second."""
    clients = [server.connect() for _ in range(12)]
    try:
        for client in clients:
            client.sendall(SLOW[part])
        for _ in range(10):
            for client in clients:
                client.sendall(b"1")
            began = time.monotonic()
            assert server.get("/healthz") == "ok"
            assert time.monotonic() - began < 1
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("part", ["body", "chunked body"])
def test_a_crowd_of_slow_clients_keeps_nobody_waiting(part: str) -> None:
    """More of them than there are threads: those that take longest are cut off long before one
    alone would be, and whoever comes is answered."""
    patient = PROGRAM.replace("= 1.5, 0.1, 2", "= 90, 0.1, 90").replace(", 2, sys", ", 1, sys")
    with ExitStack() as opened:
        server = opened.enter_context(started(serve(program=patient)))
        for _ in range(THREADS + 44):
            client = opened.enter_context(server.connect(timeout=20))
            client.sendall(SLOW[part] + b"1")
        for _ in range(200):  # for the crowd takes a moment to have all threads
            assert server.get("/healthz", timeout=20) == "ok"
        came, _ = server.raw(POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}", 20)
        assert came.startswith(b"HTTP/1.1 200")


def test_who_takes_nothing_of_an_answer_keeps_nobody_waiting() -> None:
    """However many ask for something large: what is too much is told to come back, and when one
    has gone there is room again."""
    alone = PROGRAM.replace(", 2, sys", ", 1, sys")
    with started(serve(program=alone)) as server:
        clients = []
        try:
            for _ in range(THREADS + 44):
                clients.append(client := server.connect(timeout=20))
                client.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(200):
                assert server.get("/healthz", timeout=20) == "ok"
            refused = server.raw(b"GET /large HTTP/1.0\r\nHost: localhost\r\n\r\n", 20)[0]
            assert refused.startswith(b"HTTP/1.0 503")
            assert b"retry-after: 1" in refused.lower()
        finally:
            for client in clients:
                client.close()
        until(lambda: len(server.get("/large", timeout=20)) == 50_000_000, 30)


@pytest.mark.parametrize("part", SLOW)
def test_a_slow_client_is_told_and_cut_off(server: Served, part: str) -> None:
    came, closed = server.raw(SLOW[part] + b"1")
    assert closed
    assert came.startswith(b"HTTP/1.1 408") or (part == "head" and came == b"")


def test_a_body_that_comes_in_pieces_comes_whole(server: Served) -> None:
    """More than a piece, slower than a piece's time in all: each piece has its own deadline."""
    size, pieces = 4 * 65_536, 4
    with server.connect() as client:
        client.sendall(
            b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (size * 1)
        )
        for _ in range(pieces):
            client.sendall(b"x" * (size // pieces))
            time.sleep(0.6)  # the client is slow: 2.4 s in all, the deadline is 1.5
        answer = HTTPResponse(client)
        answer.begin()
        assert answer.read() == str(size).encode()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_framing_gets_one_answer_and_a_close(server: Served, name: str) -> None:
    """Whatever follows a request that two readers may read in two ways is never answered.

    Of a broken chunk the application sees the bytes before it, which as JSON are whole or wrong.
    """
    request, status = BROKEN[name]
    came, closed = server.raw(request + NEXT)
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", came)
    # A close may overtake the answer to a sender that still sends.
    assert statuses == [status.encode()] or (not statuses and len(request) > 100_000) or not status
    assert closed
    assert b"smuggled" not in came


def test_what_is_well_framed_is_answered(server: Served) -> None:
    same_twice = POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"
    underscore = b"POST /pid HTTP/1.1\r\nHost: x\r\nContent_Length: 99\r\n\r\n"
    trailers = CHUNKED + b"\r\n2;a=b\r\n{}\r\n0\r\nX-T: a\r\n\r\n"
    unread = POST.replace(b"/echo", b"/pid") + b"Content-Length: 3\r\n\r\nabc"
    last = NEXT.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for request in (same_twice, underscore, trailers, unread):
        came, _ = server.raw(request + last)
        assert re.findall(rb"HTTP/1\.1 (\d+)", came) == [b"200", b"200"]
        assert came.endswith(b"smuggled")


def test_chunked_body(server: Served) -> None:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    body = [b'{"a": "', b"x" * 200_000, b'"}']
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/length", iter(body), headers, encode_chunked=True)
    assert connection.getresponse().read() == b"200009"
    connection.close()


def test_a_body_is_read_by_lines_too(server: Served) -> None:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    connection.request("POST", "/lines", b"one\n\ntwo\nthree")
    assert connection.getresponse().read() == b"one||two|three"
    connection.close()


def test_expect_100_continue(server: Served) -> None:
    with server.connect() as client:
        client.sendall(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        client.sendall(b"{}")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")


REFUSED = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"


def test_who_sends_all_before_listening_hears_why_it_was_refused(server: Served) -> None:
    """As many clients do: to them a server that closes first is one that broke."""
    with server.connect() as client:
        client.sendall(REFUSED % 10_000_000 + b"\r\n" + b"x" * 10_000_000)
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("head", [REFUSED % 10**8, REFUSED % 10**5 + b"Expect: 100-continue\r\n"])
def test_what_is_very_much_or_was_asked_about_is_refused_at_once(
    server: Served, head: bytes
) -> None:
    """Before any of it was sent."""
    with server.connect() as client:
        client.sendall(head + b"\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_head_has_a_length_and_no_body(server: Served) -> None:
    came, _ = server.raw(b"HEAD /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = came.partition(b"\r\n\r\n")
    assert b"200 OK" in head
    assert body == b""


def test_a_connection_is_kept(server: Served) -> None:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    sockets = set()
    for _ in range(3):
        connection.request("POST", "/echo", b"hello")
        assert connection.getresponse().read() == b"hello"
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_a_stream_comes_as_it_is_made(server: Served) -> None:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    began = time.monotonic()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.read1() == b"0\n"
    assert time.monotonic() - began < 0.6  # the whole takes 2.1 s
    assert answer.read() == b"1\n2\n"
    connection.close()


def test_a_client_that_leaves_disturbs_nobody(server: Served) -> None:
    before = server.workers()
    for request in (b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", SLOW["body"], SLOW["head"]):
        client = server.connect()
        client.sendall(request)
        client.close()
    assert server.get("/healthz") == "ok"
    assert server.workers() == before


def test_a_bug_is_an_empty_500(server: Served) -> None:
    came, _ = server.raw(b"GET /raise HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert came.startswith(b"HTTP/1.1 500")
    assert b"a bug" not in came


def test_the_environment_does_not_look_like_headers(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_X_SECRET", "from-the-environment")
    with started(serve("localhost")) as other:
        environ = other.get("/environ")
    assert "from-the-environment" not in environ
    assert "REMOTE_ADDR=127.0.0.1" in environ


def test_the_banner_names_no_release(server: Served) -> None:
    came, _ = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.findall(rb"server: (.*)\r", came) == [b"Manydoors"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_requests_finish(how: signal.Signals) -> None:
    with started(serve()) as served:
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(served.get("/slow")))
        asking.start()
        idle = served.connect()
        time.sleep(0.5)  # /slow takes 1.5 s: it is in flight
        began = time.monotonic()
        served.process.send_signal(how)
        assert served.process.wait(timeout=10) == 0
        assert time.monotonic() - began < 10
        asking.join(timeout=5)
        assert answers == ["ok"]
        idle.close()
        with pytest.raises(ConnectionRefusedError):
            served.connect()


def test_a_killed_worker_is_replaced() -> None:
    with started(serve()) as served:
        before = served.workers()
        os.kill(before[0], signal.SIGKILL)
        for _ in range(20):  # the other answers meanwhile; no connection is reset
            assert served.get("/healthz") == "ok"
        until(lambda: len(served.workers()) == 2 and served.workers() != before)
        until(lambda: int(served.get("/pid")) not in before)


def test_no_worker_outlives_its_server() -> None:
    with started(serve()) as served:
        workers = served.workers()
        served.process.kill()
        until(lambda: not any(_alive(pid) for pid in workers))
        with started(serve(port=served.port)) as again:
            assert again.get("/healthz") == "ok"


def test_a_taken_port_is_said_so(server: Served) -> None:
    told = subprocess.run(
        serve(port=server.port), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert told.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 is taken" in told.stderr
    assert f"PORT={server.port + 1}" in told.stderr
    assert "Traceback" not in told.stderr


def test_an_unknown_host_is_said_so() -> None:
    told = subprocess.run(
        serve("no.such.host.invalid"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert told.stderr.startswith("Cannot listen on no.such.host.invalid")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_every_address_of_both_kinds() -> None:
    with started(serve("::")) as served:
        served.host = "127.0.0.1"
        assert "REMOTE_ADDR=127.0.0.1" in served.get("/environ")
        served.host = "::1"
        assert "REMOTE_ADDR=::1" in served.get("/environ")


def test_it_serves_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANYDOORS_DATA", str(tmp_path))
    monkeypatch.setenv("MANYDOORS_OPEN", "loopback")
    with started(serve(target="app.wsgi:app")) as served:
        assert served.get("/healthz")
        came, _ = served.raw(
            CHUNKED.replace(b"/echo", b"/rpc") + b"Connection: close\r\n\r\n0x5\r\nhello\r\n"
        )
        assert b"malformed" in came


def test_gunicorn_serves_the_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANYDOORS_DATA", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "app.wsgi:app"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    served = Served(process, "127.0.0.1", port)  # type: ignore[arg-type]  # its text is not read
    try:
        until(lambda: _listens(served))
        assert served.get("/healthz")
    finally:
        process.terminate()
        process.wait(timeout=10)


def _listens(served: Served) -> bool:
    try:
        served.connect().close()
    except ConnectionRefusedError:
        return False
    return True


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
