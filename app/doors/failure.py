"""An error that nobody foresaw: an id for the caller, the traceback for the log."""

import logging

from app.doors.http import Answer, Request, problem_answer
from app.ports import NewId
from app.room.errors import Internal

log = logging.getLogger("manydoors.http")


def failed(error: BaseException, request: Request, new_id: NewId) -> Answer:
    error_id = new_id("err")
    known = {"request_id": request.request_id, "error_id": error_id}
    log.error("a request failed", exc_info=error, extra=known)
    problem = Internal("Something went wrong here; the log has it.", error_id=error_id)
    return problem_answer(problem, request.path)
