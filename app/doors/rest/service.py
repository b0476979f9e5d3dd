"""What the service says of itself: alive, ready, how much there is, and its two descriptions."""

from collections.abc import Iterator
from functools import cache

from app.doors.http import ANY, METRICS, Answer, Request, json_answer
from app.doors.rest.endpoint import NOTHING, Endpoint, Path, read_texts
from app.room.enter import Room
from app.room.metrics import metrics
from app.room.strict_json import write_json


def endpoints(room: Room) -> Iterator[Endpoint]:
    def alive(request: Request, path: Path) -> Answer:
        return json_answer(request, b'{"status":"ok"}')

    def ready(request: Request, path: Path) -> Answer:
        room.ports.records.ping()
        return json_answer(request, b'{"status":"ready"}')

    def measured(request: Request, path: Path) -> Answer:
        read_texts(NOTHING, request, path)
        text = metrics(room.engine, request.caller)
        return Answer(200, text.encode(), [("Content-Type", f"{METRICS}; version=0.0.4")])

    yield Endpoint("GET", "/metrics", measured, "metrics", form=ANY)
    yield Endpoint("GET", "/healthz", alive, "alive", open=True)
    yield Endpoint("GET", "/readyz", ready, "ready", open=True)


def openapi(room: Room, everything: list[Endpoint]) -> Endpoint:
    """The OpenAPI document of all endpoints; written once, on first use."""

    @cache
    def written() -> bytes:
        from app.doors.rest import document  # most processes are never asked

        return write_json(document.openapi(room.registry, everything))

    def reply(request: Request, path: Path) -> Answer:
        return json_answer(request, written())

    return Endpoint("GET", "/openapi.json", reply)
