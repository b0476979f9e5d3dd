"""Files over REST: asked for, listed, told of, sent on to, deleted."""

from collections.abc import Callable, Iterator

from app.doors.files import CREATE, LIST, FileDesk
from app.doors.http import ANY, JSON, Answer, Request, check_json, json_answer
from app.doors.rest.content import download, offset, upload
from app.doors.rest.endpoint import Endpoint, Path, refuse_query
from app.room.enter import Room
from app.room.errors import Invalid, Unknown, Wrong
from app.room.files import is_file_id
from app.room.schema.plain import pointer
from app.room.schema.text import read_text
from app.room.strict_json import read_object, write_json

FILES = "/v1/files"
EACH = f"{FILES}/<id>"

Reply = Callable[[FileDesk, Request, Path], Answer]


def endpoints(room: Room) -> Iterator[Endpoint]:
    def told(method: str, rule: str, what: str, reply: Reply) -> Endpoint:
        def answer(request: Request, path: Path) -> Answer:
            return reply(FileDesk(room, request.caller, request.base), request, path)

        return Endpoint(method, rule, answer, f"files.{what}")

    def put(request: Request, path: Path) -> Answer:
        return upload(room, request, path["id"])

    def get(request: Request, path: Path) -> Answer:
        signed = request.texts().get("method")
        told = offset if request.method == "HEAD" and signed == ["PUT"] else download
        return told(room, request, path["id"])

    yield told("POST", FILES, "create", _create)
    yield told("GET", FILES, "list", _list)
    yield told("GET", EACH, "get", _get)
    yield told("DELETE", EACH, "delete", _delete)
    yield told("GET", f"{EACH}/content", "content", _content)
    # Signed URLs lead here, where the store of files has none of its own. The signature is the key.
    yield Endpoint("PUT", f"{EACH}/bytes", put, "files.upload", open=True)
    yield Endpoint("GET", f"{EACH}/bytes", get, "files.download", form=ANY, open=True)


def _create(desk: FileDesk, request: Request, path: Path) -> Answer:
    refuse_query(request)
    check_json(request)
    made = desk.create(**CREATE.load(read_object(request.body)))
    headers = [("Content-Type", JSON), ("Location", made["links"]["self"])]
    return Answer(201, write_json(made), [*headers, ("Cache-Control", "no-store")])


def _list(desk: FileDesk, request: Request, path: Path) -> Answer:
    given = LIST.load(read_text(LIST.schema, request.texts()))
    return json_answer(request, write_json(desk.list(**given)))


def _get(desk: FileDesk, request: Request, path: Path) -> Answer:
    return json_answer(request, write_json(desk.get(_id(request, path))))


def _delete(desk: FileDesk, request: Request, path: Path) -> Answer:
    desk.delete(_id(request, path))
    return Answer(204)


def _content(desk: FileDesk, request: Request, path: Path) -> Answer:
    url = desk.content(_id(request, path))
    return Answer(303, b"", [("Location", url), ("Cache-Control", "no-store")])


def _id(request: Request, path: Path) -> str:
    if stray := request.texts():
        raise Invalid(errors=[Wrong(pointer(name), "Unknown field.") for name in sorted(stray)])
    if not is_file_id(path["id"]):
        raise Unknown("There is no such file.")
    return path["id"]
