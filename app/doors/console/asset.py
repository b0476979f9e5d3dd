"""Static files: known by name, addressed by content, compressed once."""

import gzip
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from mimetypes import guess_type
from pathlib import Path

from flask import Response, request, url_for

from app.doors.http import STATUS, etag
from app.room.errors import Precondition, Unknown

HERE = Path(__file__).parent / "static"
SWAGGER_UI = ("swagger-ui-bundle.js", "swagger-ui.css")
YEAR = 31_536_000
SMALL = 1024  # bytes that compressing would not make fewer packets


@dataclass(frozen=True)
class Asset:
    body: bytes
    gzipped: bytes | None
    type: str
    version: str


def asset_url(name: str) -> str:
    """Under the prefix of whoever asks; another content has another address."""
    return url_for("console.static", name=name, v=asset(name).version)


def answer(name: str) -> Response:
    """The file: kept by browsers for good under its version's address, else asked for anew."""
    found = asset(name)
    zipped = found.gzipped if _takes_gzip() else None
    body = found.body if zipped is None else zipped
    reply = Response(body, content_type=found.type)
    reply.set_etag(found.version if zipped is None else f"{found.version}-gzip")
    if request.args.get("v") == found.version:
        reply.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    else:
        reply.headers["Cache-Control"] = "no-cache"
    if found.gzipped is not None:
        reply.vary.add("Accept-Encoding")
    if zipped is not None:
        reply.headers["Content-Encoding"] = "gzip"
    reply.make_conditional(request, accept_ranges=True, complete_length=len(body))
    if reply.status_code == STATUS[Precondition.kind]:  # which would send the file all the same
        raise Precondition
    return reply


def _takes_gzip() -> bool:
    """A range is one of the file's own bytes."""
    return "Range" not in request.headers and request.accept_encodings["gzip"] > 0


@cache
def asset(name: str) -> Asset:
    body = _path(name).read_bytes()
    kind = guess_type(name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "image/svg+xml"
    gzipped = gzip.compress(body, mtime=0) if text and len(body) > SMALL else None
    form = f"{kind}; charset=utf-8" if text else kind
    return Asset(body, gzipped, form, etag(body).strip('"'))


def _path(name: str) -> Path:
    """Only what is listed: a name from outside never becomes a path."""
    folder, _, file = name.rpartition("/")
    if folder == "swagger-ui" and file in SWAGGER_UI:
        return _swagger_ui() / file
    if name in {path.name for path in HERE.iterdir()}:
        return HERE / name
    raise Unknown("There is no such file.")


@cache
def _swagger_ui() -> Path:
    """Where the package keeps the files; it is found without being run."""
    spec = find_spec("flask_swagger_ui")
    if spec is None or spec.origin is None:
        raise Unknown("The package flask-swagger-ui is not installed, so there is no Swagger UI.")
    return Path(spec.origin).parent / "dist"
