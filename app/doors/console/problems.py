"""What each kind of problem means and what to do about it: a problem's `type` leads here."""

import logging
from dataclasses import dataclass
from functools import cache

from flask import Response
from flask.globals import request_ctx

from app.doors.console import sign_in
from app.doors.console.page import page, wants_page
from app.doors.flask_forms import response
from app.doors.http import STATUS, Answer
from app.doors.rpc import CODES, NARROWER
from app.room import errors
from app.room.enter import Room
from app.room.errors import Problem, Unknown
from app.room.strict_json import read_json

log = logging.getLogger("manydoors.http")

HTTP_ONLY = frozenset(("not_allowed", "not_acceptable", "precondition", "unsupported", "range"))
"""What HTTP itself answers, before a message is read."""

ADVICE = {
    "malformed": "The body is not JSON, not an object, or not UTF-8. The detail says where the "
    "reader stopped. Mend the request and send it again.",
    "unauthenticated": "No key came with the request, or one that is not known or has expired. "
    "Send it as the header Authorization: Bearer, followed by the key.",
    "forbidden": "The key is known but lacks the scope that this needs, or a form was sent by "
    "another site. Ask for a key with that scope, or send the form from the page itself.",
    "unknown": "There is no operation, job, file, schedule or page of that name, or it belongs to "
    "somebody else. Look at the list of operations for the name.",
    "conflict": "The state of the thing forbids what was asked, as when a finished job is to be "
    "cancelled. Read it again and decide anew.",
    "not_allowed": "The path exists, but not for this method. The header Allow names those that "
    "it takes.",
    "not_acceptable": "The Accept header leaves no form that can be made. Accept "
    "application/json, or everything.",
    "precondition": "If-Match names a version that is no longer the latest. Read the thing again, "
    "apply your change to what you find, and send it with the new ETag.",
    "too_large": "The body, a batch or a message is over a limit, which the problem names. Send "
    "less at once, or send the bytes as a file.",
    "unsupported": "The body is not of a form that can be read here, or does not say what it is. "
    "Send JSON in UTF-8 with Content-Type: application/json.",
    "range": "The header Range asks for bytes past the end. Ask without it, or for a part that "
    "is there.",
    "invalid": "The request was understood, but its values do not fit the operation's schema. The "
    "member errors names every wrong field by JSON pointer, with what is wrong.",
    "refused": "The operation itself said no, and its detail says why. Sending the same again "
    "will be refused again.",
    "busy": "A limit on calls or on waiting jobs is reached. Wait for as many seconds as "
    "Retry-After says, and try again.",
    "internal": "A bug, ours or the operation's. Nothing of it is shown; the member error_id "
    "finds it in the log. Another try may help; if not, tell whoever runs the service that id.",
    "unavailable": "The store cannot be reached or is full, or the operation asked for another "
    "try later. Wait for as many seconds as Retry-After says, and try again.",
    "timeout": "The call did not end within its operation's time. Try again with less to do, or "
    "have the operation declared long=True, so that it runs as a job.",
}


@dataclass(frozen=True)
class Kind:
    name: str
    title: str
    status: int
    codes: tuple[int, ...]
    retry: bool
    advice: str


def all_kinds(room: Room) -> Response:
    return page("problems", kinds=sorted(kinds().values(), key=lambda kind: kind.status))


def one_kind(room: Room, kind: str) -> Response:
    found = kinds().get(kind)
    if found is None:
        raise Unknown("There is no such kind of problem.")
    return page("problem", kind=found)


def in_preferred_form(answer: Answer) -> Response:
    """The page that says what a problem's JSON says, or that JSON for who prefers it."""
    # Of a Host that is none no URL can be made, and pages are full of them.
    if not wants_page() or request_ctx.url_adapter is None:
        return response(answer)
    try:
        return _failure(answer)
    except Exception:  # the page about a failure must not be one
        log.exception("the page of a problem failed")
        return response(answer)


def _failure(answer: Answer) -> Response:
    said = read_json(answer.body)
    if answer.status == STATUS["unauthenticated"]:
        reply = sign_in.asked_for(said["detail"])
    else:
        reply = page("failure", answer.status, said=said, kind=said["type"].rpartition("/")[2])
    for name, value in answer.headers:
        if name != "Content-Type":
            reply.headers[name] = value
    reply.vary.add("Accept")
    return reply


@cache
def kinds() -> dict[str, Kind]:
    return {kind: _kind(of) for kind, of in errors.kinds().items()}


def _kind(of: type[Problem]) -> Kind:
    narrower = [code for cls, code in NARROWER.items() if issubclass(cls, of)]
    codes = () if of.kind in HTTP_ONLY else tuple(dict.fromkeys([CODES[of.kind], *narrower]))
    return Kind(of.kind, of.title, STATUS[of.kind], codes, of.retry, ADVICE[of.kind])
