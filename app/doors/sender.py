"""Who may send a request: no page of another site, and nobody who means another service.

A browser sends what any page tells it to, also to services that only its own machine reaches.
"""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from app.room.errors import Forbidden, Malformed

SAFE = ("GET", "HEAD", "OPTIONS")
FOLLOWED = ("navigate", "document")  # how a browser asks for a link, and for what
GUEST = "manydoors.guest"  # in the environ: whose page called, of another origin that may

_LABEL = r"[a-z0-9_-]{1,63}"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?")


def check_sender(environ: Mapping[str, Any], hosts: Collection[str]) -> None:
    """Raises `Forbidden` for a name that is not ours, or an unsafe request from another origin, and
    `Malformed` for what is no name, which URLs of ours would be made of.

    Any name is ours while `hosts` is empty. Programs send no Origin and pass; `null`, which hidden
    senders have, does not.
    """
    host: str = environ.get("HTTP_HOST", "").lower()
    if hosts and host and name_of(host) not in hosts:
        raise Forbidden(
            f"This service does not go by the name {name_of(host)!r}. "
            "If it should, add that to MANYDOORS_HOSTS."
        )
    if host and not _is_host(host):
        raise Malformed("The Host header is no name or address of a host.")
    origin = environ.get("HTTP_ORIGIN")
    if origin is None or environ["REQUEST_METHOD"] in SAFE or GUEST in environ:
        return
    own = own_origin(environ)
    if origin.lower() != own:
        raise Forbidden(
            f"This was sent by a page of {origin!r}, and the service is {own!r}: open its own "
            "pages. If a proxy stands before it, set MANYDOORS_TRUSTED_PROXIES; if that page may "
            "call with a key, name it in MANYDOORS_ORIGINS."
        )


def own_origin(environ: Mapping[str, Any]) -> str:
    return f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST', '').lower()}"


def check_page(environ: Mapping[str, Any]) -> None:
    """Raises `Forbidden` for what another site's page asks for by itself, be it only to read: a
    picture's address may be a call. A link that somebody follows is none of its own.

    Of who is let in by nothing that they show. https://www.w3.org/TR/fetch-metadata/
    """
    if environ.get("HTTP_SEC_FETCH_SITE") != "cross-site":
        return
    if (environ.get("HTTP_SEC_FETCH_MODE"), environ.get("HTTP_SEC_FETCH_DEST")) != FOLLOWED:
        raise Forbidden("Another site's page asked for this: follow a link to it, or show a key.")


@lru_cache(maxsize=256)
def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None


def name_of(host: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    host = host.lower()
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".")
