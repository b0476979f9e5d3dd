"""Records in one SQLite file."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from sqlite3 import Connection

from app.ports import Add, Delete, Page, Put, Record, Write, check
from app.ports.body import check_sizes, encode
from app.ports.cursor import id_before
from app.ports.local import schema
from app.ports.local.committer import Committer
from app.ports.local.connections import Connections, Row
from app.ports.local.place import Place
from app.ports.page import cut, page
from app.room.errors import Stale

FLOOR = 64 * 1024 * 1024
PATIENCE = 10.0  # seconds that a caller waits for others before `Unavailable`
TIDY_EVERY = 60.0
TIDY_MOST = 100
ABOVE_ALL = 101  # priorities end at 100
MOST_WRITES = 2500  # a thousand jobs with a key each, in some 30 ms
COMMIT_CAP = 8 * 1024 * 1024
UNIT = 3 * 1024  # a page of the file has 4 KB, the facts about a record included


class LocalRecords:
    """See `app.ports.Records`. Any number of threads and processes share one file, and forks.

    `trace` is shown every statement that writes.
    """

    most_writes, most_bytes, unit = MOST_WRITES, COMMIT_CAP, UNIT

    def __init__(
        self,
        path: Path,
        *,
        floor: int = FLOOR,
        patience: float = PATIENCE,
        trace: Callable[[str], object] | None = None,
    ) -> None:
        self._open = partial(_Process, Place(path, floor), patience, trace)
        self._processes: dict[int, _Process] = {}

    def get(self, collection: str, id: str) -> Record | None:
        rows = self._here().connections.read(schema.GET, (collection, id))
        return _record(rows[0]) if rows else None

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        check(writes, self.most_writes)
        bodies = [encode(write.record.body) if isinstance(write, Put) else "" for write in writes]
        check_sizes(bodies, COMMIT_CAP)
        if not writes:
            return ()
        here = self._here()
        token = here.token()
        work = partial(_write_all, writes, bodies, token)
        if len(writes) > 1:
            return here.commit(work)
        # One write is one statement, which SQLite undoes by itself.
        alone = partial(_note_alone, writes[0], bodies[0], token)
        return here.commit(work, savepoint=False, alone=alone)

    def list(
        self,
        collection: str,
        *,
        owner: str | None = None,
        label: str | None = None,
        newest_first: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        if limit < 1:
            raise ValueError(f"A page has at least one record, not {limit}.")
        after = None if cursor is None else id_before(cursor)
        statement = schema.page(
            owner is not None, label is not None, newest_first, after is not None
        )
        values = [v for v in (collection, owner, label, after) if v is not None]
        rows, sizes, more = self._here().connections.taken(
            statement, (*values, limit + 1), lambda found: cut(found, _text, limit)
        )
        return page(map(_record, rows), sizes, more)

    def count(self, collection: str, *, owner: str | None = None, label: str | None = None) -> int:
        statement = schema.count(owner is not None, label is not None)
        values = tuple(v for v in (collection, owner, label) if v is not None)
        number: int = self._here().connections.read(statement, values)[0][0]
        return number

    def take(
        self, collection: str, *, now: float, until: float, limit: int, label: str
    ) -> Sequence[Record]:
        here = self._here()
        untidy = now >= here.tidied + TIDY_EVERY
        # A look costs nothing to those who write; only who finds something joins them.
        if not untidy and not [*_due(here.connections.read, collection, now, 1)]:
            return ()
        if untidy:
            here.tidied = now
        claim = (label, until)
        return here.commit(partial(_take, collection, now, limit, claim, untidy))

    def ping(self) -> None:
        self._here().connections.read(schema.GET, ("", ""))

    def close(self) -> None:
        self._here().connections.close()

    def _here(self) -> "_Process":
        pid = os.getpid()
        # Under a fresh key after a fork: what was inherited may hold locks of lost threads.
        return self._processes.get(pid) or self._processes.setdefault(pid, self._open())


class _Process:
    """What a process has of the store."""

    def __init__(
        self, place: Place, patience: float, trace: Callable[[str], object] | None
    ) -> None:
        self.connections = Connections(place, patience, trace)
        self.commit = Committer(self.connections.write, patience).commit
        self.tidied = float("-inf")
        self._name, self._commits = _token(), count(1)

    def token(self) -> str:
        """A commit's, without asking the system for chance each time."""
        return f"{self._name}.{next(self._commits):x}"


def _write_all(
    writes: Sequence[Write], bodies: Sequence[str], token: str, database: Connection
) -> tuple[Record | None, ...]:
    stored: list[Record | None] = []
    for write, body in zip(writes, bodies, strict=True):
        if isinstance(write, Put):
            stored.append(_put(database, write, body, token))
        elif isinstance(write, Delete):
            _delete(database, write)
            stored.append(None)
        else:
            stored.append(_add(database, write, token))
    return tuple(stored)


def _put(database: Connection, put: Put, body: str, token: str) -> Record:
    new = put.record
    if put.lease is None and not put.expect:
        version = _store(database, put, body, token)
    else:
        version = _note(database, put, body, token) or _replace(database, put, body, token)
    return new.changed(version=version, writer=token)


def _store(database: Connection, put: Put, body: str, token: str) -> int:
    """Whatever is there, or only if nothing is."""
    new = put.record
    facts = (new.owner, new.label, new.due, new.priority, new.expires, new.lease, token, new.takes)
    values = (new.collection, new.id, body, *facts)
    if put.expect is None:
        version: int = database.execute(schema.STORE + schema.RETURNING, values).fetchall()[0][0]
        return version
    if not database.execute(schema.CREATE, values).rowcount:
        raise _stale(new)
    return 1


def _note_alone(
    write: Write, body: str, token: str, database: Connection
) -> tuple[Record | None, ...] | None:
    """What a run says of itself, if that is all: no other transaction is needed then."""
    if isinstance(write, Put) and (version := _note(database, write, body, token)):
        return (write.record.changed(version=version, writer=token),)
    return None


def _note(database: Connection, put: Put, body: str, token: str) -> int:
    """Writes what a run says of itself, if that is all: one statement then, and no index. The new
    version; 0 if it was more."""
    new = put.record
    if not put.expect or put.lease is None or new.due is None:
        return 0
    same = (new.owner, new.label, new.due, new.priority, new.expires)
    name = (new.collection, new.id, put.expect, put.lease)
    values = (body, new.lease, token, new.takes, *name, *same)
    return put.expect + 1 if database.execute(schema.NOTE, values).rowcount else 0


def _replace(database: Connection, put: Put, body: str, token: str) -> int:
    """What is there, if it is as the put expects it."""
    new, expect, lease = put.record, put.expect, put.lease
    rows = database.execute(schema.SEEN, (new.collection, new.id)).fetchall()
    if not rows:
        raise _stale(new)
    rowid, version, held, *old = rows[0]
    if expect not in (None, version) or lease not in (None, held):
        raise _stale(new)
    facts = (new.owner, new.label, new.due, new.priority, new.expires)
    changed = [place for place in range(len(old)) if old[place] != facts[place]]
    statement = schema.replacement(tuple(schema.INDEXED[place] for place in changed))
    values = (body, new.lease, token, new.takes, *(facts[place] for place in changed), rowid)
    database.execute(statement, values)
    return int(version) + 1


def _delete(database: Connection, delete: Delete) -> None:
    name = (delete.collection, delete.id)
    if database.execute(schema.DELETE, (*name, delete.expect, delete.lease)).rowcount:
        return
    absent = not delete.expect and delete.lease is None
    if not absent or database.execute(schema.GET, name).fetchall():
        raise _stale(delete)


def _add(database: Connection, add: Add, token: str) -> Record:
    name = (add.collection, add.id)
    rows = database.execute(schema.GET, name).fetchall()
    if not rows:
        raise _stale(add)
    old = _record(rows[0])
    for member, amount in add.amounts.items():
        number = old.body.get(member, 0)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise ValueError(f"{member!r} of {add.collection}/{add.id} is not a number.")
        old.body[member] = number + amount
    body = encode(old.body)
    check_sizes([body], COMMIT_CAP)
    database.execute(schema.REWRITE, (body, token, *name))
    return replace(old, version=old.version + 1, writer=token)


def _take(
    collection: str,
    now: float,
    limit: int,
    claim: tuple[str, float],
    untidy: bool,
    database: Connection,
) -> tuple[Record, ...]:
    def rows(statement: str, values: Row) -> list[Row]:
        return database.execute(statement, values).fetchall()

    if untidy:
        rows(schema.TIDY, (now, TIDY_MOST))
    token = _token()
    found = list(_due(rows, collection, now, limit))
    return tuple(
        _record(rows(schema.CLAIM, (*claim, f"{token}-{place}", token, rowid))[0])
        for place, rowid in enumerate(found)
    )


def _due(
    rows: Callable[[str, Row], list[Row]], collection: str, now: float, limit: int
) -> Iterator[int]:
    """Row numbers of what is due, the most pressing first: one look-up for each priority in use."""
    priority = ABOVE_ALL
    while limit > 0 and (found := rows(schema.PRIORITY, (collection, priority))):
        priority = found[0][0]
        due = rows(schema.DUE, (collection, priority, now, limit))
        yield from (row[0] for row in due)
        limit -= len(due)


def _text(row: Row) -> str:
    text: str = row[2]
    return text


def _record(row: Row) -> Record:
    return Record(row[0], row[1], json.loads(row[2]), *row[3:])


def _stale(name: Record | Delete | Add) -> Stale:
    return Stale(f"{name.collection}/{name.id} has changed since it was read.")


def _token() -> str:
    return os.urandom(12).hex()
