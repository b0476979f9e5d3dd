"""Files: bytes too large for a message, named by an id."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import fields, types

FILE_ID = r"^file_[0-7][0-9A-HJKMNP-TV-Z]{25}$"  # a ULID in Crockford's alphabet

_MESSAGES: types.ErrorMessages = {"invalid": "Not a valid file id."}

_file_id = re.compile(FILE_ID.strip("^$")).fullmatch


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


class FileField(fields.Field[File]):
    """Passed as an id; dumped as the object that describes the file."""

    default_error_messages = _MESSAGES

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> File:
        if not isinstance(value, str) or not _file_id(value):
            raise self.make_error("invalid", input=value)
        return File(value)

    def _serialize(self, value: File | None, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, File):
            raise TypeError(f"a File is wanted, not {type(value).__name__}")
        return value.as_json()
