"""Pages for people: operations with their forms, jobs, schedules, RPC, Swagger UI, problems."""

from collections.abc import Callable

from flask import Blueprint, Flask, Response, redirect, url_for
from werkzeug.wrappers import Response as Reply

from app.doors.http import Answer
from app.room.enter import Room

PAGES = (
    ("GET", "/", "start"),
    ("GET", "/console/operations/<name>", "operation"),
    ("POST", "/console/operations/<name>", "call"),
    ("GET", "/jobs", "jobs"),
    ("GET", "/jobs/<id>", "job"),
    ("POST", "/console/jobs/retry", "retry_failed"),
    ("POST", "/console/jobs/<id>/cancel", "cancel"),
    ("POST", "/console/jobs/<id>/retry", "retry"),
    ("POST", "/console/jobs/<id>/signal", "signal"),
    ("GET", "/schedules", "schedules"),
    ("POST", "/console/schedules/pause", "pause_schedule"),
    ("POST", "/console/schedules/resume", "resume_schedule"),
    ("POST", "/console/schedules/run", "run_schedule"),
    ("GET", "/console/sign-in", "sign_in"),
    ("POST", "/console/sign-in", "enter"),
    ("POST", "/console/sign-out", "leave"),
    ("GET", "/pictures", "pictures"),
    ("GET", "/rpc", "methods"),
    ("POST", "/console/rpc", "send"),
    ("GET", "/docs", "docs"),
    ("GET", "/problems", "problems"),
    ("GET", "/problems/<kind>", "problem"),
    ("GET", "/static/<path:name>", "static"),
    ("GET", "/favicon.ico", "favicon"),
    ("GET", "/robots.txt", "robots"),
)
OPEN = ("sign_in", "enter", "leave", "problems", "problem", "static", "favicon", "robots")
FREE = frozenset(f"console.{name}" for name in OPEN)
"""Flask's names of the pages for who shows no key: they tell nothing of what is here."""

ALIASES = {
    "/console": "start",
    "/console/operations": "start",
    "/console/jobs": "jobs",
    "/jobs/": "jobs",
    "/console/schedules": "schedules",
    "/schedules/": "schedules",
    "/console/rpc": "methods",
    "/docs/": "docs",
}


def mount(app: Flask, room: Room) -> None:
    """Nothing is loaded, described or compiled before somebody asks for a page."""
    pages = Blueprint("console", __name__, template_folder="templates")
    for method, path, name in PAGES:
        pages.add_url_rule(path, name, _view(room, name, method), methods=[method])
    for path, name in ALIASES.items():
        pages.add_url_rule(path, f"{name} at {path.replace('.', '')}", _to(name))
    pages.context_processor(lambda: {"has_pictures": "cats.pics" in room.registry})
    app.register_blueprint(pages)


def problem(answer: Answer) -> Response:
    """A problem as a page, for clients that prefer one."""
    from app.doors.console import problems

    return problems.in_preferred_form(answer)


def _view(room: Room, name: str, method: str) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        from app.doors.console.page import check_token
        from app.doors.console.views import VIEWS

        if method == "POST":
            check_token()
        return VIEWS[name](room, **path)

    return view


def _to(name: str) -> Callable[[], Reply]:
    def view() -> Reply:
        return redirect(url_for(f"console.{name}"))

    return view
