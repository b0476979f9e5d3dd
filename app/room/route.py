"""An operation's own path: `http="GET /cats/<name>"`, read and checked."""

import re
from dataclasses import dataclass

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODILESS = ("GET", "DELETE")

RESERVED = frozenset(
    "v1 console docs healthz jobs mcp metrics openapi.json pictures problems readyz rpc schedules"
    " static swagger.json favicon.ico robots.txt".split()
)
"""First segments of paths that the service itself answers."""

_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+|<(?:path:)?([A-Za-z_][A-Za-z0-9_]*)>")


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    names: tuple[str, ...]

    @property
    def shape(self) -> str:
        """The path with its parameters' names taken out: what a request could confuse."""
        return re.sub(r"<(path:)?\w+>", r"<\1>", self.path)

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it: `/cats/{name}`."""
        return re.sub(r"<(?:path:)?(\w+)>", r"{\1}", self.path)

    @property
    def has_body(self) -> bool:
        return self.method not in BODILESS


def read_route(text: str) -> Route:
    """`"METHOD /path/<param>"` as a Route; ValueError says what is wrong with it."""
    method, _, path = str(text).partition(" ")
    if method not in METHODS or not path.startswith("/"):
        raise ValueError(f"http={text!r}: write 'GET /cats/<name>'; methods: {', '.join(METHODS)}")
    names: list[str] = []
    for segment in path[1:].split("/"):
        if not (match := _SEGMENT.fullmatch(segment)) or segment in (".", ".."):
            raise ValueError(
                f"http={text!r}: {segment!r} is no path segment; use letters, digits and . _ ~ -, "
                "or <name> of a parameter (its type comes from the schema)"
            )
        if match[1]:
            names.append(match[1])
    if len(set(names)) != len(names):
        raise ValueError(f"http={text!r}: one parameter stands in the path twice")
    if path.split("/")[1] in RESERVED:
        raise ValueError(f"http={text!r}: /{path.split('/')[1]} is the service's own path")
    if path.startswith("/<"):
        raise ValueError(f"http={text!r}: begin with a fixed segment, or it shadows every page")
    return Route(method, path, tuple(names))
