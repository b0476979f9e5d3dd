"""Signing in with a key, and out again."""

from typing import Any

from flask import Response, request, url_for

from app.doors.console.page import check_token, page, posted, seen_at
from app.doors.doorkeeper import COOKIE, VISIT
from app.doors.http import STATUS
from app.doors.sender import SAFE
from app.room.enter import Room
from app.room.errors import Unauthenticated
from app.room.session import LASTS


def show(room: Room) -> Response:
    return page("sign_in", next="", wrong="")


def asked_for(detail: str) -> Response:
    """In the place of a page that needs a key; it comes once somebody has signed in."""
    here = f"{request.script_root}{request.full_path}".rstrip("?")
    wrong = detail if COOKIE in request.cookies else ""
    next = here if request.method in SAFE else ""
    return page("sign_in", STATUS["unauthenticated"], next=next, wrong=wrong)


def enter(room: Room) -> Response:
    """Begins a visit, and leads to the page that was wanted."""
    given = posted()
    key, next = given.get("key", [""])[0].strip(), given.get("next", [""])[0]
    try:
        visit = room.access.sign_in(key)
    except Unauthenticated as problem:
        return page("sign_in", STATUS["unauthenticated"], next=next, wrong=problem.detail)
    reply = seen_at(next if _is_ours(next) else url_for("console.start"))
    reply.set_cookie(COOKIE, visit, max_age=int(LASTS), **_limits())
    return reply


def leave(room: Room) -> Response:
    """Ends it. The browser forgets, and so does the service."""
    if visit := request.cookies.get(COOKIE):
        request.environ[VISIT] = visit
        check_token()
        room.access.sign_out(visit)
    reply = seen_at(url_for("console.sign_in"))
    reply.delete_cookie(COOKIE, **_limits())
    return reply


def _limits() -> dict[str, Any]:
    """No script reads it, no other site sends it with a form."""
    return {
        "path": request.script_root or "/",
        "secure": request.is_secure,
        "httponly": True,
        "samesite": "Lax",
    }


def _is_ours(next: str) -> bool:
    """A path of this service, and no way to another: browsers take //host and /\\host for one."""
    inside = next.startswith(f"{request.script_root}/") and next.isprintable()
    return inside and not next.startswith("//") and "\\" not in next
