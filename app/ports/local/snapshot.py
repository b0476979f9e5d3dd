"""One moment of a store, in a file of its own: copied while others write, checked, looked into."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from app.ports.local.place import sync
from app.ports.local.schema import check_known, version_of
from app.ports.local.trouble import ours
from app.room.errors import BadSetting

STEP = 256  # pages that are copied between two looks at how far it is
PATIENCE = 10.0  # seconds

Tell = Callable[[int, int], object]
"""How much is done, and of how much."""


class Kept(NamedTuple):
    """What a snapshot has of a record."""

    id: str
    label: str
    body: dict[str, Any]


def take(store: Path, target: Path, tell: Tell) -> int:
    """A copy of what was committed when this began, durably; gives its schema.

    Nobody waits for it. `BadSetting` for a store of a newer program.
    """
    with (
        _translated(),
        closing(_opened(store)) as source,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        source.execute("PRAGMA query_only = ON")
        # Of the moment of this read: without it, each commit of others would begin the copy anew.
        source.execute("BEGIN")
        version = version_of(source)
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        check_known(version)
        if version == 0:
            raise BadSetting(f"There is nothing in {store} yet: it was never used.")
        source.backup(copy, pages=STEP, progress=lambda _, left, all: tell(all - left, all))
        copy.execute("PRAGMA journal_mode = DELETE")  # the log's file would have to go with it
    target.chmod(0o600)
    sync(target)
    return version


def gather(store: Path) -> None:
    """All of a store that nobody uses is in its one file."""
    with _translated(), closing(_opened(store)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    sync(store)


def wrongs(store: Path) -> list[str]:
    """What SQLite finds wrong with a snapshot."""
    with _translated(), closing(_still(store)) as database:
        found = [text for (text,) in database.execute("PRAGMA integrity_check(10)").fetchall()]
        return [text for text in found if text != "ok"]


def records_of(store: Path, collection: str) -> Iterator[Kept]:
    """Of a snapshot, whichever schema it has."""
    asked = "SELECT id, label, body FROM records WHERE collection = ? ORDER BY id"
    with _translated(), closing(_still(store)) as database:
        for id, label, body in database.execute(asked, (collection,)):
            yield Kept(id, label, json.loads(body))


def _opened(store: Path) -> sqlite3.Connection:
    """Never made by looking for it."""
    return sqlite3.connect(
        f"{store.absolute().as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None
    )


def _still(store: Path) -> sqlite3.Connection:
    """Of a file that nobody writes: nothing is made beside it."""
    where = f"{store.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(where, uri=True, isolation_level=None)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        known = ours(error)
        if known is error:
            raise
        raise known from error
