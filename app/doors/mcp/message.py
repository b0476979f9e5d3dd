"""One POST: the message in it, or the batch, and what is answered."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from app.doors import jsonrpc
from app.doors.http import JSON, STATUS, Answer, Request, check_json, problem_answer
from app.doors.mcp.methods import HANDSHAKE_METHODS, MODERN_METHODS
from app.doors.mcp.progress import Following
from app.doors.mcp.revision import (
    SUPPORTED,
    HeaderMismatch,
    MissingCapability,
    Spoken,
    UnsupportedRevision,
    header_of,
    spoken,
)
from app.doors.mcp.visit import NoSuchMethod, Visit
from app.doors.rest.operations import body_of
from app.doors.streams import Streams
from app.doors.wishes import wishes
from app.room.enter import Room
from app.room.errors import Busy, NotARequest, Problem
from app.room.strict_json import read_json, write_json

NO_SUCH_METHOD = -32601
INTERNAL = -32603

CODES: Mapping[str, int] = {
    **STATUS,
    "malformed": -32700,
    "unknown": -32602,
    "conflict": -32602,
    "invalid": -32602,
    "internal": INTERNAL,
}
"""What each kind of problem is over MCP, where it is none of a tool's. JSON-RPC's own range is not
ours to take codes from, so what it has no word for has HTTP's number."""

NARROWER: Mapping[type[Problem], int] = {
    NotARequest: -32600,
    NoSuchMethod: NO_SUCH_METHOD,
    HeaderMismatch: -32020,
    MissingCapability: -32021,
    UnsupportedRevision: -32022,
}
"""Kinds that MCP splits further."""

OTHERS: Mapping[int, int] = {NO_SUCH_METHOD: 404, INTERNAL: 500}
"""HTTP's number for a code of JSON-RPC or MCP, where it is not 400."""


def answer(room: Room, request: Request, streams: Streams) -> Answer:
    """The answer to one POST: 202 to what only notifies."""
    check_json(request)
    message = read_json(body_of(room, request))
    if isinstance(message, list):
        return _batch(room, request, message)
    try:
        _check(message)
        if "id" not in message:
            return Answer(202)
        visit = Visit(room, request, spoken(request, message), streams)
    except Problem as problem:
        code = _code(problem)
        said = _error(problem, jsonrpc.known_id(message))
        return _json(said, 400 if code < 0 else STATUS[problem.kind])
    try:
        told = _told(visit, message)
    except Problem as problem:
        return _refused(visit.spoken, problem, message["id"])
    if isinstance(told, Following):
        try:
            return told.answer(streams, lambda made: _result(visit, made, message["id"]))
        except Busy:
            told = told.waited()
    return _json(_result(visit, told, message["id"]))


def turned_away(problem: Problem, path: str) -> Answer:
    told = problem_answer(problem, path)
    headers = [(name, text) for name, text in told.headers if name != "Content-Type"]
    return Answer(told.status, _error(problem, None), [("Content-Type", JSON), *headers])


def _batch(room: Room, request: Request, messages: list[Any]) -> Answer:
    """Of a revision that has batches; each message counts, and none is answered by a stream."""
    revision = SUPPORTED.get(header_of(request) or "")
    if revision and not revision.batches:
        raise NotARequest("Send one message at a time: this revision has no batches.")
    jsonrpc.check_batch(messages, wishes(request))
    said = jsonrpc.together(messages, room.answer_most, partial(_one, room, request))
    return _json(said) if said else Answer(202)


def _one(room: Room, request: Request, message: Any, place: int, is_full: bool) -> bytes:
    try:
        _check(message, is_full=is_full)
        if place:  # the first was counted as it came in
            room.rates.spend(request.caller.key)
        if "id" not in message:
            return b""
        visit = Visit(room, request, spoken(request, message), None)
        return _result(visit, _told(visit, message), message["id"])
    except Problem as problem:
        return _error(problem, jsonrpc.known_id(message))


def _check(message: Any, *, is_full: bool = False) -> None:
    jsonrpc.check(message, is_full=is_full)
    if "id" not in message and not message["method"].startswith("notifications/"):
        raise NotARequest("A request has an id.")
    if not isinstance(message.get("id", ""), str | int):
        raise NotARequest('"id" must be a string or an integer.')
    if not isinstance(message.get("params", {}), dict):
        raise NotARequest('"params" must be an object.')


def _told(visit: Visit, message: Mapping[str, Any]) -> Any:
    methods = MODERN_METHODS if visit.revision.modern else HANDSHAKE_METHODS
    method = message["method"]
    if method not in methods:
        raise NoSuchMethod(f"There is no method {method!r} in {visit.revision.name}.")
    return methods[method](visit, message.get("params", {}))


def _result(visit: Visit, told: Mapping[str, Any], id: Any) -> bytes:
    return jsonrpc.result(write_json(visit.dressed(told)), id)


def _refused(spoken: Spoken, problem: Problem, id: Any) -> Answer:
    """Who speaks an older revision takes a status of 404 for the end of a session."""
    code = _code(problem)
    status = OTHERS.get(code, 400) if code < 0 else STATUS[problem.kind]
    return _json(_error(problem, id), status if spoken.revision.modern else 200)


def _code(problem: Problem) -> int:
    return NARROWER.get(type(problem)) or CODES[problem.kind]


def _error(problem: Problem, id: Any) -> bytes:
    """Without an id where none was read: null is none in MCP."""
    known = {} if id is None else {"id": id}
    return jsonrpc.error(_code(problem), problem.detail, problem, **known)


def _json(body: bytes, status: int = 200) -> Answer:
    return Answer(status, body, [("Content-Type", JSON)])
