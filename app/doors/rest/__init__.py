"""The REST door: every endpoint of it, known to no framework."""

from app.doors.rest import jobs, keys, operations, service
from app.doors.rest.endpoint import Endpoint
from app.room.enter import Room


def endpoints(room: Room) -> list[Endpoint]:
    """Those of the service, the operations, the jobs and the keys, and the document of them all."""
    everything = [
        *service.endpoints(room),
        *operations.endpoints(room),
        *jobs.endpoints(room),
        *keys.endpoints(room),
    ]
    return [*everything, service.openapi(room, everything)]
