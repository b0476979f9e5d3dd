"""An answer over HTTP in the words of what is to send it."""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from handlers.ask import Told, Visit

LARGEST, LARGEST_BALANCED = 6 * 1024 * 1024, 1024 * 1024
SURE = 512 * 1024  # bytes of a body that fit anywhere, however they are written
ROOM = 64 * 1024  # bytes for the headers and the rest

TEXT = ("text/", "application/json", "application/javascript", "application/xml", "image/svg+xml")

COOKIE = "set-cookie"

Headers = Sequence[tuple[str, str]]


def size_of(told: Told) -> int:
    """Bytes of its body as they are going to be written. Asked where that may matter, over `SURE`,
    for it costs as much as the writing."""
    lowered = {name.lower(): value for name, value in told.headers}
    return len(json.dumps(_body(told.body, lowered)[0]))


def answered(visit: Visit, told: Told) -> dict[str, Any]:
    """As its gateway wants it; of one that it would not send, that it is too large."""
    by = visit.by
    if len(told.body) > SURE and (size := size_of(told)) > by.most:
        told = _too_large(told, size, by.most)
    headers = told.headers
    listed: dict[str, list[str]] = {}
    lowered: dict[str, str] = {}
    for name, value in headers:
        listed[name] = [value if value.isascii() else _text(value)]
        lowered[name.lower()] = value
    if len(lowered) < len(headers):  # one comes twice
        listed = _many(headers)
    text, is_encoded = _body(told.body, lowered)
    made = {"statusCode": told.status, "body": text, "isBase64Encoded": is_encoded}
    if by.style == "many":
        made["multiValueHeaders"] = listed
    elif by.style == "single":
        made["headers"] = _single(listed)
    else:
        made["headers"] = {n: ", ".join(v) for n, v in listed.items() if n.lower() != COOKIE}
        if COOKIE in lowered:
            made["cookies"] = [value for name, value in headers if name.lower() == COOKIE]
    if by.balances:
        made["statusDescription"] = f"{told.status} {told.reason}".strip()
    return made


def _many(headers: Headers) -> dict[str, list[str]]:
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in headers:
        known = names.setdefault(name.lower(), name)
        found.setdefault(known, []).append(value if value.isascii() else _text(value))
    return found


def _single(listed: Mapping[str, list[str]]) -> dict[str, str]:
    """Cookies can't be joined, so that each has a spelling of the name for itself."""
    made: dict[str, str] = {}
    for name, values in listed.items():
        if name.lower() != COOKIE:
            made[name] = ", ".join(values)
            continue
        spelt = product(*((letter, letter.upper()) for letter in COOKIE if letter != "-"))
        for letters, value in zip(spelt, values, strict=False):
            made[f"{''.join(letters[:3])}-{''.join(letters[3:])}"] = value
    return made


def _text(value: str) -> str:
    """WSGI's characters are bytes; JSON's are characters."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _body(body: bytes, lowered: Mapping[str, str]) -> tuple[str, bool]:
    """As text, and whether that is base64."""
    if _is_text(lowered.get("content-type"), lowered.get("content-encoding")) or not body:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(body).decode(), True


@lru_cache
def _is_text(form: str | None, encoding: str | None) -> bool:
    form = (form or "").lower().partition(";")[0].strip()
    is_plain = encoding is None or encoding.lower() == "identity"
    return is_plain and (form.startswith(TEXT) or form.endswith(("+json", "+xml")))


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
