"""The REST door: every endpoint of it, known to no framework."""

from typing import TYPE_CHECKING

from app.doors.rest.endpoint import Endpoint
from app.room.enter import Room

if TYPE_CHECKING:
    from app.doors.streams import Streams


def endpoints(room: Room, streams: "Streams") -> list[Endpoint]:
    """All of the service's own and of the operations, and the document of them all."""
    # A call of an operation on Lambda needs but those of the operations: the others take 15 ms.
    from app.doors.rest import files, jobs, keys, operations, schedules, service, topics, webhooks

    everything = [
        *service.endpoints(room),
        *operations.endpoints(room),
        *jobs.endpoints(room, streams),
        *keys.endpoints(room),
        *webhooks.endpoints(room),
        *files.endpoints(room),
        *schedules.endpoints(room),
        *topics.endpoints(room),
    ]
    return [*everything, service.openapi(room, everything)]
