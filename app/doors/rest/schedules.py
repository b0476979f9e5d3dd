"""Schedules over REST: made, changed, listed, told of, run, deleted."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from marshmallow import Schema, fields

from app.doors.http import JSON, Answer, Request, check_json, json_answer
from app.doors.rest.endpoint import (
    Endpoint,
    Path,
    check_empty,
    read_texts,
)
from app.doors.schedules import GET, LIST, PUT, Schedules
from app.doors.wishes import wishes
from app.ports import Record
from app.room.calendar import Expected, has_revision, whatever
from app.room.enter import Room
from app.room.errors import Invalid, Wrong
from app.room.schedule import Plan, revision
from app.room.schema.params import Params
from app.room.strict_json import check_text, read_object, write_json

SCHEDULES = "/v1/schedules"
EACH = f"{SCHEDULES}/<name>"
ELSEWHERE = {"name": "Give it in the path.", "preview": "Give it in the query."}

Reply = Callable[[Schedules, Request, Path], Answer]


class _Preview(Schema):
    preview = fields.Boolean(load_default=False)


PREVIEW = Params.of(_Preview)


def endpoints(room: Room) -> Iterator[Endpoint]:
    def told(
        method: Literal["GET", "PUT", "POST", "DELETE"], rule: str, what: str, reply: Reply
    ) -> Endpoint:
        def answer(request: Request, path: Path) -> Answer:
            caller, prefix = request.caller, request.prefix
            return reply(Schedules(room, caller, prefix, "rest", request.request_id), request, path)

        return Endpoint(method, rule, answer, f"schedules.{what}")

    yield told("GET", SCHEDULES, "list", _list)
    yield told("GET", EACH, "get", _get)
    yield told("PUT", EACH, "put", _put)
    yield told("DELETE", EACH, "delete", _delete)
    yield told("POST", f"{EACH}/run", "run", _run)


def _list(schedules: Schedules, request: Request, path: Path) -> Answer:
    return json_answer(request, write_json(schedules.list(**read_texts(LIST, request, path))))


def _get(schedules: Schedules, request: Request, path: Path) -> Answer:
    name = read_texts(GET, request, path)["name"]
    found = schedules.calendar.get(name, schedules.caller)
    return _shown(schedules, request, found)


def _put(schedules: Schedules, request: Request, path: Path) -> Answer:
    preview = read_texts(PREVIEW, request, {})["preview"]
    check_json(request)
    given = _read_plan(request, path)
    name, plan, expected = given.pop("name"), Plan(**given), _expected(request)
    if preview:
        return _shown(schedules, request, schedules.planned(name, plan, expected))
    caller = schedules.caller
    made, is_new = schedules.calendar.put(name, plan, caller, schedules.source, expected)
    return _shown(schedules, request, made, 201 if is_new else 200)


def _delete(schedules: Schedules, request: Request, path: Path) -> Answer:
    check_text(*path.values())
    check_empty(request)
    schedules.calendar.delete(path["name"], schedules.caller, _expected(request))
    return Answer(204)


def _run(schedules: Schedules, request: Request, path: Path) -> Answer:
    check_text(*path.values())
    check_empty(request)
    made = schedules.room.view(schedules.ran(path["name"], wishes(request).key), schedules.prefix)
    headers = [("Content-Type", JSON), ("Location", made["links"]["self"])]
    return Answer(202, write_json(made), headers)


def _shown(schedules: Schedules, request: Request, record: Record, status: int = 200) -> Answer:
    body = write_json(schedules.view(record))
    return json_answer(request, body, status, revision(record))


def _read_plan(request: Request, path: Path) -> dict[str, Any]:
    check_text(*path.values())
    given = read_object(request.body)
    if stray := ELSEWHERE.keys() & given.keys():
        raise Invalid(errors=[Wrong(f"/{name}", ELSEWHERE[name]) for name in sorted(stray)])
    loaded = PUT.load({**given, **path})
    del loaded["preview"]
    return loaded | {"params": loaded["params"] or {}}


def _expected(request: Request) -> Expected:
    """What If-Match and If-None-Match expect to be there. A tag is known by its revision: that a
    schedule came due since is no change."""
    if_match = request.headers.get("HTTP_IF_MATCH")
    if request.headers.get("HTTP_IF_NONE_MATCH") == "*":
        return lambda found: found is None
    if if_match is None:
        return whatever
    if if_match.strip() == "*":
        return lambda found: found is not None
    tags = [tag.strip() for tag in if_match.split(",")]
    return has_revision(*(tag[1:].partition(".")[0] for tag in tags if tag.startswith('"')))
