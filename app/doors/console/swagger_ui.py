"""Swagger UI: the REST door's OpenAPI document, to be read and tried out."""

from flask import Response

from app.doors.console.page import page
from app.room.enter import Room

# Swagger UI writes style attributes; its script is a file of ours like any other.
POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


def show(room: Room) -> Response:
    return page("docs", policy=POLICY)
