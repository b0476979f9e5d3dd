"""Where a callback may go: how addresses are written, and the machines that none reaches."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, given
from hypothesis.strategies import from_regex

from app.room.egress import LONGEST_URL, PATTERN, Place, read_url, why_denied

FORBIDDEN = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1
192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.168.255.255 192.175.48.1
198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255
:: ::1 ::7f00:1 ::ffff:7f00:1 ::ffff:a9fe:a9fe ::ffff:808:808 ::ffff:0:7f00:1 64:ff9b::7f00:1
64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 100::1 2001::1 2001:2::1 2001:10::1 2001:db8::1 2002:7f00:1::1
2002:a9fe:a9fe:: 2620:4f:8000::1 3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1
ff02::1 ff0e::1
""".split()

LOCAL = ".localhost"

PUBLIC = """
1.1.1.1 8.8.8.8 93.184.216.34 100.63.255.255 172.32.0.1 2606:4700::1111 2a00:1450::1
""".split()


def spellings(text: str) -> Iterator[str]:
    """Hosts that one reader or another takes for this address."""
    address = ip_address(text)
    yield from (_of_four(address) if isinstance(address, IPv4Address) else _of_six(address))


def _of_four(address: IPv4Address) -> Iterator[str]:
    number, parts = int(address), str(address).split(".")
    yield str(address)
    yield f"{address}."
    yield str(number)
    yield f"0x{number:08X}"
    yield ".".join(f"0{int(part):o}" for part in parts)
    yield ".".join(f"0x{int(part):x}" for part in parts)
    yield f"{parts[0]}.{number % 2**24}"
    yield f"{parts[0]}.{parts[1]}.{number % 2**16}"
    yield f"example.com@{address}"
    yield f"{address}%2f@{address}"
    yield "".join(f"%{ord(character):02x}" for character in str(address))
    yield str(address).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    yield str(address).replace(".", "\u3002")
    yield f"[::ffff:{address}]"
    yield f"[::{address}]"
    yield f"[64:ff9b::{address}]"
    yield f"[2002:{number >> 16:x}:{number % 2**16:x}::1]"


def _of_six(address: IPv6Address) -> Iterator[str]:
    yield f"[{address}]"
    yield f"[{address.exploded}]"
    yield f"[{str(address).upper()}]"
    yield f"[{address}%25eth0]"
    yield f"[{address}%eth0]"
    yield f"[{address}]."
    yield f"example.com@[{address}]"
    yield f"%5B{address}%5D"
    yield str(address)
    yield f"[{address.exploded[:30]}{IPv4Address(int(address) % 2**32)}]"


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_spelling_of_a_forbidden_address_is_taken(address: str) -> None:
    """Neither plainly, nor as any other reader would understand it, nor behind a port or a name."""
    spelt = [*spellings(address)]
    assert len(spelt) > 8
    for host in spelt:
        for url in (f"https://{host}/", f"https://{host}:8443/x?y", f"HTTPS://{host}"):
            with pytest.raises(ValueError, match=r"\."):
                read_url(url)
    assert why_denied(address)


def test_what_the_standard_library_calls_global_is_not_enough() -> None:
    """The reason for a table of our own: these are among the forbidden."""
    missed = [each for each in FORBIDDEN if ip_address(each).is_global]
    assert {"64:ff9b::a9fe:a9fe", "168.63.129.16", "224.0.0.1"} <= {*missed}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_taken(address: str) -> None:
    """Also those just beside a forbidden network."""
    host = f"[{address}]" if ":" in address else address
    assert why_denied(address) is None
    assert read_url(f"https://{host}/").host == address


@pytest.mark.parametrize("zone", ["fe80::1%eth0", "2606:4700::1111%1", "not an address", ""])
def test_what_a_look_up_gives_and_is_no_plain_address_is_denied(zone: str) -> None:
    assert why_denied(zone)


@given(from_regex(PATTERN, fullmatch=True))
def test_what_the_documents_say_is_taken(url: str) -> None:
    """Their pattern is narrower than the rule, never wider."""
    assume(len(url) <= LONGEST_URL and not urlsplit(url).netloc.partition(":")[0].endswith(LOCAL))
    assert read_url(url).host in url


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://example.com", Place("example.com", 443, "/")),
        ("https://Example.COM:8443/a/b?c=%2F&d#"[:-1], Place("example.com", 8443, "/a/b?c=%2F&d")),
        ("https://example.com?", Place("example.com", 443, "/?")),
        ("https://xn--bcher-kva.example/", Place("xn--bcher-kva.example", 443, "/")),
        ("https://a_b.internal-name.example/", Place("a_b.internal-name.example", 443, "/")),
        ("https://1.example/", Place("1.example", 443, "/")),
    ],
)
def test_an_address_is_read(url: str, place: Place) -> None:
    assert read_url(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "//example.com", "http://example.com", "ftp://example.com", "https://", "https:///a",
        "https:example.com", "https://example.com:0/", "https://example.com:/", "https://a:65536/",
        "https://example.com:8x/", "https://user@example.com", "https://u:p@example.com",
        "https://@example.com", "https://example.com#", "https://example.com/#f", "https://a b/",
        "https://example.com/\r\nX: y", "https://example.com/\x00", "https://exämple.com/",
        "https://example.com\\@10.0.0.1/", "https://example.com./", "https://.example.com/",
        "https://a..b/", "https://-a.example/", "https://localhost/", "https://a.localhost/",
        "https://LOCALHOST:8/", "https://[::1", "https://[v1.x]/", "https://ex%61mple.com/",
        "https://example.com/" + "x" * LONGEST_URL, f"https://{'a' * 64}.example/", "https://*/",
    ],
)  # fmt: skip
def test_what_is_no_such_address_is_refused(url: str) -> None:
    """With a sentence that says how to write it."""
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        read_url(url)


def test_for_development_this_machine_is_reached() -> None:
    """With local, and nothing else beside: neither a private network nor, plainly, anybody."""
    for url in (
        "http://127.0.0.1:5000/x",
        "http://localhost/",
        "https://localhost/",
        "http://[::1]/",
    ):
        read_url(url, local=True)
    for url in ("http://example.com/", "http://8.8.8.8/", "http://10.0.0.1/", "https://10.0.0.1/",
                "http://0.0.0.0/", "http://169.254.169.254/"):  # fmt: skip
        with pytest.raises(ValueError, match=r"this machine|No callback"):
            read_url(url, local=True)
    for address in FORBIDDEN:
        mine = address in ("127.0.0.1", "127.255.255.254", "::1")
        assert (why_denied(address, local=True) is None) == mine
    assert why_denied("8.8.8.8", local=True, tls=False)


def test_what_systems_take_for_this_machine_is_refused() -> None:
    """The resolver of this machine reads numbers in many ways; none of them comes so far."""
    for host in "127.1 2130706433 0x7f.1 0177.1 017700000001 0x7f000001 0 127.0.1".split():
        assert socket.getaddrinfo(host, 80)[0][4][0] in ("127.0.0.1", "0.0.0.0")
        with pytest.raises(ValueError, match="four decimal"):
            read_url(f"https://{host}/")
