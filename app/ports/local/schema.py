"""The store's table, its indexes and how they came to be, and the statements that use them."""

import sqlite3
from functools import cache

from app.room.errors import BadSetting

# One entry a version: what leads to it from the one before. Never change one that was released.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE records (
            collection TEXT NOT NULL,
            id TEXT NOT NULL,
            body TEXT NOT NULL,
            version INTEGER NOT NULL,
            owner TEXT NOT NULL,
            label TEXT NOT NULL,
            due REAL,
            priority INTEGER NOT NULL,
            expires REAL,
            lease TEXT NOT NULL,
            writer TEXT NOT NULL
        )""",
        "CREATE UNIQUE INDEX records_id ON records (collection, id)",
        "CREATE INDEX records_owner ON records (collection, owner, id)",
        "CREATE INDEX records_label ON records (collection, label, id)",
        "CREATE INDEX records_owner_label ON records (collection, owner, label, id)",
        """CREATE INDEX records_due ON records (collection, priority, due, id)
            WHERE due IS NOT NULL""",
        "CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL",
    ),
    ("ALTER TABLE records ADD COLUMN takes INTEGER NOT NULL DEFAULT 0",),
)

# INDEXED BY makes the index a promise: without it the statement is an error, never a scan.
GET = """SELECT
    collection, id, body, version, owner, label, due, priority, expires, lease, writer, takes
    FROM records INDEXED BY records_id WHERE collection = ? AND id = ?"""

CREATE = """INSERT INTO records
    (collection, id, body, version, owner, label, due, priority, expires, lease, writer, takes)
    VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (collection, id) DO NOTHING"""

STORE = """INSERT INTO records
    (collection, id, body, version, owner, label, due, priority, expires, lease, writer, takes)
    VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body, version = version + 1,
    owner = excluded.owner, label = excluded.label, due = excluded.due,
    priority = excluded.priority, expires = excluded.expires, lease = excluded.lease,
    writer = excluded.writer, takes = excluded.takes"""

SEEN = """SELECT rowid, version, lease, owner, label, due, priority, expires
    FROM records INDEXED BY records_id WHERE collection = ? AND id = ?"""

INDEXED = ("owner", "label", "due", "priority", "expires")

RETURNING = " RETURNING version"  # a second step, so only where the version is not known

DELETE = """DELETE FROM records INDEXED BY records_id
    WHERE collection = ? AND id = ?
    AND version = coalesce(?, version) AND lease = coalesce(?, lease)"""

REWRITE = """UPDATE records INDEXED BY records_id SET body = ?, version = version + 1, writer = ?
    WHERE collection = ? AND id = ?"""

# What an index has must be as it is, so that no index is written.
NOTE = """UPDATE records INDEXED BY records_id
    SET body = ?, version = version + 1, lease = ?, writer = ?, takes = ?
    WHERE collection = ? AND id = ? AND version = ? AND lease = ?
    AND owner = ? AND label = ? AND due = ? AND priority = ? AND expires IS ?"""

PRIORITY = """SELECT priority FROM records INDEXED BY records_due
    WHERE collection = ? AND due IS NOT NULL AND priority < ? ORDER BY priority DESC LIMIT 1"""

DUE = """SELECT rowid FROM records INDEXED BY records_due
    WHERE collection = ? AND priority = ? AND due <= ? ORDER BY due, id LIMIT ?"""

CLAIM = """UPDATE records
    SET version = version + 1, label = ?, due = ?, lease = ?, writer = ?, takes = takes + 1
    WHERE rowid = ? RETURNING
    collection, id, body, version, owner, label, due, priority, expires, lease, writer, takes"""

TIDY = """DELETE FROM records WHERE rowid IN (SELECT rowid FROM records
    INDEXED BY records_expires WHERE expires <= ? ORDER BY expires LIMIT ?)"""


@cache
def replacement(columns: tuple[str, ...]) -> str:
    """The statement that writes a record anew whose `columns`, of those INDEXED, have changed:
    each that is named has its indexes written, the same value or not."""
    return f"""UPDATE records SET body = ?, version = version + 1, lease = ?, writer = ?, takes = ?
        {"".join(f", {column} = ?" for column in columns)} WHERE rowid = ?"""  # noqa: S608 (only the words above)


@cache
def page(owner: bool, label: bool, newest_first: bool, onward: bool) -> str:
    """The statement for a page, one of sixteen: each has the index that serves it."""
    index, where = _facts(owner, label)
    before, order = ("<", "DESC") if newest_first else (">", "ASC")
    if onward:
        where += f" AND id {before} ?"
    return f"""SELECT
        collection, id, body, version, owner, label, due, priority, expires, lease, writer, takes
        FROM records INDEXED BY {index} WHERE {where} ORDER BY id {order} LIMIT ?"""  # noqa: S608 (only the words above)


@cache
def count(owner: bool, label: bool) -> str:
    """The statement for a count, one of four."""
    index, where = _facts(owner, label)
    return f"SELECT count(*) FROM records INDEXED BY {index} WHERE {where}"  # noqa: S608 (only the words below)


def _facts(owner: bool, label: bool) -> tuple[str, str]:
    """The index that serves a search by these, and its condition."""
    index = "records" + "_owner" * owner + "_label" * label + "_id" * (not owner and not label)
    return index, "collection = ?" + " AND owner = ?" * owner + " AND label = ?" * label


def migrate(database: sqlite3.Connection) -> None:
    """To the newest schema, in one transaction: killed at any moment, it leaves the old or the new.
    A store of a newer program is refused."""
    if version_of(database) == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        found = version_of(database)  # another process may have been faster
        check_known(found)
        for statement in (text for step in MIGRATIONS[found:] for text in step):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def is_behind(database: sqlite3.Connection) -> bool:
    """Has it data of an older program?"""
    return 0 < version_of(database) < len(MIGRATIONS)


def check_known(version: int) -> None:
    if version > len(MIGRATIONS):
        raise BadSetting(
            f"This store was written by a newer Manydoors (its schema is {version}, this program "
            f"knows up to {len(MIGRATIONS)}): upgrade the program, or name another folder, by "
            "--data or MANYDOORS_DATA."
        )


def version_of(database: sqlite3.Connection) -> int:
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    return version
