"""What callers ask of files, whichever door they came through."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from marshmallow import validate

from app.doors.jobs import Limit
from app.ports import Body, Record
from app.ports.files import Way
from app.room.access import check_scope
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.file_link import based
from app.room.file_view import described
from app.room.files import LONGEST_NAME, guessed_type, safe_name, safe_path
from app.room.moment import moment
from app.room.schema.hints import fields_of
from app.room.schema.params import Params
from app.room.shelf import Shelf, Wish

MOST_SIZE = 2**53 - 1
TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,62}"
    r"(; ?charset=[A-Za-z0-9_-]{1,20})?"
)
SHA256 = re.compile(r"[0-9a-f]{64}")

Name = Annotated[str, validate.Length(1, LONGEST_NAME)]
Type = Annotated[str, validate.Regexp(f"^{TYPE.pattern}$", error="Write it as in image/png.")]
Size = Annotated[int, validate.Range(0, MOST_SIZE)]
Digest = Annotated[str, validate.Regexp(f"^{SHA256.pattern}$", error="Write 64 small hex digits.")]


@dataclass(frozen=True)
class FileDesk:
    """The files of a room, for one caller. `base` stands before /v1 in every URL."""

    room: Room
    caller: Caller = LOCAL
    base: str = ""

    @property
    def shelf(self) -> Shelf:
        return self.room.shelf

    def create(
        self,
        name: Name,
        type: Type | None = None,
        size: Size | None = None,
        sha256: Digest | None = None,
    ) -> Body:
        """Ask for a file.

        Its bytes go to the URL in `upload`, with its method and headers; above 64 MB there may be
        `parts` in it, each with a URL of its own. With a `sha256`, other bytes are refused.
        """
        check_scope(self.caller, "run")
        called = safe_name(name)
        path = safe_path(name)
        wish = Wish(called, type or guessed_type(called), size, sha256 or "", path=path)
        record, way = self.shelf.create(wish, self.caller.owner)
        upload = self._upload(way)
        until = moment(record.body["until"])
        return {**self.view(record), "upload": upload, "expires": until}

    def get(self, id: str) -> Body:
        """Tell of a file."""
        check_scope(self.caller, "read")
        return self.view(self.shelf.look(id, self.caller.owner))

    def list(self, cursor: str | None = None, limit: Limit = 50) -> Body:
        """List the files, the newest first."""
        check_scope(self.caller, "read")
        page = self.shelf.list(self.caller.owner, cursor=cursor, limit=limit)
        return {"items": [self.view(record) for record in page.items], "next": page.next}

    def delete(self, id: str) -> None:
        """Delete a file that no job needs."""
        check_scope(self.caller, "run")
        self.shelf.delete(id, self.caller.owner)

    def content(self, id: str) -> str:
        """A signed URL of its bytes."""
        check_scope(self.caller, "read")
        return based(self.shelf.link(self.shelf.ready(id, self.caller.owner)), self.base)

    def view(self, record: Record) -> Body:
        return described(record, self.base)

    def _upload(self, way: Way) -> Body:
        shown: Body = {"method": way.method, "url": None, "headers": dict(way.headers)}
        if not way.parts:
            return {**shown, "url": based(way.url, self.base)}
        parts: list[Any] = [
            {"number": part.number, "url": part.url, "start": part.start, "size": part.size}
            for part in way.parts
        ]
        return {**shown, "parts": parts}


# What each takes, read of the signatures above.
_UNBOUND = FileDesk(None)  # type: ignore[arg-type]
CREATE, LIST = (
    Params.of(fields_of(method, name=f"files.{method.__name__}"))
    for method in (_UNBOUND.create, _UNBOUND.list)
)
