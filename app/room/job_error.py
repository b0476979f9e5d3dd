"""What a job's record says of an attempt that failed."""

import traceback
from typing import Any

from app.room.errors import Internal, Invalid, Problem, said_by, sayable
from app.room.hush import hushed, hushed_in
from app.room.job import Error
from app.room.journal import Misfit
from app.room.schema.plain import plain
from app.room.strict_json import write_json

TRACEBACK = 8000  # characters, of which the last are the interesting ones
DETAIL = 2000  # characters of why it failed
MEMBERS = 8 * 1024  # encoded bytes of what a problem says beside it


def error_of(error: Exception) -> Error:
    """What a failed attempt says. An unknown error may be mended by another try."""
    if isinstance(error, Misfit):
        return Error("misfit", str(error), final=True)
    if isinstance(error, Problem) and not isinstance(error, Internal):
        final = not error.retry or isinstance(error, Invalid)
        return Error(
            getattr(error, "kind", "internal"),
            hushed(error.detail)[:DETAIL],
            final,
            error.after,
            _traceback(error) if error.traced and not final else "",
            _members(error),
        )
    text = sayable(hushed(f"{type(error).__name__}: {said_by(error)}")[:DETAIL])
    return Error("internal", text, traceback=_traceback(error))


def _members(error: Problem) -> dict[str, Any]:
    """As readers get them, unless JSON cannot say them, or a record cannot hold them."""
    try:
        members: dict[str, Any] = hushed_in(plain(dict(error.members)))
    except (TypeError, ValueError):
        return {}
    return members if len(write_json(members)) <= MEMBERS else {}


def _traceback(error: BaseException) -> str:
    text = sayable(hushed("".join(traceback.format_exception(error))))
    return text if len(text) <= TRACEBACK else f"…{text[-TRACEBACK:]}"
