"""What one process holds open of one file: a writer, and readers that never wait for it."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from queue import Empty, SimpleQueue
from random import random
from threading import Lock
from typing import Any, TypeVar
from weakref import WeakSet

from app.ports.local.place import Place
from app.ports.local.schema import is_behind, migrate
from app.ports.local.tenancy import Tenancy
from app.ports.local.trouble import BUSY, EXCHANGED, again, code, ours
from app.ports.local.turn import Turn
from app.room.errors import BadSetting, ManydoorsError

READERS = 4
LOG_LIMIT = 64 * 1024 * 1024  # what the log's file shrinks to after a burst
FORK_WAIT = 5.0
LOOK = 0.02  # seconds between tries to have the store alone
ALONE = 0.2  # seconds of one try, at most
FULL = 2

Row = tuple[Any, ...]
Taken = TypeVar("Taken")


class Connections:
    """Opened when first asked for, closed before a fork, opened again after it."""

    def __init__(
        self, place: Place, patience: float, trace: Callable[[str], object] | None
    ) -> None:
        self._place = place
        self._patience = patience
        self._trace = trace
        self._tenancy = Tenancy(place.beside("use"))
        self._is_tenant = False
        self._making = Lock()
        # Who holds a slot may use what is in it, None until it is opened.
        self._writer: SimpleQueue[_Writer | None] = SimpleQueue()
        self._writer.put(None)
        self._readers: SimpleQueue[sqlite3.Connection | None] = SimpleQueue()
        for _ in range(READERS):
            self._readers.put(None)
        _closed_before_forks(self)

    def read(self, statement: str, values: Row) -> list[Row]:
        """All rows, as of the newest commit."""
        return self.taken(statement, values, sqlite3.Cursor.fetchall)

    def taken(self, statement: str, values: Row, take: Callable[[sqlite3.Cursor], Taken]) -> Taken:
        """What `take` makes of the rows, as of the newest commit; what it leaves is not read."""
        reader = self._get(self._readers)
        try:
            if reader is None:
                reader = self._open()
                reader.execute("PRAGMA query_only = ON")
            rows = reader.execute(statement, values)
            try:
                return take(rows)
            finally:
                rows.close()  # or what is left of them would keep the log from being emptied
        except BaseException as error:
            if reader is not None:
                reader.close()
                reader = None
            known = ours(error)
            if known is error:
                raise
            raise known from error
        finally:
            self._readers.put(reader)

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Does `work`, and commits what it has begun; nothing stays of that when this raises."""
        writer = self._get(self._writer)
        try:
            if writer is None:
                writer = _Writer(self._open(), self._turn())
                writer.database.set_trace_callback(self._trace)
            self._place.check_room()
            writer.write(work)
        except ManydoorsError:
            raise  # nothing was begun
        except BaseException:
            # After a failed sync only a fresh look at the disk can tell what is there.
            if writer is not None:
                writer.close()
                writer = None
            raise
        finally:
            self._writer.put(writer)

    def close(self) -> None:
        """Waits for what is under way."""
        with self.closed(self._patience):
            pass

    @contextmanager
    def closed(self, wait: float) -> Iterator[None]:
        """Nothing is open meanwhile, if what is under way ends within `wait` seconds."""
        until = time.monotonic() + wait
        slots: list[SimpleQueue[Any]] = [self._writer, *[self._readers] * READERS]
        taken = []
        try:
            for slot in slots:
                try:
                    held = slot.get(timeout=max(0.0, until - time.monotonic()))
                except Empty:
                    continue
                taken.append(slot)
                if held is not None:
                    held.close()
            if len(taken) == len(slots):
                self._tenancy.leave()
                self._is_tenant = False
            yield
        finally:
            for slot in taken:
                slot.put(None)

    def _get(self, slots: "SimpleQueue[Any]") -> Any:
        try:
            return slots.get(timeout=self._patience)
        except Empty:
            raise again(BUSY) from None

    def _turn(self) -> Turn:
        return Turn(self._place.beside("turn"), self._patience / 2)

    def _open(self) -> sqlite3.Connection:
        with self._making:
            if not self._is_tenant:
                self._move_in()
                self._is_tenant = True
        return self._connect()

    def _move_in(self) -> None:
        """The folder is there, the store whole and of this schema, and stays so meanwhile."""
        self._place.make()
        if not self._tenancy.share(self._patience):
            raise again(EXCHANGED)
        try:
            self._place.check_whole()
            self._place.touch()
            with closing(self._connect()) as database:
                if not is_behind(database):
                    migrate(database)
                    return
            self._upgrade()
        except BaseException:
            self._tenancy.leave()
            raise

    def _upgrade(self) -> None:
        """A store that has data, and that programs of its own age may still have open: they would
        go on by rules that hold no more."""
        until = time.monotonic() + self._patience
        while True:
            self._tenancy.leave()
            # For a while, or those who wait for each other never find themselves alone.
            if self._tenancy.own(random() * ALONE):  # noqa: S311 - no secret
                with closing(self._connect()) as database:
                    migrate(database)
            if self._tenancy.share(self._patience):
                with closing(self._connect()) as database:
                    if not is_behind(database):  # or another of this age was faster
                        return
            if time.monotonic() >= until:
                raise BadSetting(
                    f"An older Manydoors has the store {self._place.path} open, and it must be "
                    "brought up to date: stop that program, then start this one."
                )
            time.sleep(LOOK)

    def _connect(self) -> sqlite3.Connection:
        until = time.monotonic() + self._patience
        while True:
            database = sqlite3.connect(
                self._place.path,
                timeout=self._patience / 2,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _set(database)
                return database
            except BaseException as error:
                database.close()
                # Turning the log on does not always wait for others who do the same.
                if code(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                    raise
                time.sleep(0.005)


class _Writer:
    """The one connection that writes, and its place in line."""

    def __init__(self, database: sqlite3.Connection, turn: Turn) -> None:
        self.database = database
        self._turn = turn

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        try:
            self._turn.take()
            work(self.database)
            if self.database.in_transaction:
                self.database.execute("COMMIT")
        finally:
            self._end()

    def _end(self) -> None:
        """Of what was not committed by now, nothing stays."""
        try:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
        finally:
            self._turn.give()

    def close(self) -> None:
        self.database.close()
        self._turn.close()


def _set(database: sqlite3.Connection) -> None:
    """What durability stands on is asserted: a build of SQLite may have other ideas."""
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync stops at the drive's cache
    database.execute("PRAGMA checkpoint_fullfsync = ON")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT}")
    mode = database.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    synchronous = database.execute("PRAGMA synchronous").fetchone()[0]
    if (mode, synchronous) != ("wal", FULL):
        raise BadSetting(
            f"SQLite does not keep what it confirms here (journal_mode={mode}, "
            f"synchronous={synchronous}): name a folder on a local disk, by --data or "
            "MANYDOORS_DATA, or use another build of SQLite."
        )


_here: WeakSet[Connections] = WeakSet()
_paused: list[AbstractContextManager[None]] = []
_hooks: list[Callable[[], None]] = []


def _closed_before_forks(connections: Connections) -> None:
    """SQLite remembers the locks of a process; a child would inherit the memory, not the locks.

    Even a connection of the child's own then holds no lock in the kernel, and the parent's last
    close deletes the log that the child goes on to write.
    """
    _here.add(connections)
    if not _hooks:
        _hooks.extend((_pause, _go_on, _begin_anew))
        os.register_at_fork(before=_pause, after_in_parent=_go_on, after_in_child=_begin_anew)


def _pause() -> None:
    for connections in list(_here):
        pause = connections.closed(FORK_WAIT)
        pause.__enter__()
        _paused.append(pause)


def _go_on() -> None:
    while _paused:
        _paused.pop().__exit__(None, None, None)


def _begin_anew() -> None:
    _go_on()
    _here.clear()
