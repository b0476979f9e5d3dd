"""An answer over HTTP in the words of what is to send it."""

import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import product
from typing import Any, Literal

from handlers.ask import Told

LARGEST = {"many": 6 * 1024 * 1024, "cookies": 6 * 1024 * 1024, "balancer": 1024 * 1024}
SURE = 512 * 1024  # bytes of a body that fit anywhere, however they are written
ROOM = 64 * 1024  # bytes for the headers and the rest

TEXT = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")

Style = Literal["many", "single", "cookies"]
"""How it says a header that comes twice: as a list; not at all; as cookies, for those alone."""


def largest(*, is_balancer: bool) -> int:
    return LARGEST["balancer" if is_balancer else "many"] - ROOM


def size_of(told: Told) -> int:
    """Bytes of its body as they are going to be written; roughly, of one that fits anywhere."""
    return len(told.body) if len(told.body) <= SURE else len(json.dumps(_body(told)["body"]))


def answered(told: Told, style: Style, *, with_reason: bool = False) -> dict[str, Any]:
    """`with_reason`: for a load balancer, which wants "200 OK" and takes no more than 1 MB."""
    most = largest(is_balancer=with_reason)
    if (size := size_of(told)) > most:
        told = _too_large(told, size, most)
    return _answered(told, style, with_reason)


def _answered(told: Told, style: Style, with_reason: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"statusCode": told.status, **_styled(told, style), **_body(told)}
    if with_reason:
        made["statusDescription"] = f"{told.status} {told.reason}".strip()
    return made


def _styled(told: Told, style: Style) -> dict[str, Any]:
    if style == "cookies":
        others = [(n, v) for n, v in told.headers if n.lower() != "set-cookie"]
        cookies = [v for n, v in told.headers if n.lower() == "set-cookie"]
        joined = {name: ", ".join(values) for name, values in _many(others).items()}
        return {"headers": joined} | ({"cookies": cookies} if cookies else {})
    if style == "single":
        return {"headers": _single(told)}
    return {"multiValueHeaders": _many(told.headers)}


def _many(headers: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in headers:
        known = names.setdefault(name.lower(), name)
        found.setdefault(known, []).append(value if value.isascii() else _text(value))
    return found


def _single(told: Told) -> dict[str, str]:
    """Cookies can't be joined, so that each has a spelling of the name for itself."""
    made: dict[str, str] = {}
    for name, values in _many(told.headers).items():
        if name.lower() != "set-cookie":
            made[name] = ", ".join(values)
            continue
        spelt = product(*((letter, letter.upper()) for letter in "set-cookie" if letter != "-"))
        for letters, value in zip(spelt, values, strict=False):
            made[f"{''.join(letters[:3])}-{''.join(letters[3:])}"] = value
    return made


def _text(value: str) -> str:
    """WSGI's characters are bytes; JSON's are characters."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _body(told: Told) -> dict[str, Any]:
    if _is_text(told):
        try:
            return {"body": told.body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass
    return {"body": b64encode(told.body).decode(), "isBase64Encoded": True}


def _is_text(told: Told) -> bool:
    form, coding = "", "identity"
    for name, value in told.headers:
        match name.lower():
            case "content-type":
                form = value.lower().partition(";")[0].strip()
            case "content-encoding":
                coding = value.lower()
    plain = form.startswith(TEXT) or form.endswith(("+json", "+xml")) or not told.body
    return plain and coding == "identity"


def _too_large(told: Told, size: int, most: int) -> Told:
    """What no gateway sends, told in the form that all problems have."""
    document = {
        "type": "/problems/too_large",
        "title": "That is over a limit.",
        "status": 413,
        "detail": f"The answer has {size:,} bytes, and {most:,} can be sent from here.",
        "limit": most,
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    own = {"content-length", "content-type", "content-encoding", "etag"}
    headers = [(name, value) for name, value in told.headers if name.lower() not in own]
    headers += [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
    return Told(413, "Content Too Large", headers, body)
