"""What carries callbacks, before real receivers that mean ill: what is checked is connected."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.ports import Letter
from app.ports.post import MOST, DirectPost
from app.room.egress import why_denied
from app.room.errors import Refused, Unavailable
from tests.ports.receiver import OK, answers, certificate_for, receiving, says

FORBIDDEN, ALLOWED = "127.0.0.2", "127.0.0.1"  # both are listened on, so that nothing else stops it
SOON = 0.5  # seconds, where a deadline is to be met


def letter(host: str, port: int, path: str = "/hook?token=hush", tls: bool = False) -> Letter:
    return Letter(host, port, path, {"Content-Type": "text/plain"}, b"hello", tls=tls)


def only_allowed(address: str) -> str | None:
    return None if address == ALLOWED else "forbidden here"


def looks(*answers: Iterable[str]) -> Any:
    """A resolver that gives these answers one after another, the last for ever."""
    given = [*answers]

    def look(host: str, port: int) -> list[tuple[int, Any]]:
        look.asked += 1
        found = given.pop(0) if len(given) > 1 else given[0]
        return [(socket.AF_INET, (each, port)) for each in found]

    look.asked = 0
    return look


def test_a_letter_arrives() -> None:
    """Whole, once, by the name it was sent to; the answer's status and Retry-After come back."""
    with receiving(answers(503, "Retry-After: 7", body=b"not  now\n\x1b[31m")) as receiver:
        post = DirectPost(look=looks([ALLOWED]))
        reply = post.send(letter("example.com", receiver.port), refuse=only_allowed, within=5)
    assert (reply.status, reply.after, reply.text) == (503, "7", "not now ?[31m")
    (asked,) = receiver.asked
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"POST /hook?token=hush HTTP/1.1"
    assert f"Host: example.com:{receiver.port}".encode() in head.splitlines()
    assert body == b"hello"


@pytest.mark.parametrize("found", [[FORBIDDEN], [ALLOWED, FORBIDDEN], [FORBIDDEN, ALLOWED]])
def test_a_name_that_leads_to_a_forbidden_address_is_not_connected(found: list[str]) -> None:
    """Nor when another of its addresses is fine: who answers so means ill."""
    with receiving() as fine, receiving(host=FORBIDDEN, port=fine.port) as forbidden:
        post = DirectPost(look=looks(found))
        with pytest.raises(Refused, match=r"forbidden here"):
            post.send(letter("example.com", fine.port), refuse=only_allowed, within=5)
        time.sleep(0.05)  # for what must not come
    assert (fine.connected, forbidden.connected) == (0, 0)


def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    """Rebinding: what was checked is connected, whatever the name stands for a moment later."""
    with receiving() as fine, receiving(host=FORBIDDEN, port=fine.port) as forbidden:
        for _ in range(50):
            look = looks([ALLOWED], [FORBIDDEN])
            post = DirectPost(look=look)
            reply = post.send(letter("example.com", fine.port), refuse=only_allowed, within=5)
            assert (reply.status, look.asked) == (200, 1)
    assert (fine.connected, forbidden.connected) == (50, 0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    """It is an answer like any other, whatever it points to."""
    with receiving(host=FORBIDDEN) as forbidden:
        to = f"Location: http://{FORBIDDEN}:{forbidden.port}/"
        with receiving(answers(status, to)) as receiver:
            post = DirectPost(look=looks([ALLOWED]))
            reply = post.send(letter("a.example", receiver.port), refuse=only_allowed, within=5)
    assert (reply.status, len(receiver.asked), forbidden.connected) == (status, 1, 0)


@pytest.mark.parametrize(
    "host",
    "127.0.0.1 127.1 127.0.1 2130706433 0x7f.1 0x7f000001 0177.1 017700000001 0 0.0.0.0 localhost "
    "LOCALHOST 127.0.0.1. ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::127.0.0.1 64:ff9b::127.0.0.1 "
    "2002:7f00:1::1 fe80::1%lo ::1%lo ①②⑦.⓪.⓪.① 127。0。0。1 １２７.0.0.1 10.0.0.1 169.254.169.254 "  # noqa: RUF001
    "fd00:ec2::254".split(),
)
def test_the_systems_own_look_up_leads_nowhere_forbidden(host: str) -> None:
    """With the table that callbacks use, and however this machine reads the host: a real listener
    on all of its addresses hears nothing."""
    with receiving(host="0.0.0.0") as receiver:
        with pytest.raises((Refused, Unavailable)) as told:
            DirectPost().send(letter(host, receiver.port), refuse=why_denied, within=2)
        assert "hush" not in str(told.value)
        assert receiver.connected == 0


def test_no_proxy_has_a_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look the name up again, unseen."""
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        post = DirectPost(look=looks([ALLOWED]))
        assert post.send(letter("a.example", receiver.port), refuse=only_allowed, within=5)
    assert (proxy.connected, receiver.connected) == (0, 1)


def drips(start: bytes, drop: bytes, pause: float = 0.02) -> Callable[[socket.socket], None]:
    def drip(sock: socket.socket) -> None:
        sock.sendall(start)
        for _ in range(500):
            sock.sendall(drop)
            time.sleep(pause)

    return drip


SLOW = {
    "says nothing": says(b""),
    "drips its headers": drips(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "drips one header": drips(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "always goes on": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


def hung(sock: socket.socket) -> None:
    time.sleep(5)


@pytest.mark.parametrize("how", SLOW)
def test_who_is_slow_is_cut_off(how: str) -> None:
    """At the deadline, whatever comes meanwhile."""

    def slow(sock: socket.socket) -> None:
        SLOW[how](sock)
        hung(sock)

    with receiving(slow) as receiver:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer within 0\.5 s"):
            DirectPost(look=looks([ALLOWED])).send(
                letter("a.example", receiver.port), refuse=only_allowed, within=SOON
            )
        assert SOON <= time.monotonic() - began < SOON + 1


def test_a_look_up_that_hangs_is_left() -> None:
    """The system's resolver cannot be told when to stop; nobody waits for it."""
    let_go = threading.Event()

    def look(host: str, port: int) -> list[Any]:
        let_go.wait(10)
        return []

    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"no answer"):
        DirectPost(look=look).send(letter("a.example", 1), refuse=only_allowed, within=SOON)
    assert time.monotonic() - began < SOON + 1
    let_go.set()


def test_a_handshake_that_hangs_is_left() -> None:
    """It counts against the same deadline."""
    with receiving(hung) as receiver:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer"):
            DirectPost(look=looks([ALLOWED])).send(
                letter("a.example", receiver.port, tls=True), refuse=only_allowed, within=SOON
            )
        assert time.monotonic() - began < SOON + 1


@pytest.mark.parametrize("answer", ["endless", "dripping"])
def test_an_answer_counts_once_its_headers_are_read(answer: str) -> None:
    """A body without end, or one that drips, costs a second and 64 KB at most."""
    sent = 0

    def endless(sock: socket.socket) -> None:
        nonlocal sent
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sent += sock.send(b"x" * 65536)

    how = {"endless": endless, "dripping": drips(b"HTTP/1.1 200 OK\r\n\r\n", b"x")}[answer]
    with receiving(how) as receiver:
        began = time.monotonic()
        reply = DirectPost(look=looks([ALLOWED])).send(
            letter("a.example", receiver.port), refuse=only_allowed, within=10
        )
        assert reply.status == 200
        assert time.monotonic() - began < 3
    assert sent < 200 * MOST  # what the system itself has buffered


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000, "64 KB of headers|no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, "64 KB of headers|no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"\x00" * 1000, "no HTTP"),
        (b"", "no HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "no HTTP"),
    ],
)
def test_what_is_no_answer_is_said(content: bytes, why: str) -> None:
    """Neither headers without measure nor what is no HTTP is an answer."""
    with receiving(says(content)) as receiver, pytest.raises(Unavailable, match=why):
        DirectPost(look=looks([ALLOWED])).send(
            letter("a.example", receiver.port), refuse=only_allowed, within=5
        )


def test_the_next_address_is_tried() -> None:
    """Of a name with several, of which one refuses."""
    with receiving() as receiver:
        post = DirectPost(look=looks(["127.0.0.9", ALLOWED]))
        reply = post.send(letter("a.example", receiver.port), refuse=lambda _: None, within=5)
    assert reply.status == 200


def test_what_cannot_be_connected_is_said() -> None:
    """In words for the owner, without the path."""
    with socket.create_server((ALLOWED, 0)) as listener:
        port = listener.getsockname()[1]
    for look, why in ((looks([ALLOWED]), "refused the connection"), (looks([]), "looked up")):
        with pytest.raises(Unavailable, match=why) as told:
            DirectPost(look=look).send(letter("a", port), refuse=only_allowed, within=2)
        assert "hush" not in str(told.value)


def test_certificates_are_checked(tmp_path: Path, require: Callable[[Any, str], None]) -> None:
    """Of the host's own name, by an authority that is trusted, over the pinned address."""
    made = certificate_for(tmp_path, "hooks.example")
    require(made, "openssl is not installed")
    assert made is not None
    trusting = partial(ssl.create_default_context, cafile=str(made))
    with receiving(says(OK), certificate=made) as receiver:

        def send(host: str, context: Any = trusting) -> int:
            post = DirectPost(look=looks([ALLOWED]), context=context)
            told = letter(host, receiver.port, tls=True)
            return post.send(told, refuse=only_allowed, within=5).status

        assert send("hooks.example") == 200
        with pytest.raises(Unavailable, match=r"not to be trusted: Hostname mismatch"):
            send("other.example")
        with pytest.raises(Unavailable, match=r"not to be trusted: self-signed"):
            send("hooks.example", None)
    assert len([each for each in receiver.asked if each]) == 1


def test_who_speaks_no_tls_is_told_apart() -> None:
    """As a server of plain HTTP, which answers what it does not understand."""
    with socket.create_server((ALLOWED, 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as sock:
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(Unavailable, match=r"speaks no TLS"):
            DirectPost(look=looks([ALLOWED])).send(
                letter("a.example", listener.getsockname()[1], tls=True),
                refuse=only_allowed, within=5,
            )  # fmt: skip
