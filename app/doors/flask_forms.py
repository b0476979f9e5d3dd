"""Between Flask and the doors: its request as ours, our answer as its response, its errors too."""

import logging
from collections.abc import Callable

from flask import Flask, Request as FlaskRequest, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app.doors.http import STATUS, Answer, Request, problem_answer, read_body
from app.room.errors import Internal, Malformed, NotAllowed, Problem, Unknown

log = logging.getLogger("manydoors.http")

REQUEST_ID = "manydoors.request_id"  # in the environ, put there by the edge
WITH_BODY = ("POST", "PUT", "PATCH")


def asked(flask: FlaskRequest) -> Request:
    """The request, its body read whole and no further than the cap."""
    environ = flask.environ
    method = environ["REQUEST_METHOD"]
    most = flask.max_content_length
    return Request(
        method=method,
        path=environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
        query=environ.get("QUERY_STRING", ""),
        headers=environ,
        body=read_body(environ, most or 0) if method in WITH_BODY else b"",
        request_id=environ.get(REQUEST_ID, ""),
    )


def response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers)


def answer_errors(app: Flask, new_id: Callable[[str], str]) -> None:
    """Whatever a view raises, and whatever Flask itself refuses, leaves as a problem."""

    def on_error(error: Exception) -> Response | HTTPException:
        if isinstance(error, RequestRedirect):
            return error
        problem = _problem(error)
        if isinstance(problem, Internal):
            problem = Internal("Something went wrong here.", error_id=new_id("err"))
            log.error(
                "a request failed",
                exc_info=error,
                extra={
                    "request_id": request.environ.get(REQUEST_ID, ""),
                    "error_id": problem.members["error_id"],
                },
            )
        return response(problem_answer(problem, request.path))

    app.register_error_handler(Exception, on_error)


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if not isinstance(error, HTTPException):
        return Internal()
    if error.code == STATUS["unknown"]:
        return Unknown("There is nothing at this path.")
    if error.code == STATUS["not_allowed"]:
        allow = getattr(error, "valid_methods", None) or ()
        return NotAllowed(f"Use {', '.join(sorted(allow))}.", allow=allow)
    for kind in _kinds():
        if STATUS[kind.kind] == error.code and not issubclass(kind, Unknown | NotAllowed):
            return kind()
    return Malformed() if 400 <= (error.code or 500) < 500 else Internal()


def _kinds() -> list[type[Problem]]:
    return [Malformed, *(kind for kind in Problem.__subclasses__() if kind is not Malformed)]
