"""Pages for people: the operations with a form each, JSON-RPC, Swagger UI, kinds of problems."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, redirect, url_for
from werkzeug.wrappers import Response as Reply

from app.doors.console import asset, methods, operations, problems, swagger_ui
from app.doors.console.problems import problem
from app.room.enter import Room

__all__ = ["mount", "problem"]

ROBOTS = "User-agent: *\nDisallow: /\n"


def mount(app: Flask, room: Room) -> None:
    """Nothing is described, read or compiled before somebody asks for it."""
    pages = Blueprint("console", __name__, template_folder="templates")
    add = pages.add_url_rule

    def on(view: Callable[..., Response]) -> Callable[..., Response]:
        return lambda **path: view(room, **path)

    add("/", "start", on(operations.start))
    add("/console/operations/<name>", "operation", on(operations.show))
    add("/console/operations/<name>", "call", on(operations.call), methods=["POST"])
    add("/rpc", "methods", on(methods.show))
    add("/console/rpc", "send", on(methods.send), methods=["POST"])
    add("/docs", "docs", swagger_ui.show)
    add("/problems", "problems", problems.all_kinds)
    add("/problems/<kind>", "problem", problems.one_kind)
    add("/static/<path:name>", "static", asset.answer)
    add("/favicon.ico", "favicon", lambda: asset.answer("favicon.ico"))
    add("/robots.txt", "robots", lambda: Response(ROBOTS, mimetype="text/plain"))
    for alias, page in (("/docs/", "docs"), ("/console", "start"), ("/console/rpc", "methods")):
        add(alias, f"to {page} from {alias}", _to(page))
    app.register_blueprint(pages)


def _to(page: str) -> Callable[..., Any]:
    def view() -> Reply:
        return redirect(url_for(f"console.{page}"))

    return view
