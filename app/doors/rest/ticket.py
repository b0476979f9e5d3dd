"""What a request that was too large is offered: a file to put it into."""

from app.doors.files import TYPE, FileDesk
from app.doors.http import JSON, MOST_DIGITS, Request
from app.room.enter import Room
from app.room.errors import Problem, TooLarge

NAME = "body"


def offer(room: Room, request: Request, problem: TooLarge) -> TooLarge:
    """The problem, with an upload ticket in its members, if it is the body that was too large.

    An operation that takes files is then called with the file's id.
    """
    length = request.headers.get("CONTENT_LENGTH") or ""
    if not length.isdigit() or len(length) > MOST_DIGITS or int(length) <= request.most:
        return problem
    form = str(request.headers.get("CONTENT_TYPE", ""))
    type = form if TYPE.fullmatch(form) else JSON
    try:
        ticket = FileDesk(room, request.caller, request.base).create(
            NAME, type=type, size=int(length)
        )
    except Problem:  # it is too large for a file, or over the quota
        return problem
    told = {name: ticket[name] for name in ("id", "upload", "expires")}
    return TooLarge(
        f"{problem.detail} Send what is large as a file: its bytes to the URL in `ticket`, and its "
        "id to an operation that takes a file.",
        **problem.members,
        ticket=told,
    )
