"""Every endpoint that needs no framework: those of REST, and that of MCP."""

from app.doors import mcp, rest
from app.doors.rest.endpoint import Endpoint
from app.doors.streams import Streams
from app.room.enter import Room


def endpoints(room: Room) -> list[Endpoint]:
    streams = Streams()
    return [*rest.endpoints(room, streams), *mcp.endpoints(room, streams)]
