"""Callbacks over REST: the secret that they are signed with, and a test of an address."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Literal

from marshmallow import Schema, fields, validate

from app.doors.http import JSON, Answer, Request, check_json
from app.doors.rest.endpoint import Endpoint, Path, refuse_query
from app.room.access import check_scope
from app.room.call import Caller
from app.room.enter import Room
from app.room.schema.field import Duration
from app.room.schema.params import Params
from app.room.signing import OVERLAP, Secrets
from app.room.strict_json import read_object, write_json
from app.room.webhook import trial

WEBHOOKS = "/v1/webhooks"
SECRET = f"{WEBHOOKS}/secret"

Reply = Callable[[Room, Request], Answer]


class _Rotated(Schema):
    overlap = Duration(metadata={"default": OVERLAP}, validate=validate.Range(min=timedelta()))


class _Tested(Schema):
    url = fields.String(required=True)


ROTATED, TESTED = Params.of(_Rotated), Params.of(_Tested)


def endpoints(room: Room) -> Iterator[Endpoint]:
    def told(
        method: Literal["GET", "POST"], rule: str, what: str, reply: Reply, scope: str
    ) -> Endpoint:
        def answer(request: Request, path: Path) -> Answer:
            check_scope(request.caller, scope)
            refuse_query(request)
            return reply(room, request)

        return Endpoint(method, rule, answer, f"webhooks.{what}")

    yield told("GET", SECRET, "secret", _secret, "admin")
    yield told("POST", f"{SECRET}/rotate", "rotate", _rotate, "admin")
    yield told("POST", f"{WEBHOOKS}/test", "test", _test, "run")


def _secret(room: Room, request: Request) -> Answer:
    return _shown(_secrets(room, request.caller).newest())


def _rotate(room: Room, request: Request) -> Answer:
    overlap = timedelta(seconds=OVERLAP)
    if request.body:
        check_json(request)
        overlap = ROTATED.load(read_object(request.body)).get("overlap", overlap)
    return _shown(_secrets(room, request.caller).rotate(overlap.total_seconds()))


def _test(room: Room, request: Request) -> Answer:
    check_json(request)
    url = TESTED.load(read_object(request.body))["url"]
    made = trial(url, room.ports, source="rest", request_id=request.request_id)
    record = room.engine.submit(made, request.caller)
    view = room.view(record, request.prefix)
    headers = [("Content-Type", JSON), ("Location", view["links"]["self"])]
    return Answer(202, write_json(view), headers)


def _secrets(room: Room, caller: Caller) -> Secrets:
    return Secrets(room.ports.records, room.ports.clock, caller.owner)


def _shown(secret: str) -> Answer:
    """Nothing on the way may keep a copy of it."""
    headers = [("Content-Type", JSON), ("Cache-Control", "no-store")]
    return Answer(200, write_json({"secret": secret}), headers)
