"""What the REST door answers: a method, a path, and a function from a request to an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from app.doors.http import Answer, Request, check_accept, problem_answer
from app.room.errors import Problem
from app.room.operation import Operation

Path = Mapping[str, str]  # the path's parameters
What = Literal["list", "show", "call", "alive", "ready", ""]


@dataclass(frozen=True)
class Endpoint:
    """No framework knows of it: Flask's views and a platform's events call the same ones."""

    method: str
    rule: str  # as Flask writes it: /v1/operations/<name>
    reply: Callable[[Request, Path], Answer]
    what: What = ""  # by which the documents describe it; nothing is left out of them
    operation: Operation | None = None

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return self.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")

    def answer(self, request: Request, path: Path) -> Answer:
        """The answer; a problem on the way is an answer too."""
        try:
            check_accept(request)
            return self.reply(request, path)
        except Problem as problem:
            return problem_answer(problem, request.path)
