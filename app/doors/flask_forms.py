"""Between Flask and the doors: its request as ours, our answer as its response, its errors too."""

from collections.abc import Callable, Collection

from flask import Flask, Response, current_app, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect

from app.doors.doorkeeper import Doorkeeper
from app.doors.failure import failed
from app.doors.http import ROUTE, STATUS, Answer, Request, problem_answer
from app.ports import NewId
from app.room.errors import Malformed, NotAllowed, Problem, Unknown


def asked() -> Request:
    """The request that Flask is answering."""
    return Request(request.environ, current_app.config["MAX_CONTENT_LENGTH"])


def response(answer: Answer) -> Response:
    made = Response(answer.stream or answer.body, answer.status, answer.headers)
    if not any(name == "Content-Type" for name, _ in answer.headers):
        del made.headers["Content-Type"]  # Flask names a type of nothing, too
    return made


def admit(app: Flask, keeper: Doorkeeper, free: Collection[str]) -> None:
    """Before anything else is asked of a request, who sends it; not at the endpoints that are free
    to all. What is nowhere is told only to who may come in, and so is what a path does not take,
    unless all of that path is free."""

    def come_in() -> None:
        if request.url_rule is not None:
            request.environ[ROUTE] = request.url_rule.rule
        is_free = all(endpoint in free for endpoint in _meant())
        (keeper.check_sender if is_free else keeper.admit)(request.environ)

    app.before_request(come_in)


def _meant() -> set[str | None]:
    """The endpoint; all that stand at the path, where none takes the method."""
    error, adapter = request.routing_exception, request_ctx.url_adapter
    if not isinstance(error, MethodNotAllowed) or adapter is None:
        return {request.endpoint}
    return {str(adapter.match(method=method)[0]) for method in error.valid_methods or ()}


def answer_errors(app: Flask, new_id: NewId, show: Callable[[Answer], Response] = response) -> None:
    """Whatever a view raises, and whatever Flask itself refuses, leaves as a problem.

    `show` gives it the form that the client prefers.
    """

    def on_error(error: Exception) -> Response | HTTPException:
        if isinstance(error, RequestRedirect):
            return error
        problem = _problem(error)
        if problem is None:
            return show(failed(error, asked(), new_id))
        return show(problem_answer(problem, asked().path))

    app.register_error_handler(Exception, on_error)


def _problem(error: Exception) -> Problem | None:
    """What an error says of the request; None when it says something of us."""
    if isinstance(error, Problem):
        return error
    if not isinstance(error, HTTPException) or error.code is None or error.code >= 500:
        return None
    if error.code == STATUS["not_allowed"]:
        allow = getattr(error, "valid_methods", None) or ()
        return NotAllowed(f"Use {', '.join(sorted(allow))}.", allow=allow)
    if error.code == STATUS["unknown"]:
        return Unknown("There is nothing at this path.")
    for kind in Problem.__subclasses__():
        if STATUS.get(getattr(kind, "kind", "")) == error.code:  # a user's class may have none
            return kind()
    return Malformed(f"{error.name}.")
