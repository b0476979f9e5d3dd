"""HTTP without a framework: a request as a call needs it, an answer as every server can send it.

Both the Flask views and a platform's own events speak these two types, so that the same request
gets the same bytes whichever way it came.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, quote

from app.room.call import Caller, Outcome
from app.room.errors import (
    Internal,
    Malformed,
    NotAcceptable,
    NotAllowed,
    Problem,
    TooLarge,
    Unauthenticated,
    Unsupported,
)
from app.room.strict_json import check_text, write_json

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
HTML = "text/html"

STATUS: Mapping[str, int] = {
    "malformed": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "unknown": 404,
    "not_allowed": 405,
    "not_acceptable": 406,
    "conflict": 409,
    "precondition": 412,
    "too_large": 413,
    "unsupported": 415,
    "range": 416,
    "invalid": 422,
    "refused": 422,
    "busy": 429,
    "internal": 500,
    "unavailable": 503,
    "timeout": 504,
}
"""What each kind of problem is over HTTP."""

EVENTS = "text/event-stream"
METRICS = "text/plain"
ANY = "*/*"

REQUEST_ID = "manydoors.request_id"  # in the environ, put there by the edge
ROUTE = "manydoors.route"  # in the environ, put there by what knows it: as Flask writes it
CALLER = "manydoors.caller"  # in the environ, put there by the doorkeeper
KEEPER = "manydoors.keeper"  # there too: what tells the caller of an environ
MOST_DIGITS = 18  # of a Content-Length
RETRY_AFTER = 1  # seconds, where a problem that another try may help names no time

_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)


class Request:
    """Read of a WSGI environ, or of anything that has its names. The body is read when asked for,
    and no further than the cap."""

    __slots__ = ("_body", "headers", "method", "most", "path", "query", "request_id")

    def __init__(self, environ: Mapping[str, Any], most: int) -> None:
        self.headers = environ  # by WSGI's names: HTTP_ACCEPT, CONTENT_TYPE
        self.method: str = environ["REQUEST_METHOD"]
        self.path = decoded(environ.get("PATH_INFO", ""))  # below any prefix
        self.query: str = environ.get("QUERY_STRING", "")
        self.request_id: str = environ.get(REQUEST_ID, "")
        self.most = most
        self._body: bytes | None = None

    @property
    def caller(self) -> Caller:
        """Who was let in; there is none where no key is asked for."""
        caller: Caller = self.headers[CALLER]
        return caller

    def check_still(self) -> None:
        """Of an answer that lasts: raises what the doorkeeper would raise if it were asked now."""
        if keeper := self.headers.get(KEEPER):
            keeper(self.headers)

    @property
    def prefix(self) -> str:
        """What stands before the service's own paths."""
        prefix: str = self.headers.get("SCRIPT_NAME", "")
        return prefix

    @property
    def base(self) -> str:
        """What stands before /v1 in a URL that is whole, as the client called the service."""
        host = self.headers.get("HTTP_HOST", "")
        scheme = self.headers.get("wsgi.url_scheme", "http")
        return f"{scheme}://{host}{self.prefix}" if host else self.prefix

    @property
    def body(self) -> bytes:
        if self._body is None:
            self._body = _read_body(self.headers, self.most)
        return self._body

    def accepts(self, form: str) -> bool:
        """Does the Accept header, if any, take answers of this form?"""
        accept = self.headers.get("HTTP_ACCEPT")
        if not accept or accept == "*/*" or accept == form:
            return True
        return _quality(accept, form) > 0

    def texts(self) -> dict[str, list[str]]:
        """The query's parameters."""
        if not self.query:
            return {}
        try:
            query = self.query.encode("latin-1").decode()  # as WSGI hands bytes over
            texts = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError:
            raise Malformed("The query is not UTF-8, or has too many parameters.") from None
        for name, values in texts.items():
            check_text(name, *values)
        return texts


class Stream(Iterator[bytes], Protocol):
    """A body that is sent as it is made, and closed once, whoever stops first."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    stream: Stream | None = None  # in place of a body


def check_json(request: Request) -> None:
    """Raises `Unsupported` unless the body says that it is JSON in UTF-8, and as it is."""
    headers = request.headers
    if "HTTP_CONTENT_ENCODING" in headers and headers["HTTP_CONTENT_ENCODING"] != "identity":
        raise Unsupported("Send the body as it is: no Content-Encoding is undone here.")
    given = headers.get("CONTENT_TYPE", "")
    if given == JSON or (not given and not request.body):
        return
    form = given.partition(";")[0].strip().lower()
    if form != JSON and not (form.startswith("application/") and form.endswith("+json")):
        raise Unsupported(f"Send the body as {JSON}, with that as its Content-Type.")
    charset = _CHARSET.search(given)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise Unsupported("Send JSON in UTF-8; no other charset is read.")


def check_path(request: Request) -> None:
    """Raises `Malformed` where a router would have put question marks for bytes."""
    try:
        request.headers["PATH_INFO"].encode("latin-1").decode()
    except UnicodeDecodeError:
        raise Malformed("The path is not UTF-8.") from None


def check_accept(request: Request, form: str = JSON) -> None:
    if not request.accepts(form):
        raise NotAcceptable(f"Only {form} can be made; accept that, or */*.")


def json_answer(request: Request, body: bytes, status: int = 200, revision: str = "") -> Answer:
    """A JSON answer; a GET gets an ETag with it, and 304 when it has that already.

    `revision`: of what people asked for in it, by which If-Match knows it; whatever the method.
    """
    headers = [("Content-Type", JSON)]
    is_kept = request.method in ("GET", "HEAD") and status == 200
    if not (is_kept or revision):
        return Answer(status, body, headers)
    tag = etag(body, revision)
    if not is_kept:
        return Answer(status, body, [*headers, ("ETag", tag)])
    headers += [("ETag", tag), ("Cache-Control", "no-cache"), ("Vary", "Accept")]
    if matches(request.headers.get("HTTP_IF_NONE_MATCH"), tag):
        return Answer(304, b"", headers[1:])
    return Answer(status, body, headers)


def outcome_answer(request: Request, outcome: Outcome, honoured: str = "") -> Answer:
    """An outcome: what became a job says where that is, and 202 as long as nothing else is told;
    a result that is too large for an answer is 303 to where it is.

    `honoured`: the preferences that were.
    """
    if outcome.problem:
        answer = problem_answer(outcome.problem, request.path)
    elif outcome.pending:
        answer = Answer(202, outcome.json, [("Content-Type", JSON)])
    elif outcome.elsewhere:
        answer = Answer(303, outcome.json, [("Content-Type", JSON)])
        answer.headers.append(("Location", outcome.elsewhere))
    else:
        answer = json_answer(request, outcome.json)
    if outcome.job is not None and not outcome.elsewhere:
        answer.headers.append(("Location", f"{request.prefix}/v1/jobs/{outcome.job}"))
    if honoured:
        answer.headers.append(("Preference-Applied", honoured))
    return answer


def problem_answer(problem: Problem, path: str) -> Answer:
    """A problem as RFC 9457 says it."""
    status = STATUS[problem.kind]
    document = {
        "type": f"/problems/{problem.kind}",
        "title": problem.title,
        "status": status,
        "detail": problem.detail,
        "instance": quote(path, errors="replace"),
        **problem.members,
    }
    headers = [("Content-Type", PROBLEM_JSON)]
    if isinstance(problem, NotAllowed):
        headers.append(("Allow", ", ".join(problem.allow)))
    if isinstance(problem, Unauthenticated):
        headers.append(("WWW-Authenticate", "Bearer"))
    if problem.retry and not isinstance(problem, Internal):
        headers.append(("Retry-After", f"{retry_after(problem)}"))
    return Answer(status, write_json(document), headers)


def retry_after(problem: Problem) -> int:
    """Whole seconds, none too few."""
    return max(1, math.ceil(round(problem.after or RETRY_AFTER, 3)))


def decoded(path: str) -> str:
    """A path as WSGI hands it over, its bytes as Latin-1, as the text that was meant."""
    return path if path.isascii() else path.encode("latin-1").decode(errors="replace")


def etag(body: bytes, revision: str = "") -> str:
    before = f"{revision}." if revision else ""
    return f'"{before}{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """If-None-Match: any of a list, weak or strong, or a star."""
    if not if_none_match:
        return False
    tags = (given.strip().removeprefix("W/") for given in if_none_match.split(","))
    return any(given in ("*", tag) for given in tags)


def _read_body(environ: Mapping[str, Any], most: int) -> bytes:
    """The whole body, or `TooLarge` before more than `most` bytes of it are read."""
    length = environ.get("CONTENT_LENGTH")
    if length:
        if not (length.isascii() and length.isdigit()):
            raise Malformed("Content-Length is not a number.")
        if len(length) > MOST_DIGITS or int(length) > most:
            raise _too_large(most)
        wanted = int(length)
    elif environ.get("wsgi.input_terminated"):  # a chunked body, already unwrapped by the server
        wanted = most + 1
    else:
        return b""
    try:
        body: bytes = environ["wsgi.input"].read(wanted)
    except Exception:  # noqa: BLE001 - of a body that breaks off, each server has its own errors
        raise Malformed("The body could not be read.") from None
    if length and len(body) < wanted:
        raise Malformed("The body ended early.")
    if len(body) > most:
        raise _too_large(most)
    return body


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"The body is over {most:,} bytes.", limit=most)


def _quality(accept: str, form: str) -> float:
    """What an Accept header thinks of a form: the most specific range that fits decides."""
    kind = form.partition("/")[0]
    fits = {form: 3, f"{kind}/*": 2, "*/*": 1}
    best, quality = 0, 0.0
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        rank = fits.get(media.lower(), 0)
        if rank > best:
            best, quality = rank, _weight(parameters)
    return quality


def _weight(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
