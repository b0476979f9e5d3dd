"""Files through the real service, as clients of every manner treat it."""

import hashlib
import http.client
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.whole.service import Service, running

MB = 1024 * 1024
MOST_MEMORY = 200 * MB


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("files") / "data"
    with running(data, MANYDOORS_OPERATIONS="tests.whole.filing", MANYDOORS_MAX_BODY="1MB") as up:
        yield up


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.body = response.status, response.read()
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(service: Service, method: str, url: str, body: Any = None, **headers: str) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(service.address, timeout=60)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, dict):
        body, told = json.dumps(body).encode(), {"Content-Type": "application/json", **told}
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered before the end
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, path, body, told)
        return Reply(connection.getresponse())
    finally:
        connection.close()


def asked(service: Service, **file: Any) -> Any:
    made = ask(service, "POST", "/v1/files", {"name": "a.txt", "type": "text/plain", **file})
    assert made.status == 201, made.body
    return made.json


def send(service: Service, made: Any, body: Any, **headers: str) -> Reply:
    upload = made["upload"]
    return ask(service, "PUT", upload["url"], body, **{**upload["headers"], **headers})


def uploaded(service: Service, content: bytes, **file: Any) -> str:
    made = asked(service, **file)
    assert send(service, made, content).status == 200
    return str(made["id"])


def content(service: Service, id: str, **headers: str) -> Reply:
    sent_on = ask(service, "GET", f"/v1/files/{id}/content")
    assert sent_on.status == 303
    return ask(service, "GET", sent_on.headers["location"], **headers)


def result(service: Service, operation: str, **params: Any) -> Any:
    reply = ask(service, "POST", f"/v1/operations/{operation}", params, Prefer="wait=20")
    assert reply.status == 200, reply.body
    return reply.json


def test_up_through_a_job_and_down(service: Service) -> None:
    """What went up comes down, and so does what a job made of it."""
    body = os.urandom(3 * MB)  # more than a request's body may have
    id = uploaded(service, body, size=len(body))
    assert content(service, id).body == body
    assert result(service, "filing.digest", file=id) == hashlib.sha256(body).hexdigest()
    made = result(service, "filing.copy", file=id)
    assert (made["name"], made["size"]) == ("copy of a.txt", len(body))
    assert ask(service, "GET", made["url"]).body == body


def test_a_jobs_result_that_is_a_file(service: Service) -> None:
    """Its result leads to the bytes."""
    id = uploaded(service, b"hello")
    job = ask(service, "POST", "/v1/operations/filing.copy", {"file": id, "note": "!"}).json
    ask(service, "GET", f"{job['links']['self']}?wait=20")
    sent_on = ask(service, "GET", job["links"]["result"])
    assert sent_on.status == 303
    assert ask(service, "GET", sent_on.headers["location"]).body == b"hello"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\Windows\\cmd.exe", "cmd.exe"),
        ("..", "file"),
        (".hidden", "hidden"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie x=1.txt"),
        ("ein Kätzchen 🐈.jpg", "ein Kätzchen 🐈.jpg"),
        ("\u202egnp.exe", "gnp.exe"),
        ('a"; filename="b.exe', "a ; filename= b.exe"),
        ("x" * 123 + ".jpeg", "x" * 123 + ".jpeg"),
        ("%2e%2e%2fa", "%2e%2e%2fa"),
        ("con\u0000trol".replace("\u0000", "\u0001"), "control"),
    ],
)
def test_odd_names(service: Service, given: str, kept: str) -> None:
    """A name is shown safely, stays in its header, and is no path of anything."""
    made = asked(service, name=given)
    assert made["name"] == kept
    assert send(service, made, b"x").status == 200
    got = content(service, made["id"])
    assert got.status == 200
    assert "set-cookie" not in got.headers
    assert got.headers["content-disposition"].startswith("inline; filename=")
    inside = service.data / "files"
    assert {path.parent for path in inside.rglob("*")} <= {inside, inside / "incoming"}


@pytest.mark.parametrize("name", ["", "x" * 129, 5, None])
def test_no_names(service: Service, name: Any) -> None:
    """What can be no name is invalid."""
    assert ask(service, "POST", "/v1/files", {"name": name}).status == 422


@pytest.mark.parametrize("type", ["html", "a/b\r\nX: y", 'text/html; charset="', "a/" + "b" * 99])
def test_no_types(service: Service, type: str) -> None:
    """What can be no type is invalid."""
    assert ask(service, "POST", "/v1/files", {"name": "a", "type": type}).status == 422


def test_a_page_cannot_run_here(service: Service) -> None:
    """A page that was uploaded is saved by a browser, never shown; and even then in a sandbox."""
    id = uploaded(service, b"<script>alert(1)</script>", type="text/html", name="a.html")
    got = content(service, id)
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]


def test_a_wrong_hash(service: Service) -> None:
    """Other bytes than were promised are refused; the right ones may follow."""
    made = asked(service, sha256=hashlib.sha256(b"right").hexdigest(), size=5)
    refused = send(service, made, b"wrong")
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/sha256")
    assert ask(service, "GET", f"/v1/files/{made['id']}").json["status"] == "waiting"
    assert send(service, made, b"right").status == 200


def test_a_type_that_lies(service: Service) -> None:
    """The type that was asked for, or nothing."""
    made = asked(service, type="image/png")
    assert send(service, made, b"<b>", **{"Content-Type": "text/html"}).status == 415
    assert ask(service, "PUT", made["upload"]["url"], b"x").status == 415


def test_tampered_and_over(service: Service) -> None:
    """A URL is as it was signed, or it opens nothing."""
    made = asked(service)
    url = made["upload"]["url"]
    for bad in (
        url.replace("expires=", "expires=9"),
        url.replace("most=", "most=9"),
        url.replace("method=PUT", "method=GET"),
        url.replace("text%2Fplain", "text%2Fhtml"),
        url.partition("&signature")[0],
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace(made["id"], asked(service)["id"]),
        url + "&size=5",
        url.replace("signature=", "signature=%C3%A4"),
    ):
        assert ask(service, "PUT", bad, b"x", Content_Type="text/plain").status == 403, bad
    assert ask(service, "GET", url).status == 403
    assert ask(service, "PUT", f"/v1/files/{made['id']}/bytes", b"x").status == 403
    assert ask(service, "PUT", "/v1/files/..%2F..%2Fetc/bytes?signature=a", b"x").status in (
        403,
        404,
    )


def test_lengths(service: Service) -> None:
    """No byte more or fewer than was promised, and none without a length."""
    made = asked(service, size=5)
    assert send(service, made, b"1234").status == 422
    assert send(service, made, b"123456").status in (413, 422)
    assert ask(service, "POST", "/v1/files", {"name": "a", "size": 6 * 1024**3}).status == 413
    chunked = ask(
        service, "PUT", made["upload"]["url"], iter([b"12345"]), **made["upload"]["headers"]
    )
    assert chunked.status == 411
    assert send(service, made, b"12345").status == 200


def test_many_at_one_url(service: Service) -> None:
    """One has it; what is stored is what that one sent, whole."""
    made = asked(service, size=2 * MB)
    bodies = [bytes([n]) * 2 * MB for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda body: _status(service, made, body), bodies))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 412, 429, 0}
    assert content(service, made["id"]).body == bodies[statuses.index(200)]


def _status(service: Service, made: Any, body: bytes) -> int:
    """0 where the connection was cut before the answer could be read."""
    try:
        return send(service, made, body).status
    except ConnectionError:
        return 0


def cut_off(service: Service, made: Any, body: bytes, length: int) -> None:
    """Sends the head and part of the body, and is gone."""
    parts = urlsplit(made["upload"]["url"])
    host, _, port = service.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        head = (
            f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {service.address}\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
        )
        client.sendall(head.encode() + body)
        wait_for(service, made, len(body) - 65_536)  # it takes such pieces


def wait_for(service: Service, made: Any, least: int) -> int:
    until = time.monotonic() + 20
    while (come := offset(service, made)) < least and time.monotonic() < until:
        time.sleep(0.02)
    return come


def offset(service: Service, made: Any) -> int:
    return int(ask(service, "HEAD", made["upload"]["url"]).headers["upload-offset"])


def go_on(service: Service, made: Any, body: bytes, start: int) -> Reply:
    """As a client does that was told to wait a little."""
    span = f"bytes {start}-{len(body) - 1}/{len(body)}"
    until = time.monotonic() + 20
    while (reply := send(service, made, body[start:], Content_Range=span)).status == 429:
        assert time.monotonic() < until
        time.sleep(0.1)
    return reply


@pytest.mark.parametrize("size", [None, 2_000_000])
def test_cut_off_and_resumed(service: Service, size: int | None) -> None:
    """It goes on where it broke off, and is one file."""
    body = os.urandom(2_000_000)
    made = (
        asked(service, size=size, sha256=hashlib.sha256(body).hexdigest())
        if size
        else asked(service)
    )
    cut_off(service, made, body[:700_000], len(body))
    come = offset(service, made)
    assert 0 < come <= 700_000
    assert ask(service, "GET", f"/v1/files/{made['id']}").json["status"] == "waiting"
    assert go_on(service, made, body, 700_005).status == 416  # more may have come since
    assert go_on(service, made, body, come).status == 200
    assert content(service, made["id"]).body == body
    assert offset(service, made) == len(body)


@pytest.mark.parametrize(
    "span", ["bytes 0-4/5", "bytes 5-3/10", "bytes */10", "0-9/10", "bytes 0-9/*", "bytes 0-9/9"]
)
def test_spans_that_are_none(service: Service, span: str) -> None:
    """A Content-Range says exactly what is sent."""
    assert send(service, asked(service), b"0123456789", Content_Range=span).status in (400, 422)


def test_killed_in_the_midst(tmp_path: Path) -> None:
    """After kill -9 of the web process, what had come is there to be gone on with, and no half
    file is ready."""
    body = os.urandom(2_000_000)
    with running(tmp_path / "data", MANYDOORS_OPERATIONS="tests.whole.filing") as service:
        made = asked(service, size=len(body), sha256=hashlib.sha256(body).hexdigest())
        parts = urlsplit(made["upload"]["url"])
        host, _, port = service.address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as client:
            head = (
                f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {service.address}\r\n"
                f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            client.sendall(head.encode() + body[:1_000_000])
            wait_for(service, made, 900_000)
            for pid in service.processes()[1:]:
                os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 20
        while True:
            try:
                come = offset(service, made)
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.1)
        assert 900_000 <= come <= 1_000_000
        assert ask(service, "GET", f"/v1/files/{made['id']}").json["status"] == "waiting"
        assert go_on(service, made, body, come).status == 200
        assert content(service, made["id"]).body == body


def test_a_killed_job_saves_one_file(tmp_path: Path) -> None:
    """A worker killed behind run.save: its next attempt writes the same file."""
    marker = tmp_path / "marker"
    with running(tmp_path / "data", MANYDOORS_OPERATIONS="tests.whole.filing") as service:
        job = ask(service, "POST", "/v1/operations/filing.slowly", {"marker": str(marker)}).json
        until = time.monotonic() + 20
        while not marker.exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        (first,) = ask(service, "GET", "/v1/files").json["items"]
        for pid in service.processes()[1:]:
            if "work" in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                os.kill(pid, signal.SIGKILL)
        for _ in range(3):
            done = ask(service, "GET", f"{job['links']['self']}?wait=20").json
        assert done["status"] == "succeeded"
        assert done["result"]["file"] == first["id"]
        (only,) = ask(service, "GET", "/v1/files").json["items"]
        assert only["id"] == first["id"]
        stored = [path for path in (service.data / "files").rglob("file_*") if path.is_file()]
        assert len(stored) == 1


def test_ranges(service: Service) -> None:
    """As RFC 9110 says: one range, its end, none, and what has not changed."""
    id = uploaded(service, b"0123456789")
    for asked_for, status, body in (
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("bytes=5-2", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
    ):
        got = content(service, id, Range=asked_for)
        assert (got.status, got.body) == (status, body), asked_for
        assert got.headers["content-length"] == str(len(body))
    for beyond in ("bytes=10-", "bytes=-0"):
        refused = content(service, id, Range=beyond)
        assert (refused.status, refused.headers["content-range"]) == (416, "bytes */10")
    tag = content(service, id).headers["etag"]
    assert content(service, id, If_None_Match=tag).status == 304
    assert content(service, id, If_Range=tag, Range="bytes=0-0").body == b"0"
    assert content(service, id, If_Range='"other"', Range="bytes=0-0").status == 200
    url = ask(service, "GET", f"/v1/files/{id}/content").headers["location"]
    head = ask(service, "HEAD", url)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")


def test_nothing_is_a_file(service: Service) -> None:
    """An empty file goes up and down."""
    id = uploaded(service, b"", size=0)
    assert ask(service, "GET", f"/v1/files/{id}").json["size"] == 0
    assert content(service, id).body == b""
    assert content(service, id, Range="bytes=0-").status == 416


def test_lists_and_deletions(service: Service) -> None:
    """Newest first, page by page; what is deleted is nowhere."""
    ids = [uploaded(service, b"x") for _ in range(3)]
    page = ask(service, "GET", "/v1/files?limit=2").json
    assert [each["id"] for each in page["items"]] == [ids[2], ids[1]]
    following = ask(service, "GET", f"/v1/files?limit=1&cursor={page['next']}").json
    assert following["items"][0]["id"] == ids[0]
    url = ask(service, "GET", f"/v1/files/{ids[0]}/content").headers["location"]
    assert ask(service, "DELETE", f"/v1/files/{ids[0]}").status == 204
    for path in (f"/v1/files/{ids[0]}", f"/v1/files/{ids[0]}/content"):
        assert ask(service, "GET", path).status == 404
    assert ask(service, "GET", url).status == 404
    assert ask(service, "DELETE", f"/v1/files/{ids[0]}").status == 404
    assert ask(service, "GET", "/v1/files/nonsense").status == 404
    assert ask(service, "GET", "/v1/files?limit=0").status == 422


def test_large_files_take_no_memory(service: Service) -> None:
    """300 MB go up, through a job and down, and no process of the service takes 200 MB."""
    size = 300 * MB
    piece = os.urandom(MB)
    digest = hashlib.sha256()
    for _ in range(300):
        digest.update(piece)
    made = asked(service, size=size, sha256=digest.hexdigest())
    body = (piece for _ in range(300))
    assert send(service, made, body, Content_Length=str(size)).status == 200
    copied = result(service, "filing.copy", file=made["id"])
    assert (copied["size"], copied["sha256"]) == (size, digest.hexdigest())
    got = hashlib.sha256()
    connection = http.client.HTTPConnection(service.address, timeout=60)
    connection.request("GET", copied["url"])
    response = connection.getresponse()
    while more := response.read(MB):
        got.update(more)
    connection.close()
    assert got.hexdigest() == digest.hexdigest()
    for pid in service.processes():
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
        assert peak < MOST_MEMORY, status.splitlines()[0]
