"""The REST door: every endpoint of it, known to no framework."""

from app.doors.rest import jobs, operations, service, webhooks
from app.doors.rest.endpoint import Endpoint
from app.room.enter import Room


def endpoints(room: Room) -> list[Endpoint]:
    """Those of the service, of operations, jobs and callbacks, and the document of them all."""
    everything = [
        *service.endpoints(room),
        *operations.endpoints(room),
        *jobs.endpoints(room),
        *webhooks.endpoints(room),
    ]
    return [*everything, service.openapi(room, everything)]
