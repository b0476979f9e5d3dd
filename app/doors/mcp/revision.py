"""Which revision of the protocol a message speaks, and whether its headers say what it says.

The newest names itself in every message; those before it agree on one as they begin, and then name
it in a header. https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from app.doors.http import Request
from app.room.errors import Invalid, NotARequest, Wrong


class Revision(NamedTuple):
    name: str
    modern: bool = False  # each message says all of itself; there is no handshake
    tasks: bool = False  # the older form of them, which a client asks for
    batches: bool = False


MODERN = Revision("2026-07-28", modern=True)
HANDSHAKE = (
    Revision("2025-11-25", tasks=True),
    Revision("2025-06-18"),
    Revision("2025-03-26", batches=True),
    Revision("2024-11-05", batches=True),
)
UNNAMED = HANDSHAKE[2]  # the last whose clients name none
SUPPORTED: Mapping[str, Revision] = {each.name: each for each in (MODERN, *HANDSHAKE)}

RESERVED = "io.modelcontextprotocol/"
VERSION, CAPABILITIES = f"{RESERVED}protocolVersion", f"{RESERVED}clientCapabilities"
SERVER = f"{RESERVED}serverInfo"
TASKS = f"{RESERVED}tasks"  # the extension

NAMED = {"tools/call": "name", "tasks/get": "taskId", "tasks/update": "taskId",
         "tasks/cancel": "taskId"}  # fmt: skip
"""What of a message stands in the header Mcp-Name, too."""

_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


class UnsupportedRevision(NotARequest):
    """A revision that is not spoken here."""


class HeaderMismatch(NotARequest):
    """A header that says something else than the message, or lacks."""


class MissingCapability(NotARequest):
    """A client that does not say it can do what it asks for."""


class Spoken(NamedTuple):
    revision: Revision
    capabilities: Mapping[str, Any]  # of the client, where the message tells them

    @property
    def takes_tasks(self) -> bool:
        """Does the client know what to do with a task that it did not ask for?"""
        extensions = self.capabilities.get("extensions")
        return isinstance(extensions, dict) and TASKS in extensions


def spoken(request: Request, message: Mapping[str, Any]) -> Spoken:
    """What a request speaks; whoever begins with a handshake is told there what can be spoken."""
    header, meta = header_of(request), meta_of(message)
    if message["method"] == "initialize":
        return Spoken(UNNAMED, {})
    if VERSION not in meta and header != MODERN.name:
        return Spoken(UNNAMED if header is None else known(header), {})
    named = meta.get(VERSION)
    if not isinstance(named, str):
        raise _wrong(VERSION, "Name the revision of the protocol.")
    if named != header:
        raise HeaderMismatch(f"MCP-Protocol-Version is {header!r}, but _meta says {named!r}.")
    if not (revision := known(named)).modern:
        return Spoken(revision, {})
    capabilities = meta.get(CAPABILITIES)
    if not isinstance(capabilities, dict):
        raise _wrong(CAPABILITIES, "Say what the client can do; an object, which may be empty.")
    _check_headers(request, message)
    return Spoken(revision, capabilities)


def known(name: str) -> Revision:
    if name not in SUPPORTED:
        raise UnsupportedRevision(
            "Unsupported protocol version.", supported=list(SUPPORTED), requested=name
        )
    return SUPPORTED[name]


def header_of(request: Request) -> str | None:
    header: str | None = request.headers.get("HTTP_MCP_PROTOCOL_VERSION")
    return header


def meta_of(message: Mapping[str, Any]) -> Mapping[str, Any]:
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    return meta if isinstance(meta, dict) else {}


def _check_headers(request: Request, message: Mapping[str, Any]) -> None:
    """By them proxies decide where a message may go, so they must not lie."""
    method = message["method"]
    if (given := request.headers.get("HTTP_MCP_METHOD")) != method:
        raise HeaderMismatch(f"Mcp-Method is {given!r}, but the method is {method!r}.")
    name = message["params"].get(NAMED[method]) if method in NAMED else None
    if name is not None and (given := _name(request)) != name:
        raise HeaderMismatch(f"Mcp-Name is {given!r}, but the message names {name!r}.")


def _name(request: Request) -> str | None:
    given: str | None = request.headers.get("HTTP_MCP_NAME")
    if given is None or not (encoded := _ENCODED.fullmatch(given)):
        return given
    try:
        return b64decode(encoded[1], validate=True).decode()
    except (binascii.Error, ValueError):
        raise HeaderMismatch("Mcp-Name is not base64 of UTF-8.") from None


def _wrong(key: str, detail: str) -> Invalid:
    pointer = f"/params/_meta/{key.replace('/', '~1')}"
    return Invalid(f"_meta must have {key!r}.", errors=[Wrong(pointer, detail)])
