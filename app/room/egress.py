"""Where a callback may go: how its address is written, and which machines it must never reach.

Whoever may submit a job may name any address, and this service stands inside somebody's network.
So each address that a name stands for is looked up in the table below, which is our own: the
standard library calls NAT64, 6to4 and all multicast global.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

LONGEST_URL = 2000  # characters
PATTERN = (  # of what is always taken, for documents
    r"^https://([a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?\.){1,3}[a-z]{2,8}(:[1-9][0-9]{0,3})?(/[!$-\[\]-~]*)?$"
)
LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
GLOBAL = ip_network("2000::/3")

DENIED = tuple(
    (ip_network(network), why)
    for network, why in (
        # IPv4: https://www.iana.org/assignments/iana-ipv4-special-registry
        ("0.0.0.0/8", "this machine"),  # Linux connects 0.0.0.0 to itself
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's inner network"),  # also Alibaba's metadata, 100.100.100.200
        ("127.0.0.0/8", "this machine"),
        ("168.63.129.16/32", "Azure's host"),  # a public number, answered by the host alone
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "protocol assignments"),  # also Oracle's metadata, 192.0.0.192
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "anycast of AS112"),
        ("192.52.193.0/24", "anycast of AMT"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "anycast of AS112"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved, or broadcast"),
        # IPv6: https://www.iana.org/assignments/iana-ipv6-special-registry; of what holds an IPv4
        # address, that one may be any of the above.
        ("::/128", "unspecified, which is this machine"),
        ("::1/128", "this machine"),
        ("::/96", "an IPv4 address inside (compatible)"),
        ("::ffff:0:0/96", "an IPv4 address inside (mapped)"),
        ("::ffff:0:0:0/96", "an IPv4 address inside (translated)"),
        ("64:ff9b::/96", "an IPv4 address inside (NAT64)"),
        ("64:ff9b:1::/48", "an IPv4 address inside (local NAT64)"),
        ("100::/64", "discarded"),
        ("2001::/32", "an IPv4 address inside (Teredo)"),
        ("2001::/23", "protocol assignments, benchmarks and ORCHID"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "an IPv4 address inside (6to4)"),
        ("2620:4f:8000::/48", "anycast of AS112"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "a private network"),  # also AWS's metadata, fd00:ec2::254
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Place:
    """What an address says, read once: nothing parses it a second time, in another way."""

    host: str  # a name in lower case, or an address without brackets
    port: int
    path: str  # with the query
    tls: bool = True


def why_denied(address: str, *, local: bool = False, tls: bool = True) -> str | None:
    """Why nothing is to be sent to this address; None where it may. `local`: this machine may be
    reached, and it alone without TLS."""
    if "%" in address:
        return "of one link only"
    try:
        found = ip_address(address)
    except ValueError:
        return "no address"
    if local and any(found in network for network in LOOPBACK if network.version == found.version):
        return None
    if not tls:
        return "not this machine, which alone is reached without TLS"
    for network, why in DENIED:
        if network.version == found.version and found in network:
            return why
    return "not in use" if found.version == 6 and found not in GLOBAL else None


def read_url(url: str, *, local: bool = False) -> Place:
    """Where a callback's address leads; ValueError says how to write it."""
    if len(url) > LONGEST_URL:
        raise ValueError(f"It has at most {LONGEST_URL:,} characters.")
    if not all("!" <= character <= "~" for character in url) or "\\" in url:
        raise ValueError("Write it in ASCII, without spaces: a name in other letters as xn--….")
    if "#" in url:
        raise ValueError("Write it without a fragment (#…): no server ever sees one.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_FORM) from None
    if "@" in parts.netloc:
        raise ValueError("Write it without a user's name or password: the signature is the proof.")
    tls = parts.scheme == "https"
    if not tls and not (local and parts.scheme == "http"):
        raise ValueError(_FORM if parts.scheme != "http" else _PLAIN)
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(_FORM)
    host = _host(parts.netloc, parts.hostname or "")
    _check_host(host, local=local, tls=tls)
    path = parts.path or "/"
    return Place(host, port or (443 if tls else 80), path + ("?" + parts.query) * ("?" in url), tls)


_FORM = "Write https://, a host and a path, as in https://example.com/hooks/manydoors."
_PLAIN = (
    "Write https://. For development, MANYDOORS_CALLBACKS=local lets http:// reach this machine."
)


def _host(netloc: str, host: str) -> str:
    """As one spelling only: numbers that some resolvers take for addresses are refused."""
    if netloc.startswith("["):
        try:
            return str(IPv6Address(host))
        except ValueError:
            raise ValueError("What stands in brackets is no IPv6 address.") from None
    if not _NAME.fullmatch(host) or len(host) > 253:
        raise ValueError(f"The host's name cannot be read. {_FORM}")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise ValueError("Write an IPv4 address as four decimal numbers.") from None
    return host


def _check_host(host: str, *, local: bool, tls: bool) -> None:
    """What needs no look-up of the name."""
    is_local_name = host == "localhost" or host.endswith(".localhost")
    try:
        ip_address(host)
    except ValueError:
        why = None if local or not is_local_name else "this machine"
        why = why or (None if tls or is_local_name else "reached without TLS")
    else:
        why = why_denied(host, local=local, tls=tls)
    if why:
        raise ValueError(f"No callback goes there: it is {why}.")
