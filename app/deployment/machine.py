"""Is this machine fit to run the service?"""

import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sized
from pathlib import Path

from app.config import Settings
from app.deployment.finding import Finding, examined, found
from app.ports import Body, Delete, Put, Record, Records
from app.room.size import MB

LEAST_PYTHON = (3, 11)
SLOW = 0.1  # seconds of an fsync with which each write is felt
COLLECTION = "doctor"


def examine(
    settings: Settings, load: Callable[[], Sized], records: Callable[[], Records]
) -> Iterator[Finding]:
    """`load` imports the operations, `records` opens the store."""
    yield _python()
    yield from operations(load)
    if settings.table:
        yield from examined("store", lambda: writable(f"table {settings.table}", records()))
        return
    folder = _nearest(settings.data)
    yield from _folder(settings, folder)
    if (settings.data / "manydoors.db").exists():
        yield from examined("store", lambda: writable(f"{settings.data}", records()))
    else:
        yield from examined("store", lambda: _absent(settings, records()))


def operations(load: Callable[[], Sized]) -> Iterator[Finding]:
    """Do the modules import that declare operations?"""
    try:
        count = len(load())
    except Exception as error:  # noqa: BLE001 - it is users' code that runs, and may do anything
        text = str(error) or type(error).__name__
        yield Finding("operations", "wrong", f"they do not import: {text}")
        return
    yield found(
        "operations",
        count > 0,
        f"{count} are declared",
        "none is declared: MANYDOORS_OPERATIONS names the modules that do",
    )


def writable(where: str, records: Records) -> Iterator[Finding]:
    """Writes a record, reads it, and takes it away."""
    body: Body = {"at": time.time()}
    id = f"{os.getpid()}-{time.time_ns()}"
    began = time.perf_counter()
    try:
        records.commit(Put(Record(COLLECTION, id, body)))
        kept = records.get(COLLECTION, id)
        records.commit(Delete(COLLECTION, id))
    finally:
        records.close()
    spent = 1000 * (time.perf_counter() - began)
    yield found(
        "store",
        kept is not None and kept.body == body,
        f"{where} takes records, and gives them back ({spent:.0f} ms for three calls)",
        f"{where} does not give back what was written: do not use it",
    )


def _absent(settings: Settings, records: Records) -> Iterator[Finding]:
    """That it could be named shows that the settings fit each other."""
    records.close()
    yield Finding("store", "ok", f"none in {settings.data} yet: `up` makes it")


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    return found(
        "python",
        sys.version_info >= LEAST_PYTHON,
        f"{here}, SQLite {sqlite3.sqlite_version}",
        f"this is {here}: use 3.11 or newer",
    )


def _nearest(folder: Path) -> Path:
    """The folder, or what of its path is there already."""
    here = folder.absolute()
    while not here.exists():
        here = here.parent
    return here


def _folder(settings: Settings, folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    yield found(
        "disk",
        free > settings.min_free,
        f"{free // MB:,} MB are free",
        f"{free // MB:,} MB are free, and below {settings.min_free // MB:,} MB nothing more is "
        "written: make room, or lower MANYDOORS_MIN_FREE",
    )
    try:
        spent = _synced(folder)
    except OSError as error:
        yield Finding(
            "folder",
            "wrong",
            f"nothing can be written in {folder}: {error.strerror}. Give it to this user, or name "
            "another (MANYDOORS_DATA, --data)",
        )
        return
    told = f"{folder} can be written, and an fsync takes {1000 * spent:.1f} ms"
    slow = "; each write waits for it: a local disk is faster than one over a network"
    is_slow = spent > SLOW
    yield Finding("folder", "advice" if is_slow else "ok", told + slow * is_slow)


def _synced(folder: Path) -> float:
    """Seconds until a page is on the disk; the best of three."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(3):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return min(times)
