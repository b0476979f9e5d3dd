"""A run's files: opened as streams, saved under ids that a repeated run finds again."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from app.ports import Body, Ports, Put, Record, Write
from app.ports.files import Stored
from app.room.claim import JSON, Claims, check_files
from app.room.errors import Problem, Unknown
from app.room.file_uses import FILES, SOON, use_of
from app.room.files import File, derived_id, guessed_type, safe_name
from app.room.notes import Notes
from app.room.shelf import LOOK, WAITING, Shelf, file_of, ready_put

KEYS = 20  # of earlier runs' bytes that a file's record still knows

Content = bytes | bytearray | memoryview | str | os.PathLike[str] | BinaryIO


class RunFiles:
    """One run's."""

    def __init__(self, ports: Ports, notes: Notes) -> None:
        self._ports, self._notes = ports, notes
        self._shelf = Shelf(ports)
        self._spot = ""
        self._counts: dict[str, int] = {}

    def open(self, file: File | str | Mapping[str, Any]) -> io.BufferedIOBase:
        return self._shelf.open(_id_of(file), self._notes.record.owner)

    def save(self, content: Content, name: str | None, type: str | None) -> File:
        """Written under a key of its own, and then put in the file's place by a fenced commit with
        the job: so a run that another has overtaken changes nothing.

        The file's id is that of this place in the run: another try writes the same file anew.
        """
        called = safe_name(name or _name_of(content))
        with _stream(content) as stream:
            return self._save(self._id(called), called, type or guessed_type(called), stream)

    def keep(self, encoded: bytes, name: str, *place: object) -> File:
        """The same of what is too large for the job's record: it goes with the job."""
        check_files(self._ports, len(encoded), "What is to be kept has")
        job = self._notes.record
        id = derived_id(job.body["created"], job.id, name, *place)
        return self._save(id, name, JSON, io.BytesIO(encoded), brief=True)

    def kept(self, id: str) -> Any:
        """What was kept so."""
        return json.loads(Claims(self._ports).bytes_of(id))

    def _save(
        self, id: str, name: str, type: str, stream: BinaryIO, *, brief: bool = False
    ) -> File:
        key, limits = self._ports.new_id("file"), self._ports.file_limits
        keep = SOON if brief else limits.keep
        self._notes.save(beside=lambda: self._begun(id, key, name, type))
        try:
            stored = self._ports.files.put(key, stream, type=type, most=limits.most)
            self._notes.save(beside=lambda: self._done(id, key, stored, keep))
        except BaseException:
            with suppress(Problem):
                self._shelf.discard([key])
            raise
        record = self._shelf.ready(id, self._notes.record.owner)
        with suppress(Problem):  # they go with the file
            self._shelf.discard([each for each in record.body["keys"] if each != key])
        return file_of(record)

    def _begun(self, id: str, key: str, name: str, type: str) -> list[Write]:
        """Before any byte: so what a killed process leaves is known. The bytes of an earlier run
        are the file's until these are whole."""
        job, now = self._notes.record, self._ports.clock.now()
        found = self._ports.records.get(FILES, id)
        body: Body = {"created": now, "job": job.id, "charged": 0, "keys": []}
        body |= found.body if found else {}
        *begun, current = body["keys"] or [None]
        keys = [key, *begun[:KEYS], *([current] if current else [])]
        body |= {"name": name, "type": type, "keys": keys}
        label, due = (found.label, found.due) if found else (WAITING, now + LOOK)
        file = Record(FILES, id, body, owner=job.owner, label=label, due=due)
        use = use_of(id, job.id, job.owner, now)
        return [Put(file, expect=found.version if found else 0), Put(use)]

    def _done(self, id: str, key: str, stored: Stored, keep: float) -> list[Write]:
        found = self._ports.records.get(FILES, id)
        if found is None:
            raise Unknown("The file was deleted while it was saved.")
        others = [each for each in found.body["keys"] if each != key]
        ready = ready_put(found, stored, self._ports.clock.now(), keep)
        placed = replace(ready.record, body=ready.record.body | {"keys": [*others, key]})
        more = stored.size - found.body["charged"]
        return [replace(ready, record=placed), self._shelf.charge(found.owner, more)]

    def _id(self, name: str) -> str:
        """A ULID of the job's time, and of the place in its run."""
        record, spot = self._notes.record, self._notes.journal.spot()
        if spot != self._spot:
            self._spot, self._counts = spot, {}
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return derived_id(record.body["created"], record.id, spot, name, count)


def _id_of(file: Any) -> str:
    if isinstance(file, File):
        return file.id
    id = file.get("file") if isinstance(file, Mapping) else file
    if not isinstance(id, str):
        raise TypeError(
            f"run.open takes a File, an id or what a result says of a file, not {file!r}"
        )
    return id


def _name_of(content: Content) -> str:
    if isinstance(content, str | os.PathLike):
        return Path(content).name
    name = getattr(content, "name", "")
    return name if isinstance(name, str) else ""


@contextmanager
def _stream(content: Content) -> Iterator[BinaryIO]:
    if isinstance(content, str | os.PathLike):
        with Path(content).open("rb") as file:
            yield file
    elif isinstance(content, bytes | bytearray | memoryview):
        yield io.BytesIO(content)
    elif hasattr(content, "read"):
        yield content
    else:
        kind = type(content).__name__
        raise TypeError(f"run.save takes a path, bytes or a readable stream, not {kind}")
