"""The Model Context Protocol over one path, stateless: each operation is a tool, a long one's call
a job, which is the protocol's task.

https://modelcontextprotocol.io/specification/2026-07-28
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.doors.http import Answer, Request
from app.doors.rest.endpoint import Endpoint, Path
from app.room.enter import Room
from app.room.errors import Problem

if TYPE_CHECKING:
    from app.doors.streams import Streams

PATH = "/mcp"


def endpoints(room: Room, streams: "Streams") -> Iterator[Endpoint]:
    def reply(request: Request, path: Path) -> Answer:
        from app.doors.mcp import message  # most processes are never asked

        return message.answer(room, request, streams)

    yield Endpoint("POST", PATH, reply, tell=_turned_away)


def _turned_away(problem: Problem, path: str) -> Answer:
    """HTTP's number and headers for what knows only those, and JSON-RPC's words, which clients
    show; the message is not read, so nobody knows its id."""
    from app.doors.mcp import message

    return message.turned_away(problem, path)
