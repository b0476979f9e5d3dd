"""The same WSGI application, called by nobody's handler: what it costs by itself."""

from io import BytesIO
from typing import Any

from bench.on_lambda.bare_wsgi import app


def handle(event: Any, context: Any) -> Any:
    said: list[str] = []
    pieces = app({"wsgi.input": BytesIO()}, lambda status, headers: said.append(status))
    return {"statusCode": int(said[0][:3]), "body": b"".join(pieces).decode()}
