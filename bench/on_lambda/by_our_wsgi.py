"""The same WSGI application behind our own handler: without our own application."""

import os
from typing import Any

import handlers
from app import wiring
from app.config import Settings
from bench.on_lambda.bare_wsgi import app
from handlers.door import House, recognised
from handlers.http import Front

settings = Settings.read(os.environ)
room = wiring.make_room(settings)
front = Front(room, settings)
front._wsgi = app
house = House(room, front)


def handle(event: Any, context: Any) -> Any:
    return house.answer(*recognised(handlers.DOORS, event), context)
