"""Keys over REST: made, listed, rotated, revoked; for admins alone."""

from collections.abc import Callable, Iterator
from functools import partial

from app.doors.http import JSON, Answer, Request, check_json, json_answer
from app.doors.keys import LISTED, NEW, REVOKED, ROTATED
from app.doors.rest.endpoint import Endpoint, Path, refuse_query
from app.room.access import check_scope
from app.room.enter import Room
from app.room.key import OVERLAP
from app.room.keyring import Keyring
from app.room.parting import revoke
from app.room.schema.text import read_text
from app.room.strict_json import check_text, read_object, write_json

KEYS = "/v1/keys"
EACH = f"{KEYS}/<id>"

Reply = Callable[[Keyring, Request, Path], Answer]


def endpoints(room: Room) -> Iterator[Endpoint]:
    def told(method: str, rule: str, what: str, reply: Reply) -> Endpoint:
        def answer(request: Request, path: Path) -> Answer:
            check_scope(request.caller, "admin")  # before anything is read of what others send
            check_text(*path.values())
            return reply(Keyring(room.ports, room.access, request.caller), request, path)

        return Endpoint(method, rule, answer, f"keys.{what}")

    yield told("GET", KEYS, "list", _list)
    yield told("POST", KEYS, "create", _create)
    yield told("DELETE", EACH, "revoke", partial(_revoke, room))
    yield told("POST", f"{EACH}/rotate", "rotate", _rotate)


def _list(keys: Keyring, request: Request, path: Path) -> Answer:
    page = LISTED.load(read_text(LISTED.schema, request.texts()))
    return json_answer(request, write_json(keys.list(**page)))


def _create(keys: Keyring, request: Request, path: Path) -> Answer:
    refuse_query(request)
    check_json(request)
    given = NEW.load(read_object(request.body))
    expires = given.pop("expires_at", None)
    made = keys.create(**given, expires=expires.timestamp() if expires else None)
    return _shown_once(201, made)


def _rotate(keys: Keyring, request: Request, path: Path) -> Answer:
    refuse_query(request)
    overlap = OVERLAP
    if request.body:
        check_json(request)
        given = ROTATED.load(read_object(request.body))
        overlap = given["overlap"].total_seconds() if "overlap" in given else OVERLAP
    return _shown_once(200, keys.rotate(path["id"], overlap))


def _revoke(room: Room, keys: Keyring, request: Request, path: Path) -> Answer:
    asked = REVOKED.load(read_text(REVOKED.schema, request.texts()))
    stays = revoke(keys, room.calendar, path["id"], disable=asked["schedules"] == "disable")
    if stays is None:
        return Answer(204)
    return json_answer(request, write_json(stays.told()))


def _shown_once(status: int, made: object) -> Answer:
    """Nothing on the way may keep a copy of a key."""
    return Answer(status, write_json(made), [("Content-Type", JSON), ("Cache-Control", "no-store")])
