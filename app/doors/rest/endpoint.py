"""What the REST door answers: a method, a path, and a function from a request to an answer."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from marshmallow import Schema

from app.doors.http import (
    ANY,
    JSON,
    Answer,
    Request,
    check_accept,
    check_json,
    check_path,
    problem_answer,
)
from app.room.errors import Invalid, Problem, Wrong
from app.room.operation import Operation
from app.room.schema.params import Params
from app.room.schema.plain import pointer
from app.room.schema.text import read_text
from app.room.strict_json import check_text, read_object

Path = Mapping[str, str]  # the path's parameters

NO_IDS = ("batch", "retry")  # of jobs: paths of their own, which take another method


class Endpoint(NamedTuple):
    """No framework knows of it: Flask's views and a platform's events call the same ones."""

    method: str
    rule: str  # as Flask writes it: /v1/operations/<name>
    reply: Callable[[Request, Path], Answer]
    what: str = ""  # by which the documents describe it; nothing is left out of them
    operation: Operation | None = None
    form: str = JSON  # of what is answered when all is well
    open: bool = False  # also to who shows no key
    tell: Callable[[Problem, str], Answer] = problem_answer  # of a problem, at this path

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", self.rule)

    def answer(self, request: Request, path: Path) -> Answer:
        """The answer; a problem on the way is an answer too."""
        try:
            if self.form != ANY:
                check_accept(request, self.form)
            if path:
                check_path(request)
            return self.reply(request, path)
        except Problem as problem:
            return self.tell(problem, request.path)


def refuse_query(request: Request) -> None:
    if not request.query:
        return
    names = request.texts() or {request.query: []}
    raise Invalid(
        "This takes its parameters from the body, not from the query.",
        errors=[Wrong(pointer(name), "Give it in the body.") for name in names],
    )


class _Nothing(Schema):
    pass


NOTHING = Params.of(_Nothing)


def read_texts(params: Params, request: Request, path: Path) -> dict[str, Any]:
    """What the path and the query say, each read as its type."""
    check_text(*path.values())
    texts = request.texts()
    if doubled := texts.keys() & path.keys():
        raise Invalid(errors=[Wrong(pointer(name), "Given in the path.") for name in doubled])
    named = {name: [text] for name, text in path.items()}
    return params.load(read_text(params.schema, texts | named))


def check_empty(request: Request) -> None:
    refuse_query(request)
    if request.body:
        check_json(request)
        NOTHING.load(read_object(request.body))
