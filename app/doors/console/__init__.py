"""Pages."""

from flask import Flask

from app.room.enter import Room


def mount(app: Flask, room: Room) -> None:
    pass
