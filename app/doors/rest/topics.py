"""Topics and queues over REST: a message comes, its jobs are told."""

from collections.abc import Iterator

from app.doors.http import JSON, Answer, Request, check_json
from app.doors.rest.endpoint import Endpoint, Path, refuse_query
from app.doors.rest.operations import body_of
from app.doors.topics import KINDS, Messages
from app.doors.wishes import wishes
from app.room.access import check_scope
from app.room.enter import Room
from app.room.strict_json import check_text, read_json, write_json


def endpoints(room: Room) -> Iterator[Endpoint]:
    for kind in KINDS:
        yield _bring(room, kind)


def _bring(room: Room, kind: str) -> Endpoint:
    def reply(request: Request, path: Path) -> Answer:
        check_scope(request.caller, "run")  # whoever may not is not told what is wrong
        refuse_query(request)
        check_text(path["name"])
        check_json(request)
        value = read_json(body_of(room, request))
        messages = Messages(room, request.caller, request.prefix, request.request_id)
        made = messages.bring(kind, path["name"], value, wishes(request).key)
        return Answer(202, write_json(made), [("Content-Type", JSON)])

    return Endpoint("POST", f"/v1/{kind}s/<name>", reply, f"{kind}s.bring")
