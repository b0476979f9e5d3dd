"""Operations over REST: the list, one's description, and calls by the generic and the own path."""

import re
from collections.abc import Iterator
from typing import Any

from app.doors.http import (
    Answer,
    Request,
    check_json,
    json_answer,
    outcome_answer,
)
from app.doors.rest.endpoint import Endpoint, Path, refuse_query
from app.doors.wishes import wishes
from app.room.call import Call
from app.room.enter import Room
from app.room.errors import Invalid, TooLarge, Wrong
from app.room.operation import Operation
from app.room.route import Route
from app.room.schema.plain import pointer
from app.room.strict_json import read_object, write_json

OPERATIONS = "/v1/operations"
EACH = f"{OPERATIONS}/"
GENERIC = f"{EACH}<name>"
LONGEST_PAGE = 200
PAGE = 50


def endpoints(room: Room) -> Iterator[Endpoint]:
    """Each operation's own and generic ones, then those of them all."""
    for operation in room.registry:
        if operation.route:
            yield _own(room, operation, operation.route)
        yield from _generic(room, operation)
    yield _list(room)
    yield from _any(room)


def _list(room: Room) -> Endpoint:
    def reply(request: Request, path: Path) -> Answer:
        limit, cursor = _page(request)
        everything = sorted(room.registry, key=lambda operation: operation.name)
        names = [operation for operation in everything if operation.name > cursor]
        shown, rest = names[:limit], names[limit:]
        items = [_described(operation) for operation in shown]
        following = shown[-1].name if rest else None
        return json_answer(request, write_json({"items": items, "next": following}))

    return Endpoint("GET", OPERATIONS, reply, "list")


def _any(room: Room) -> Iterator[Endpoint]:
    """What a name without an operation gets; the document has each operation's own instead."""

    def show(request: Request, path: Path) -> Answer:
        return _show(request, room.registry.get(path["name"]))

    def call(request: Request, path: Path) -> Answer:
        return _enter(room, path["name"], request, {})

    yield Endpoint("GET", GENERIC, show)
    yield Endpoint("POST", GENERIC, call)


def _generic(room: Room, operation: Operation) -> Iterator[Endpoint]:
    rule = EACH + operation.name

    def show(request: Request, path: Path) -> Answer:
        return _show(request, operation)

    def call(request: Request, path: Path) -> Answer:
        return _enter(room, operation.name, request, {})

    yield Endpoint("GET", rule, show, "show", operation)
    yield Endpoint("POST", rule, call, "call", operation)


def _own(room: Room, operation: Operation, route: Route) -> Endpoint:
    def call(request: Request, path: Path) -> Answer:
        return _enter(room, operation.name, request, path)

    return Endpoint(route.method, route.path, call, "call", operation)


def _show(request: Request, operation: Operation) -> Answer:
    return json_answer(request, write_json(_described(operation)))


def _described(operation: Operation) -> dict[str, Any]:
    from app.doors.rest import document  # most processes are never asked

    return document.described(operation)


def _enter(room: Room, name: str, request: Request, path: Path) -> Answer:
    texts = {parameter: [text] for parameter, text in path.items()} if path else {}
    params: dict[str, Any] = {}
    if request.method in ("GET", "HEAD", "DELETE"):
        texts |= _rest(request, path)
    else:
        refuse_query(request)
        check_json(request)
        params = read_object(body_of(room, request))
    wish = wishes(request)
    outcome = room.enter(
        Call(
            operation=name,
            params=params,
            texts=texts,
            caller=request.caller,
            source="rest",
            request_id=request.request_id,
            key=wish.key,
            asynchronous=wish.asynchronous,
            wait=wish.wait,
            prefix=request.prefix,
        )
    )
    return outcome_answer(request, outcome, wish.honoured(outcome, room.answer_within))


def body_of(room: Room, request: Request) -> bytes:
    """One that is too large is offered a file."""
    try:
        return request.body
    except TooLarge as problem:
        from app.doors.rest.ticket import offer

        raise offer(room, request, problem) from None


def _rest(request: Request, path: Path) -> dict[str, list[str]]:
    """The parameters of the query, which repeats none of the path's."""
    texts = request.texts()
    if doubled := texts.keys() & path.keys():
        errors = [Wrong(pointer(name), "Already given in the path.") for name in sorted(doubled)]
        raise Invalid("A parameter is given twice: in the path and in the query.", errors=errors)
    return texts


def _page(request: Request) -> tuple[int, str]:
    texts = request.texts()
    if stray := texts.keys() - {"limit", "cursor"}:
        raise Invalid(errors=[Wrong(pointer(name), "Unknown field.") for name in sorted(stray)])
    if doubled := [name for name, values in texts.items() if len(values) > 1]:
        raise Invalid(errors=[Wrong(f"/{name}", "Given twice.") for name in sorted(doubled)])
    limit = texts.get("limit", [str(PAGE)])[0]
    if not re.fullmatch(r"[1-9]\d{0,2}", limit, re.ASCII) or int(limit) > LONGEST_PAGE:
        raise Invalid(errors=[Wrong("/limit", f"Must be from 1 to {LONGEST_PAGE}.")])
    return int(limit), texts.get("cursor", [""])[0]
