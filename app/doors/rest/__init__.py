"""The REST door: every endpoint of it, known to no framework."""

from app.doors.rest import files, jobs, keys, operations, schedules, service
from app.doors.rest.endpoint import Endpoint
from app.room.enter import Room


def endpoints(room: Room) -> list[Endpoint]:
    """Of the service, operations, jobs, files, schedules and keys, and the document of them all."""
    everything = [
        *service.endpoints(room),
        *operations.endpoints(room),
        *jobs.endpoints(room),
        *keys.endpoints(room),
        *files.endpoints(room),
        *schedules.endpoints(room),
    ]
    return [*everything, service.openapi(room, everything)]
