"""One request of MCP: who asks, in which revision, and what they may be answered by."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.doors.http import EVENTS, Request
from app.doors.jobs import Jobs
from app.doors.mcp.revision import SERVER, Revision, Spoken
from app.doors.openrpc import VERSION
from app.doors.streams import Streams
from app.doors.wishes import Wishes, wishes
from app.room.call import Caller
from app.room.duration import FOREVER
from app.room.enter import Room
from app.room.errors import Invalid, Unknown, Wrong

SOURCE = "mcp"
SERVER_INFO = {"name": "manydoors", "title": "Manydoors", "version": VERSION}


class NoSuchMethod(Unknown):
    """The revision has none of that name."""


@dataclass(frozen=True)
class Visit:
    room: Room
    request: Request
    spoken: Spoken
    streams: Streams | None  # where an answer may be one

    @property
    def revision(self) -> Revision:
        return self.spoken.revision

    @property
    def caller(self) -> Caller:
        return self.request.caller

    @property
    def base(self) -> str:
        """What stands before /v1 in links: whole ones, for a model has no page that they are on."""
        return self.request.base

    @cached_property
    def wishes(self) -> Wishes:
        return wishes(self.request)

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.room, self.caller, self.base, SOURCE, self.request.request_id)

    @property
    def may_stream(self) -> bool:
        """Does the client take events, and the server send them as they come?"""
        accepts = EVENTS in self.request.headers.get("HTTP_ACCEPT", "")
        return self.streams is not None and accepts and self.room.answer_within == FOREVER

    def dressed(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """With what the newest revision wants in each result."""
        if not self.revision.modern:
            return result
        meta = {**result.get("_meta", {}), SERVER: SERVER_INFO}
        return {"resultType": "complete", **result, "_meta": meta}


def text_of(params: Mapping[str, Any], name: str) -> str:
    """A member that must be there, and be text."""
    value = params.get(name)
    if not isinstance(value, str):
        raise Invalid(errors=[Wrong(f"/params/{name}", "Must be a string.")])
    return value


def object_of(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A member that may be left out; some clients send null for none."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(errors=[Wrong(f"/params/{name}", "Must be an object.")])
    return value
