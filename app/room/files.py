"""Files: bytes too large for a message, named by an id."""

import mimetypes
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from marshmallow import fields, types

from app.room.strict_json import write_json

FILE_ID = r"^file_[0-7][0-9A-HJKMNP-TV-Z]{25}$"  # a ULID in Crockford's alphabet
LONGEST_NAME = 128  # characters; what comes by itself with a longer one is cut
ANY_TYPE = "application/octet-stream"

_MESSAGES: types.ErrorMessages = {
    "invalid": "Not a valid file id.",
    "unknown": "There is no such file.",
    "waiting": "The file's bytes have not come yet: send them to its upload URL first.",
}

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's

is_file_id = re.compile(FILE_ID.strip("^$")).fullmatch
_named = re.compile(rb'"(%s)"' % FILE_ID.strip("^$").encode()).findall


@dataclass(frozen=True)
class File:
    """A file by its id; what else is known of it is filled in from its record."""

    id: str
    name: str | None = None
    type: str | None = None
    size: int | None = None
    sha256: str | None = None
    url: str | None = None

    def as_json(self) -> dict[str, Any]:
        """How a file reads in a result; what is not known of it is left out."""
        about = {key: getattr(self, key) for key in ("name", "type", "size", "sha256", "url")}
        known = {key: value for key, value in about.items() if value is not None}
        return {"file": self.id, **known}


Find = Callable[[str], "File | str"]
"""What an id names: the file, or else why not, by the name of a message of `FileField`."""

_finding: ContextVar[Find | None] = ContextVar("manydoors.files", default=None)


@contextmanager
def finding(find: Find) -> Iterator[None]:
    """Inside, a `FileField` that is loaded gives files that are there, with all that is known."""
    token = _finding.set(find)
    try:
        yield
    finally:
        _finding.reset(token)


class FileField(fields.Field[File]):
    """Passed as an id; dumped as the object that describes the file."""

    default_error_messages = _MESSAGES

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> File:
        if not isinstance(value, str) or not is_file_id(value):
            raise self.make_error("invalid", input=value)
        find = _finding.get()
        found = File(value) if find is None else find(value)
        if isinstance(found, str):
            raise self.make_error(found, input=value)
        return found

    def _serialize(self, value: File | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Mapping) and is_file_id(str(value.get("file"))):
            return dict(value)  # as a step or a child job gives it back
        if not isinstance(value, File):
            raise TypeError(f"a File is wanted, not {type(value).__name__}")
        return value.as_json()


def ids_in(encoded: bytes) -> tuple[str, ...]:
    """The file ids that stand in a JSON document, each as a string of its own."""
    if b'"file_' not in encoded:
        return ()
    return tuple(dict.fromkeys(id.decode() for id in _named(encoded)))


def derived_id(time: float, *place: Any) -> str:
    """An id that is the same whenever it is asked for with the same words, and sorts by the time,
    in seconds."""
    number = int.from_bytes(sha256(write_json(place)).digest()[:10])
    return f"file_{_digits(int(time * 1000), 10)}{_digits(number, 16)}"


def _digits(number: int, many: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(many)))


def by_id(value: Any) -> Any:
    """Parameters as they are passed on: each file in them by its id."""
    if isinstance(value, File):
        return value.id
    if isinstance(value, list | tuple):
        return [by_id(each) for each in value]
    if isinstance(value, dict):
        return {name: by_id(each) for name, each in value.items()}
    return value


def linked(value: Any, link: Callable[[str], str | None]) -> Any:
    """A result with a URL in each file that it names."""
    if isinstance(value, list):
        return [linked(each, link) for each in value]
    if not isinstance(value, dict):
        return value
    id = value.get("file")
    if isinstance(id, str) and is_file_id(id):
        url = link(id)
        return value if url is None else {**value, "url": url}
    return {name: linked(each, link) for name, each in value.items()}


def safe_name(name: str) -> str:
    """The last part of a path of any system, without what could mislead a terminal, a header or a
    file system; its ending stays when it must be cut."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(each for each in last if unicodedata.category(each)[0] not in "C")
    shown = re.sub(r'[<>:"|?*\s]+', " ", shown).strip(" .")
    if len(shown) > LONGEST_NAME:
        stem, dot, ending = shown.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 16 else ""
        shown = shown[: LONGEST_NAME - len(ending)] + ending
    return shown or "file"


def safe_path(name: str) -> str:
    """The same of each part of it; "" where it has no folders."""
    parts = [part for part in re.split(r"[/\\]", name) if part.strip(". ")]
    return "/".join(map(safe_name, parts)) if len(parts) > 1 else ""


def guessed_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or ANY_TYPE
