"""Commits of many threads in one transaction, so that they share the one sync they wait for."""

import sqlite3
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

from app.ports.local.trouble import INTERRUPTED, TABLE, again, code, ours

T = TypeVar("T")


class Committer:
    """Who finds nobody at work leads: commits all that wait, and names the next leader.

    So there is no thread of its own, nobody alone waits for company, and while one transaction
    is synced the next gathers.
    """

    def __init__(
        self, write: Callable[[Callable[[sqlite3.Connection], object]], None], patience: float
    ) -> None:
        """`write` does what it is given, and commits what that has begun. A leader needs at most
        `patience` seconds; after twice that it counts as lost."""
        self._write = write
        self._patience = patience
        self._mutex = Lock()
        self._asks: list[_Ask] = []
        self._led = False

    def commit(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        savepoint: bool = True,
        alone: Callable[[sqlite3.Connection], T | None] | None = None,
    ) -> T:
        """What `work` returns, once it is on the disk; what it raises, and then none of it is.

        Without a `savepoint` for work that is one statement: each statement that a leader runs
        makes it wait for Python's lock among all who are awake. `alone` is tried in place of a
        `work` that has no company: one statement, a transaction by itself, and None if that has
        changed nothing.
        """
        ask = _Ask(work, savepoint, alone)
        try:
            with self._mutex:
                self._asks.append(ask)
                ask.leads, self._led = not self._led, True
            if not ask.leads and not ask.woken.acquire(timeout=2 * self._patience):
                ask.leads = True  # a thread can be lost to a signal; two leaders do no harm
            if ask.leads:
                self._lead()
        except BaseException:
            self._withdraw(ask)
            raise
        if ask.error is not None:
            raise ask.error
        answer: T = ask.answer
        return answer

    def _lead(self) -> None:
        asks: list[_Ask] = []

        def work(database: sqlite3.Connection) -> None:
            nonlocal asks
            asks = self._take_alone()
            if asks and _done_alone(database, asks[0]):
                return
            database.execute("BEGIN IMMEDIATE")
            asks += self._gather()  # whoever came while the lock was waited for takes part
            for ask in asks:
                _apply(database, ask)

        try:
            self._write(work)
        except BaseException as error:
            asks = asks or self._gather()
            stopped = not isinstance(error, Exception)  # by a signal, meant for this thread alone
            for ask in asks:
                ask.error = again(INTERRUPTED) if stopped else ours(error)
            if stopped:
                raise
        finally:
            self._pass_on()
            for ask in asks:
                ask.woken.release()

    def _take_alone(self) -> "list[_Ask]":
        """The one that waits, if it may need no other transaction."""
        with self._mutex:
            if len(self._asks) == 1 and self._asks[0].alone is not None:
                return [self._asks.pop()]
        return []

    def _gather(self) -> "list[_Ask]":
        with self._mutex:
            asks, self._asks = self._asks, []
        return asks

    def _pass_on(self) -> None:
        with self._mutex:
            self._led = bool(self._asks)
            if self._led:
                self._asks[0].leads = True
                self._asks[0].woken.release()

    def _withdraw(self, ask: "_Ask") -> None:
        """A signal ended the wait: nobody may lean on this thread any more."""
        with self._mutex:
            if ask not in self._asks:
                return
            self._asks.remove(ask)
        if ask.leads:
            self._pass_on()


class _Ask:
    """One commit that waits, and what came of it."""

    __slots__ = ("alone", "answer", "error", "leads", "savepoint", "woken", "work")

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], Any],
        savepoint: bool,
        alone: Callable[[sqlite3.Connection], Any] | None,
    ) -> None:
        self.work = work
        self.savepoint = savepoint
        self.alone = alone
        self.answer: Any = None
        self.error: BaseException | None = None
        self.leads = False
        self.woken = Lock()
        self.woken.acquire()


def _done_alone(database: sqlite3.Connection, ask: _Ask) -> bool:
    if ask.alone is not None:
        ask.answer = ask.alone(database)
    return ask.answer is not None


def _apply(database: sqlite3.Connection, ask: _Ask) -> None:
    """One commit among others: when it is refused, its neighbours stand."""
    if ask.savepoint:
        database.execute("SAVEPOINT one")
    try:
        ask.answer = ask.work(database)
    except Exception as error:
        if code(error) in TABLE:
            raise  # the store is in trouble, not this commit
        ask.error = error
        if ask.savepoint:
            database.execute("ROLLBACK TO one")
    if ask.savepoint:
        database.execute("RELEASE one")
