"""What SQLite may complain of, in this program's words: the one table."""

import errno
import sqlite3

from app.room.errors import ManydoorsError, TooLarge, Unavailable

BUSY = Unavailable("The store is busy: others have held it for too long.", after=1)
FULL = Unavailable("The store's disk is full.", after=10)
FAILED = Unavailable("The store's disk failed.", after=10)
CLOSED = Unavailable("The store can not be opened.", after=10)
READ_ONLY = Unavailable("The store can not be written.", after=60)
DAMAGED = Unavailable("The store's file is damaged or not a store: restore a copy.", after=600)
EXCHANGED = Unavailable("The store is being restored or brought up to date.", after=10)
KEPT = Unavailable("A backup is being made: files are deleted after it.", after=60)
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = Unavailable("The store was interrupted.", after=0)

TABLE: dict[int, ManydoorsError] = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_PROTOCOL: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: FAILED,
    sqlite3.SQLITE_NOMEM: Unavailable("The store has no memory left.", after=10),
    sqlite3.SQLITE_CANTOPEN: CLOSED,
    sqlite3.SQLITE_PERM: CLOSED,
    sqlite3.SQLITE_AUTH: CLOSED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_TOOBIG: TooLarge("That is more than the store can hold in one record."),
}


def ours(error: BaseException) -> BaseException:
    """The same trouble as this program says it; a bug stays what it is.

    Always a new error, since each of the threads that shared a commit raises its own.
    """
    if isinstance(error, OSError):
        return again(FULL if error.errno in FULL_DISK else FAILED, error)
    return again(TABLE.get(code(error), error), error)


def code(error: BaseException) -> int:
    """SQLite's primary code, -1 for what does not come from it."""
    extended = getattr(error, "sqlite_errorcode", None)
    return -1 if extended is None else extended & 0xFF


def again(known: BaseException, cause: BaseException | None = None) -> BaseException:
    """A copy to raise: an instance that several threads raise would gather all their frames."""
    if isinstance(known, Unavailable):
        copy: BaseException = type(known)(known.detail, after=known.after, **known.members)
    elif isinstance(known, ManydoorsError):
        copy = type(known)(*known.args)
    else:
        return known
    copy.__cause__ = cause
    return copy
