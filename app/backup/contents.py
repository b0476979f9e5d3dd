"""What a backup is: a folder with the store of one moment, the files that it names, and a page that
says so. It needs no service to be read."""

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from app.ports.files import KEY
from app.ports.local import snapshot
from app.ports.local.arrival import digest_of
from app.ports.local.place import sync
from app.ports.local.schema import check_known
from app.room.errors import BadSetting
from app.room.file_uses import FILES
from app.room.job import JOBS
from app.room.key import KEYS
from app.room.schedule import SCHEDULES
from app.room.strict_json import write_json

STORE, FOLDER, SECRET = "manydoors.db", "files", "secret.key"
SEALS = "seal.keys"  # what opens the secrets in the store
PAGE = "backup.json"
FORMAT = 1  # of a backup; grows when an older program could not restore it

Tell = Callable[[str, int, int], object]
"""What is being done, how much of it is, and of how much."""


class Named(NamedTuple):
    """A file that a store's records name."""

    key: str
    size: int
    sha256: str
    is_ready: bool  # else it may be there, and need not


@dataclass(frozen=True)
class Contents:
    """What is in one."""

    made_at: str
    schema: int
    sha256: str  # of the store
    size: int
    jobs: dict[str, int] = field(default_factory=dict)  # by status
    schedules: int = 0
    keys: int = 0
    files: int = 0
    file_bytes: int = 0
    seals: str = ""  # the hash of the file that opens sealed secrets, if there is one
    bucket: str = ""  # where its files are, if they are not in it
    damaged: tuple[str, ...] = ()  # files that were so before
    format: int = FORMAT

    @classmethod
    def read(cls, folder: Path) -> "Contents":
        """`BadSetting` where there is no backup, or one of a newer program."""
        try:
            told = json.loads((folder / PAGE).read_bytes())
            if told["format"] > FORMAT:
                raise BadSetting(
                    f"{folder} was made by a newer Manydoors: restore it with that one."
                )
            found = cls(**told | {"damaged": tuple(told["damaged"])})
        except (OSError, ValueError, KeyError, TypeError):
            raise BadSetting(
                f"{folder} is no backup: name a folder that `backup` has made."
            ) from None
        check_known(found.schema)
        return found

    def write(self, folder: Path) -> None:
        page = folder / PAGE
        page.write_bytes(write_json(asdict(self)))
        page.chmod(0o600)
        sync(page)

    def faults(self, folder: Path, tell: Tell) -> Iterator[str]:
        """What is wrong with what lies there: each byte is read, so it takes its time."""
        tell("checking the store", 0, 1)
        if digest(folder / STORE) != self.sha256:
            yield f"{STORE} is not as it was when the backup was made"
            return
        if digest(folder / SEALS) != self.seals:
            yield f"{SEALS} is missing or damaged"
        for text in snapshot.wrongs(folder / STORE):
            yield f"{STORE}: {text}"
        for name in damaged(folder, "" if self.bucket else FOLDER, tell, self.file_bytes):
            if name not in self.damaged:
                yield f"the file {name} is missing or damaged"


def counted(store: Path) -> dict[str, Any]:
    """How much a snapshot has of what."""
    jobs = Counter(kept.label for kept in snapshot.records_of(store, JOBS))
    return {
        "jobs": dict(sorted(jobs.items())),
        "schedules": sum(1 for _ in snapshot.records_of(store, SCHEDULES)),
        "keys": sum(1 for _ in snapshot.records_of(store, KEYS)),
    }


def named(store: Path) -> Iterator[Named]:
    """The files of a snapshot, by the keys of their bytes."""
    for kept in snapshot.records_of(store, FILES):
        if kept.body["keys"]:
            if not re.fullmatch(KEY, kept.body["keys"][-1]):  # it would be a way to elsewhere
                raise BadSetting(f"The store in {store.parent} is not as this program writes one.")
            facts = (int(kept.body.get("size", 0)), str(kept.body.get("sha256") or ""))
            yield Named(kept.body["keys"][-1], *facts, "ready" in kept.body)


def damaged(folder: Path, files: str, tell: Tell, all: int) -> Iterator[str]:
    """Files that the store there names and that are not there as it says."""
    done = 0
    for each in named(folder / STORE) if files else ():
        tell("checking files", done, all)
        path = folder / files / each.key
        done += each.size
        if each.is_ready and not _is_whole(path, each):
            yield each.key


def check_plain(folder: Path) -> None:
    """`BadSetting` where a backup has links: a backup of ours has none, and they would bring what
    lies elsewhere on this machine, for who owns the files to read."""
    files = folder / FOLDER
    for each in (files, *(folder / name for name in (PAGE, STORE, SEALS)), *files.glob("*")):
        if each.is_symlink():
            raise BadSetting(f"{each} is a link, and a backup has none: it was not restored.")


def digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _is_whole(path: Path, file: Named) -> bool:
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            found = digest_of(stream, size).hexdigest()
            return size == file.size and file.sha256 in ("", found)
    except OSError:
        return False
