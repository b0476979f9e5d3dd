"""The Flask application: `create_app(room)`, and `app`, made of the environment on first use."""

import os
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import logs, wiring
from app.config import Settings
from app.doors import console, flask_forms, rpc
from app.doors.doorkeeper import Doorkeeper
from app.doors.edge import Edge
from app.doors.endpoints import endpoints
from app.doors.guests import admitting
from app.doors.places import Places, Seated
from app.doors.rest import restx
from app.doors.rest.endpoint import Endpoint
from app.doors.rest.straight import Straight
from app.doors.traced import traced
from app.room.enter import Room


def create_app(room: Room, settings: Settings | None = None) -> Flask:
    """All doors where somebody waits, on one room. Reads no environment."""
    settings = settings or Settings()
    everything = endpoints(room)
    may_be_open = settings.open == "loopback" and not settings.platform
    places = Places(settings.share)
    keeper = Doorkeeper(room, hosts=settings.hosts, open=may_be_open, take_place=places.take)
    app = create_inner(room, settings, everything, keeper)
    new_id = room.ports.new_id
    wsgi: Any = Straight(app.wsgi_app, lambda: everything, new_id, keeper, settings.max_body)
    wsgi = admitting(wsgi, settings.origins, lambda: everything)
    wsgi = traced(wsgi, room.ports.tracer)
    if hops := settings.trusted_proxies:
        wsgi = ProxyFix(wsgi, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
    access = logs.access_log(settings.log, settings.log_level)
    app.extensions |= {"closing": room.closing, "places": places}  # `server` sets them
    app.wsgi_app = Edge(Seated(wsgi, places), access)  # type: ignore[method-assign]  # the way Flask documents
    return app


def create_inner(
    room: Room, settings: Settings, everything: list[Endpoint], keeper: Doorkeeper
) -> Flask:
    """What Flask answers, without the layers around it."""
    app = Flask("app.doors", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.url_map.merge_slashes = False  # an unknown path is unknown, and no page sends elsewhere
    flask_forms.answer_errors(app, room.ports.new_id, console.problem)
    free = {*restx.free(everything), *console.FREE, rpc.ENDPOINT}
    flask_forms.admit(app, keeper, free)
    restx.mount(app, room, everything)
    rpc.mount(app, room, keeper)
    console.mount(app, room)
    return app


def __getattr__(name: str) -> Any:
    """`app`: nothing is read and nothing opened before a server asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = Settings.read(os.environ)
    logs.set_up(settings.log, settings.log_level)
    globals()["app"] = made = create_app(wiring.make_room(settings), settings)
    return made
