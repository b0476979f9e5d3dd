"""Who may send a request: no page of another site, and nobody who means another service.

A browser sends what any page tells it to, also to services that only its own machine reaches.
"""

from collections.abc import Collection, Mapping
from typing import Any

from app.room.errors import Forbidden

SAFE = ("GET", "HEAD", "OPTIONS")


def check_sender(environ: Mapping[str, Any], hosts: Collection[str]) -> None:
    """Raises `Forbidden` for a name that is not ours, or an unsafe request from another origin.

    Any name is ours while `hosts` is empty. Programs send no Origin and pass; `null`, which hidden
    senders have, does not.
    """
    host: str = environ.get("HTTP_HOST", "").lower()
    if hosts and host and name_of(host) not in hosts:
        raise Forbidden(
            f"This service does not go by the name {name_of(host)!r}. "
            "If it should, add that to MANYDOORS_HOSTS."
        )
    origin = environ.get("HTTP_ORIGIN")
    if origin is None or environ["REQUEST_METHOD"] in SAFE:
        return
    own = f"{environ['wsgi.url_scheme']}://{host}"
    if origin.lower() != own:
        raise Forbidden(
            f"This was sent by a page of {origin!r}, and the service is {own!r}: open its own "
            "pages. If a proxy stands before it, set MANYDOORS_TRUSTED_PROXIES."
        )


def name_of(host: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    host = host.lower()
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".")
