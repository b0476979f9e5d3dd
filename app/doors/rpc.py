"""JSON-RPC 2.0: each operation is a method, over one path, singly or in batches; so is what can
be asked of jobs and schedules."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask, Response, request

from app.doors import jsonrpc, methods
from app.doors.doorkeeper import Doorkeeper
from app.doors.flask_forms import asked, response
from app.doors.http import JSON, Answer, Request, check_json, problem_answer
from app.doors.methods import METHODS, Sender
from app.doors.rest.operations import body_of
from app.doors.wishes import NONE, wishes
from app.room.call import Call, Outcome
from app.room.enter import Room
from app.room.errors import Busy, NotARequest, Problem, UnknownOperation
from app.room.strict_json import read_json

CODES: Mapping[str, int] = {
    "malformed": -32700,
    "unauthenticated": -32001,
    "forbidden": -32003,
    "unknown": -32004,
    "conflict": -32009,
    "too_large": -32013,
    "invalid": -32602,
    "refused": -32022,
    "busy": -32029,
    "internal": -32603,
    "unavailable": -32053,
    "timeout": -32054,
    # HTTP's own, answered by HTTP before a message is read: should one come, it is our bug.
    "not_allowed": -32603,
    "not_acceptable": -32603,
    "precondition": -32603,
    "unsupported": -32603,
    "range": -32603,
}
"""What each kind of problem is over JSON-RPC."""

NARROWER: Mapping[type[Problem], int] = {NotARequest: -32600, UnknownOperation: -32601}
"""Kinds that JSON-RPC splits further."""

TITLES = {-32700: "Parse error", -32600: "Invalid Request", -32601: "Method not found",
          -32602: "Invalid params", -32603: "Internal error"}  # fmt: skip
"""The specification's own words for its own codes."""

PATH, ENDPOINT = "/rpc", "rpc"
DISCOVER = "rpc.discover"


def mount(app: Flask, room: Room, keeper: Doorkeeper) -> None:
    def rpc() -> Response:
        message = asked()
        try:
            keeper.admit(request.environ)
        except Problem as problem:
            return response(_turned_away(problem, message))
        return response(answer(room, message))

    app.add_url_rule(PATH, ENDPOINT, rpc, methods=["POST"])


def _turned_away(problem: Problem, message: Request) -> Answer:
    """HTTP's number and headers for what knows only those, and JSON-RPC's words; the message is
    not read, so nobody knows its id."""
    told = problem_answer(problem, message.path)
    headers = [(name, text) for name, text in told.headers if name != "Content-Type"]
    return Answer(told.status, _error(problem, None), [("Content-Type", JSON), *headers])


_NOBODY = Sender()


def answer(room: Room, message: Request) -> Answer:
    """The answer to one POST: 200 with what is to be said, or 204 when all were notifications."""
    try:
        check_json(message)
        wish = wishes(message)
        body = body_of(room, message)
    except Problem as problem:
        return problem_answer(problem, message.path)
    sender = Sender(message.caller, message.request_id, message.prefix, wish)
    said = respond(room, body, sender)
    return Answer(200, said, [("Content-Type", JSON)]) if said else Answer(204)


def respond(room: Room, body: bytes, sender: Sender = _NOBODY) -> bytes:
    """What JSON-RPC answers to a message; nothing, if it only notifies.

    Wishes are for single requests: a batch shares no key, and waits for nothing.
    """
    try:
        message = read_json(body)
        if not isinstance(message, list):
            return _one(room, sender, message)
        jsonrpc.check_batch(message, sender.wishes)
    except Problem as problem:
        return _error(problem, None)
    each = replace(sender, wishes=NONE)
    return jsonrpc.together(message, room.answer_most, partial(_one, room, each))


def _one(room: Room, sender: Sender, message: Any, place: int = 0, is_full: bool = False) -> bytes:
    try:
        jsonrpc.check(message, is_full=is_full)
        if place:  # the first of a batch was counted as it came in
            room.rates.spend(sender.caller.key)
    except Busy as busy:
        return _error(busy, message["id"]) if "id" in message else b""
    except Problem as bad:
        return _error(bad, jsonrpc.known_id(message))
    outcome = (
        _traced(room, message, sender) if room.ports.tracer.on else _outcome(room, message, sender)
    )
    if "id" not in message:
        return b""
    if outcome.problem:
        return _error(outcome.problem, message["id"])
    return jsonrpc.result(outcome.json, message["id"])


def _traced(room: Room, message: Any, sender: Sender) -> Outcome:
    """A span of its own, for a batch has many. https://opentelemetry.io/docs/specs/semconv/rpc/"""
    method = message["method"]
    is_known = method == DISCOVER or method in METHODS or room.registry.known(method) is not None
    name = method if is_known else "_OTHER"  # or anybody could make names without end
    facts = {"rpc.system.name": "jsonrpc", "rpc.method": name}
    with room.ports.tracer.span(name, "server", facts) as span:
        outcome = _outcome(room, message, sender)
        if (problem := outcome.problem) is not None:
            code = NARROWER.get(type(problem)) or CODES[problem.kind]
            span.tell({"rpc.response.status_code": str(code)})
            span.fail(problem.kind)
        return outcome


def _outcome(room: Room, message: Any, sender: Sender) -> Outcome:
    method, params = message["method"], message.get("params", {})
    if method == DISCOVER:
        from app.doors import openrpc  # most processes are never asked

        return Outcome(openrpc.written(room))
    if method in METHODS:
        return methods.ask(room, method, params, sender)
    wish = sender.wishes
    return room.enter(
        Call(
            method,
            params,
            caller=sender.caller,
            source="rpc",
            request_id=sender.request_id,
            key=wish.key,
            asynchronous=wish.asynchronous,
            wait=wish.wait,
            prefix=sender.prefix,
        )
    )


def _error(problem: Problem, id: Any) -> bytes:
    code = NARROWER.get(type(problem)) or CODES[problem.kind]
    return jsonrpc.error(code, TITLES.get(code, problem.title), problem, id=id)
