"""Forms come from our own pages: a post that another site makes a browser send is refused."""

from collections.abc import Mapping
from typing import Any

from app.room.errors import Forbidden


def check_origin(headers: Mapping[str, Any], own: str) -> None:
    """Raises `Forbidden` when an Origin is given and it is not `own`: a scheme, a host, a port.

    Programs send none and pass; `null`, which hidden senders have, does not.
    """
    origin = headers.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() != own.lower():
        raise Forbidden("This form was sent by another site. Open the page here and send it again.")
