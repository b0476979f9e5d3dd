"""State of the users' own: `records("cats")`, versioned documents that outlive every process."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from random import random
from time import sleep
from typing import TYPE_CHECKING, cast

from app.ports import Body, Delete, Page, Ports, Put, Record
from app.room.deadline import undisturbed
from app.room.errors import ManydoorsError, Stale

if TYPE_CHECKING:
    from app.room.change import Changes

_open: ContextVar[tuple[Ports, "Callable[[], Changes] | None"]] = ContextVar("manydoors.ports")

TRIES = 40  # of a change that others keep changing
STEP, LONGEST = 0.002, 0.05  # seconds between them, at most


class opened:  # noqa: N801 - read as a statement: `with opened(ports):`
    """Inside, `records(…)` means these ports' records; `changes` gives what tells those who watch
    them, and is asked when one changes.

    Every call is inside one: a generator's context would take three times as long.
    """

    __slots__ = ("_open", "_token")

    def __init__(self, ports: Ports, changes: "Callable[[], Changes] | None" = None) -> None:
        self._open = ports, changes

    def __enter__(self) -> None:
        self._token = _open.set(self._open)

    def __exit__(self, *_: object) -> None:
        _open.reset(self._token)


def records(collection: str) -> "Collection":
    """The documents of one name. Use it inside an operation; the store is whatever runs it."""
    return Collection(collection)


class Collection:
    def __init__(self, name: str) -> None:
        if not 1 <= len(name) <= 128:
            raise ValueError("a collection's name has 1 to 128 characters")
        self._name = name
        self._collection = f"user.{name}"  # the service's own records have names without it

    def get(self, id: str) -> Body | None:
        """The document, always the newest; None when there is none."""
        record = self.read(id)
        return record.body if record else None

    def read(self, id: str) -> Record | None:
        """The document with its version, for a `put` that expects it."""
        ports = open_ports()
        with undisturbed():
            return ports.records.get(self._collection, id)

    def put(self, id: str, body: Body, *, expect: int | None = None) -> Record:
        """Writes the document whole; with `expect`, only over that version (0: only if absent).

        Raises `Stale` when another version is there.
        """
        put = Put(Record(self._collection, id, body), expect=expect)
        return cast(Record, self._commit(put))  # a put stores; only a delete leaves None

    def change(self, id: str, change: Callable[[Body], Body | None]) -> Body:
        """What `change` makes of the document ({} when there is none), written only if nobody
        else wrote meanwhile; else read again and tried again. None means: as altered in place."""
        for tries in range(TRIES):
            # Many at once would outrun each other.
            sleep(random() * min(tries * STEP, LONGEST))  # noqa: S311 - no secret
            record = self.read(id)
            body = record.body if record else {}
            changed = change(body)
            body = body if changed is None else changed
            try:
                return self.put(id, body, expect=record.version if record else 0).body
            except Stale:
                continue
        raise Stale(f"The document {id!r} changes too often to be changed here.")

    def delete(self, id: str, *, expect: int | None = None) -> None:
        self._commit(Delete(self._collection, id, expect))

    def __iter__(self) -> Iterator[Record]:
        """Every document, in the order of their ids."""
        cursor: str | None = None
        while True:
            page = self._page(cursor)
            yield from page.items
            if (cursor := page.next) is None:
                return

    def _commit(self, write: Put | Delete) -> Record | None:
        ports, changes = _opened()
        with undisturbed():  # a late call must not keep what it holds of the store
            if changes is not None and (watchers := changes().watchers(self._name)):
                return changes().commit(self._name, write, watchers)
            return ports.records.commit(write)[0]

    def _page(self, cursor: str | None) -> Page:
        ports = open_ports()
        with undisturbed():
            return ports.records.list(
                self._collection, newest_first=False, cursor=cursor, limit=200
            )


def open_ports() -> Ports:
    """Those that are open here."""
    return _opened()[0]


def _opened() -> "tuple[Ports, Callable[[], Changes] | None]":
    try:
        return _open.get()
    except LookupError:
        raise ManydoorsError(
            "records(…) was used outside of an operation's run; "
            "in a test, open a store first: `with opened(ports): …`"
        ) from None
