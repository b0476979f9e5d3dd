"""On Google's own server the application answers as it does anywhere."""

import json
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Request
from werkzeug.test import create_environ
from werkzeug.wsgi import ClosingIterator, FileWrapper

from handlers.gcp import _prefix, answer
from tests.handlers.functions import deployed
from tests.handlers.gateways import KEY, SHOWN
from tests.whole.service import running

EXTRA = "tests/handlers/gcp_app.py"
# Of the server, or new with each request.
OWN = {"date", "server", "connection", "x-request-id", "transfer-encoding"}
SEED = {"PYTHONHASHSEED": "0"}  # Allow lists a set
LABELS = "logging.googleapis.com/labels"

Kept = tuple[int, list[tuple[str, str]], bytes]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The real application, as main.py deploys it."""
    folder = tmp_path_factory.mktemp("real", numbered=False)
    settings = {"MANYDOORS_DATA": str(folder / "data"), "LOG_EXECUTION_ID": "true"}
    with deployed("main.py", folder, **settings, **SEED) as client:
        yield client


@pytest.fixture
def log(real: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "real" / "log"


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The same application without Google's server."""
    data = tmp_path_factory.mktemp("direct") / "data"
    with (
        running(
            data, **SEED, MANYDOORS_ADMIN_KEY=KEY, MANYDOORS_HOSTS="manydoors.test,127.0.0.1"
        ) as service,
        httpx.Client(base_url=service.url, headers=SHOWN) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the extra application finds its file, and writes its notes."""
    made = tmp_path_factory.mktemp("extra")
    (made / "file.txt").write_text("0123456789" * 1000)
    return made


@pytest.fixture(scope="module")
def extra(folder: Path) -> Iterator[httpx.Client]:
    with deployed(EXTRA, folder, **_told(folder)) as client:
        yield client


@pytest.fixture(scope="module")
def bare(folder: Path) -> Iterator[httpx.Client]:
    with deployed(EXTRA, folder, "gcp_bare", **_told(folder)) as client:
        yield client


def _told(folder: Path) -> dict[str, str]:
    return {"GCP_APP_FOLDER": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}


# Of a file that is offered: new each time.
TICKET = re.compile(
    rb"file_[0-9A-Z]{26}|(?<=expires=)\d+|(?<=signature=)[0-9a-f]+|\d{4}-\d\d-\d\dT[0-9:.]+Z"
)


def kept(response: httpx.Response) -> Kept:
    """What must be the same wherever the application runs."""
    headers = ((name.lower(), value) for name, value in response.headers.multi_items())
    return (
        response.status_code,
        sorted(header for header in headers if header[0] not in OWN),
        TICKET.sub(b"new", response.content),
    )


HOST = {"Host": "manydoors.test"}
JSON = {"Content-Type": "application/json"}
REQUESTS: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "a call": ("GET", "/cat", {}, b""),
    "a call with parameters": ("GET", "/cats/Tom/speech?times=3", {}, b""),
    "a path in UTF-8": ("GET", "/hello/J%C3%BCrgen%20%26%20Co", {}, b""),
    "two slashes": ("GET", "/cats//Tom", {}, b""),
    "a slash at the end": ("GET", "/cat/", {}, b""),
    "a generic call": ("POST", "/v1/operations/hello", JSON, b'{"name": "Ada"}'),
    "JSON-RPC": ("POST", "/rpc", JSON, b'{"jsonrpc": "2.0", "method": "cats.list", "id": 1}'),
    "MCP": ("POST", "/mcp", JSON, b'{"jsonrpc": "2.0", "method": "tools/list", "id": 1}'),
    "HEAD": ("HEAD", "/cat", {}, b""),
    "OPTIONS": ("OPTIONS", "/cat", {}, b""),
    "a fresh document": ("GET", "/openapi.json", {}, b""),
    "a known document": ("GET", "/openapi.json", {"If-None-Match": "*"}, b""),
    "Swagger 2.0": ("GET", "/swagger.json", {}, b""),
    "no such path": ("GET", "/nowhere", {}, b""),
    "no such thing": ("GET", "/cats/Nobody", {}, b""),
    "a wrong method": ("DELETE", "/cat", {}, b""),
    "wrong parameters": ("POST", "/cat", JSON, b'{"says": 7}'),
    "broken JSON": ("POST", "/cat", JSON, b"{"),
    "another form": ("POST", "/cat", {"Content-Type": "text/plain"}, b"purr"),
    "nothing acceptable": ("GET", "/cat", {"Accept": "image/png"}, b""),
    "a body over the cap": ("POST", "/cat", JSON, bytes(5 * 1024 * 1024 + 1)),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_answer_is_that_of_the_application(
    real: httpx.Client, direct: httpx.Client, name: str
) -> None:
    """Status, headers and body are those of the WSGI application on its own server."""
    method, path, headers, content = REQUESTS[name]
    there = real.request(method, path, headers=headers | HOST, content=content)
    here = direct.request(method, path, headers=headers | HOST, content=content)
    assert kept(there) == kept(here)
    assert there.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("no such path", 404),
        ("a wrong method", 405),
        ("a body over the cap", 413),
        ("another form", 415),
        ("wrong parameters", 422),
    ],
)
def test_problems_are_ours(real: httpx.Client, name: str, status: int) -> None:
    """Not a page of the framework's, but application/problem+json."""
    method, path, headers, content = REQUESTS[name]
    response = real.request(method, path, headers=headers, content=content)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.status_code == response.json()["status"] == status


def test_a_known_document_is_not_sent_again(real: httpx.Client) -> None:
    """Its own ETag gives 304 without a body, another one the document."""
    etag = real.get("/openapi.json").headers["ETag"]
    known = real.get("/openapi.json", headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    assert real.get("/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_is_stored_is_there_for_the_next_request(real: httpx.Client) -> None:
    """One instance keeps its store while it lives."""
    before = real.get("/cat").json()["says"]
    assert real.post("/cat", json={"says": "purr"}).json() == {"says": "purr", "code": 200}
    assert real.get("/cat").json() == {"says": "purr", "code": 200}
    real.post("/cat", json={"says": before})


def test_a_request_keeps_its_id(real: httpx.Client) -> None:
    """The caller's X-Request-Id stands in the answer."""
    response = real.get("/cat", headers={"X-Request-Id": "mine-1"})
    assert response.headers["X-Request-Id"] == "mine-1"


def test_log_lines_have_the_platforms_id(real: httpx.Client, log: Path) -> None:
    """What is logged for a request carries the id under which Google shows it."""
    real.get("/cat", headers={"X-Request-Id": "mine-2", "Function-Execution-Id": "its-2"})
    (line,) = (line for line in log.read_text().splitlines() if "mine-2" in line)
    assert json.loads(line)[LABELS] == {"execution_id": "its-2"}


def test_first_requests_at_once_are_all_answered(tmp_path: Path) -> None:
    """A cold start under load answers everybody."""
    with (
        deployed("main.py", tmp_path, MANYDOORS_DATA=str(tmp_path / "data")) as client,
        ThreadPoolExecutor(4) as threads,
    ):
        answers = threads.map(lambda number: client.get(f"/hello/{number}"), range(8))
        assert [answer.json() for answer in answers] == [f"Hello, {n}!" for n in range(8)]


@pytest.mark.parametrize("path", ["/robots.txt", "/favicon.ico"])
def test_two_paths_are_the_frameworks(real: httpx.Client, path: str) -> None:
    """They never reach us, as docs/gcp.md says."""
    response = real.get(path)
    assert response.status_code == 404
    assert "X-Request-Id" not in response.headers


def test_the_prefix_is_the_functions_name() -> None:
    """On cloudfunctions.net paths begin with it, and Google takes it off; not elsewhere."""
    named = {"K_SERVICE": "doors"}
    there, own = "europe-west3-some.cloudfunctions.net", "doors-1a2b-ew.a.run.app"
    assert _prefix({"HTTP_HOST": there}, named) == "/doors"
    assert _prefix({"HTTP_HOST": own}, named) == ""
    assert _prefix({"HTTP_HOST": there}, {}) == ""
    assert _prefix({}, named) == ""


def test_the_application_knows_its_prefix(folder: Path, extra: httpx.Client) -> None:
    """SCRIPT_NAME is the prefix, and the path is what stands below it."""
    host = {"Host": "x.cloudfunctions.net"}
    google = {"K_SERVICE": "doors", "MANYDOORS_EPHEMERAL": "1"}
    assert extra.get("/where?a=1").json() == ["", "/where", "a=1"]
    with deployed(EXTRA, folder, **google, **_told(folder)) as named:
        assert named.get("/where?a=1", headers=host).json() == ["/doors", "/where", "a=1"]
        assert named.get("/where").json() == ["", "/where", ""]


def test_hooks_run_after_the_request(extra: httpx.Client) -> None:
    """after_request and teardown see the request's own `g`."""
    assert extra.get("/where?who=ada&told").headers["X-After"] == "ada"
    assert "teardown ada" in extra.get("/notes").json()


def test_an_error_goes_through_our_handler(extra: httpx.Client) -> None:
    """Neither the framework's page nor the exception's text gets out."""
    response = extra.get("/fail")
    assert (response.status_code, response.text) == (500, "ours: something went wrong")


def test_each_cookie_has_a_header(extra: httpx.Client) -> None:
    """Several Set-Cookie stay several."""
    given = extra.get("/cookies").headers.get_list("Set-Cookie")
    assert [cookie[:2] for cookie in given] == ["a=", "b="]


def test_a_file_is_sent_in_parts_and_only_when_new(extra: httpx.Client) -> None:
    """Range gives 206, a range outside 416, a known ETag 304, HEAD the length without the body."""
    whole = extra.get("/file")
    part = extra.get("/file", headers={"Range": "bytes=9995-"})
    outside = extra.get("/file", headers={"Range": "bytes=20000-"})
    known = extra.get("/file", headers={"If-None-Match": whole.headers["ETag"]})
    head = extra.head("/file")
    assert (whole.status_code, len(whole.content)) == (200, 10_000)
    assert (part.status_code, part.text) == (206, "56789")
    assert part.headers["Content-Range"] == "bytes 9995-9999/10000"
    assert outside.status_code == 416
    assert (known.status_code, known.content) == (304, b"")
    assert "Content-Type" not in known.headers
    assert (head.headers["Content-Length"], head.content) == ("10000", b"")


def test_a_redirect_and_an_empty_answer_stay_as_they_are(extra: httpx.Client) -> None:
    """Location is not rewritten, and 204 gets no length."""
    assert extra.get("/moved").headers["Location"] == "/where?a=%20b"
    empty = extra.get("/nothing")
    assert (empty.status_code, empty.headers.get("Content-Length")) == (204, None)


def test_an_upload_arrives(extra: httpx.Client) -> None:
    """multipart/form-data, fields and file."""
    sent = {"file": ("a.bin", bytes(300_000))}
    answer = extra.post("/upload", files=sent, data={"title": "Ä"}).json()
    assert answer == {"name": "a.bin", "size": 300_000, "form": {"title": "Ä"}}


def _pieces() -> Iterator[bytes]:
    yield from (b"one, ", bytes(100_000), b", two")


def test_a_body_in_chunks_arrives(extra: httpx.Client) -> None:
    """Without a Content-Length too."""
    assert extra.put("/echo", content=_pieces()).content == b"".join(_pieces())


def test_a_body_that_was_read_before_is_there_again(folder: Path) -> None:
    """A function around ours may look at the body."""
    with deployed(EXTRA, folder, "gcp_read_before", **_told(folder)) as client:
        assert client.put("/echo", content=b"hello").content == b"hello"
        assert client.put("/echo", content=_pieces()).content == b"".join(_pieces())


def test_the_first_piece_comes_before_the_last_is_made(extra: httpx.Client, folder: Path) -> None:
    """The second piece waits for a word that the test gives when it has the first."""
    go = folder / "go"
    os.mkfifo(go)
    with extra.stream("GET", "/stream?go=go&who=ada") as response:
        lines = response.iter_lines()
        assert next(lines) == "first for ada"
        go.write_bytes(b"go")
        assert list(lines) == ["last for ada"]


def test_a_stream_in_a_generator_keeps_its_request(folder: Path) -> None:
    """Its first piece is made while the framework's own request is still open."""
    with deployed(EXTRA, folder, "gcp_wrapped", **_told(folder)) as client:
        os.mkfifo(folder / "go0")
        with client.stream("GET", "/stream?go=go0&who=ada") as response:
            lines = response.iter_lines()
            assert next(lines) == "first for ada"
            (folder / "go0").write_bytes(b"go")
            assert list(lines) == ["last for ada"]


def test_the_frameworks_request_is_not_ours(bare: httpx.Client) -> None:
    """What runs outside of a Flask of ours sees none."""
    assert bare.get("/context").text == "False"


def test_streams_at_once_keep_their_requests_apart(extra: httpx.Client, folder: Path) -> None:
    """Two that end in the order in which they began, each with its own `g`."""
    for name in ("go1", "go2"):
        os.mkfifo(folder / name)
    with (
        extra.stream("GET", "/stream?go=go1&who=ada") as ada,
        extra.stream("GET", "/stream?go=go2&who=bob") as bob,
    ):
        lines = [ada.iter_lines(), bob.iter_lines()]
        assert [next(each) for each in lines] == ["first for ada", "first for bob"]
        for name in ("go1", "go2"):
            (folder / name).write_bytes(b"go")
        assert [list(each) for each in lines] == [["last for ada"], ["last for bob"]]


def test_a_body_that_breaks_is_cut_off_and_closed(extra: httpx.Client) -> None:
    """The client can tell that the answer is not whole, and nothing is added to it."""
    with extra.stream("GET", "/breaks") as response:
        came = response.iter_text()
        assert next(came) == "first\n"
        with pytest.raises(httpx.RemoteProtocolError):
            next(came)
    assert extra.get("/notes").json().count("closed breaks") == 1


def test_a_client_that_leaves_closes_the_body(extra: httpx.Client, folder: Path) -> None:
    """Once, though the body would never end."""
    closed = folder / "closed"
    os.mkfifo(closed)
    with connected(extra) as client:
        client.sendall(b"GET /endless?tell=closed HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(10)
    assert closed.read_text() == "closed\n"
    assert extra.get("/notes").json().count("closed endless") == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/writes", 200, b"written, yielded"),
        ("HEAD", "/writes", 200, b""),
        ("GET", "/changes", 503, b"written, yielded"),
        ("GET", "/changes-late", 200, b"written, yielded"),
        ("GET", "/fails", 500, None),
        ("GET", "/fails-first", 500, None),
    ],
)
def test_a_body_is_closed_once(
    bare: httpx.Client, folder: Path, method: str, path: str, status: int, text: bytes | None
) -> None:
    """Whether it is whole, unwanted, changed its mind, or failed before a byte."""
    notes = folder / "notes.txt"
    notes.unlink(missing_ok=True)
    came = until_the_end(bare, f"{method} {path}")
    assert int(came.split()[1]) == status
    assert b"secret" not in came
    if text is not None:
        assert came.partition(b"\r\n\r\n")[2] == text
    assert notes.read_text() == f"closed {path}\n"


def test_one_context_from_the_call_to_the_only_close() -> None:
    """What the application sets it finds until closed; the framework's environ stays as it was."""
    who, seen = ContextVar("who", default="nobody"), []

    def wsgi(environ: dict[str, Any], start_response: Any) -> ClosingIterator:
        seen.append({"werkzeug.request", "wsgi.file_wrapper"} & set(environ))
        environ["mine"] = who.set("ada")
        start_response("200 Fine", [])
        return ClosingIterator([b"one"], lambda: seen.append(who.get()))

    request = Request({**create_environ(), "wsgi.file_wrapper": FileWrapper})
    response = answer(wsgi, request)
    assert list(response.response) == [b"one"]
    response.close()
    response.close()
    assert (seen, who.get(), "mine" in request.environ) == ([set(), "ada"], "nobody", False)


def until_the_end(client: httpx.Client, request: str) -> bytes:
    """All that comes until the server closes, which it does when it is done with the request."""
    came = b""
    with connected(client) as connection:
        connection.sendall(f"{request} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        while more := connection.recv(65_536):
            came += more
    return came


def connected(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=20)
