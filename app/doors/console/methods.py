"""The JSON-RPC methods as a page: each with a request that is ready to be sent."""

import json
from typing import Any

from flask import Response, request

from app.doors import openrpc, rpc
from app.doors.console.page import page, posted
from app.doors.flask_forms import asked, response
from app.doors.http import HTML, JSON, STATUS, json_answer
from app.doors.methods import Sender
from app.room.enter import Room
from app.room.errors import Malformed, Problem
from app.room.strict_json import read_json

DISCOVER = {
    "name": rpc.DISCOVER,
    "summary": "Describe all methods, as an OpenRPC document.",
    "params": [],
}
SAMPLES: dict[str, Any] = {
    "string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {},
    "date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z", "time-local": "12:00:00",
    "date-time-local": "2026-01-31T12:00:00", "email": "me@example.org",
    "uri": "https://example.org/", "uuid": "00000000-0000-4000-8000-000000000000",
}  # fmt: skip
"""A first value of each type and format, where no example is known."""


def show(room: Room) -> Response:
    """The page, or for who prefers JSON or takes no page the OpenRPC document."""
    accept = request.accept_mimetypes
    if accept and (accept[JSON] > accept[HTML] or not accept[HTML]):
        return response(json_answer(asked(), openrpc.written(room)))
    methods = _methods(room)
    chosen = next((each for each in methods if each["name"] == request.args.get("method")), None)
    method = chosen or methods[0]
    reply = page("rpc", methods=methods, method=method, text=_ready(room, method))
    reply.vary.add("Accept")
    return reply


def send(room: Room) -> Response:
    methods = _methods(room)
    try:
        text = posted().get("request", [""])[0]
    except Problem as problem:
        known: dict[str, Any] = {
            "method": methods[0],
            "text": _ready(room, methods[0]),
            "problem": problem,
        }
        return page("rpc", STATUS[problem.kind], methods=methods, **known)
    sent = asked()
    said = rpc.respond(room, text.encode(), Sender(sent.caller, sent.request_id))
    return page("rpc", methods=methods, method=_named(methods, text), text=text, **_told(said))


def _told(said: bytes) -> dict[str, Any]:
    """An answer to be read by people, and whether all of it went well."""
    if not said:
        return {"answer": "", "well": True}
    answer = json.loads(said)
    answers = answer if isinstance(answer, list) else [answer]
    well = not any("error" in each for each in answers)
    return {"answer": _pretty(answer), "well": well}


def _methods(room: Room) -> list[dict[str, Any]]:
    return [*openrpc.document(room)["methods"], DISCOVER]


def _named(methods: list[dict[str, Any]], text: str) -> dict[str, Any] | None:
    """The method that a request names, if it names one."""
    try:
        message = read_json(text.encode())  # as `respond` reads it: bounded in depth
    except Malformed:
        return None
    name = message.get("method") if isinstance(message, dict) else None
    return next((each for each in methods if each["name"] == name), None)


def _ready(room: Room, method: dict[str, Any]) -> str:
    """A whole request: the operation's example, or what it cannot do without."""
    name = method["name"]
    examples = room.registry.get(name).examples if name in room.registry else ()
    needed = {
        each["name"]: _sample(each["schema"]) for each in method["params"] if each["required"]
    }
    params = dict(examples[0]) if examples else needed
    message = {"jsonrpc": "2.0", "method": name, "params": params, "id": 1}
    return _pretty(message)


def _sample(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _sample(schema["anyOf"][0])
    kind = schema.get("type", "object" if "$ref" in schema else "")
    first: str = kind[0] if isinstance(kind, list) else kind
    return schema.get("minimum", SAMPLES.get(schema.get("format", first), SAMPLES.get(first)))


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
