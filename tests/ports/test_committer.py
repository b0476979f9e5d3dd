"""How threads share a transaction, on a database in memory."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import pytest

from app.ports.local.committer import Committer
from app.room.errors import Unavailable


class Gate:
    """A writer that waits to be let in, and may break."""

    def __init__(self) -> None:
        self.database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.database.execute("CREATE TABLE t (x)")
        self.wanted = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.broken: BaseException | None = None
        self.full: Callable[[], None] | None = None

    def __call__(self, work: Callable[[sqlite3.Connection], object]) -> None:
        self.wanted.release()
        assert self.open.acquire(timeout=10)
        broken, self.broken = self.broken, None
        if broken:
            raise broken
        work(self.database)
        if self.full:
            self.full()
            self.database.execute("ROLLBACK")
            raise OSError("no room")
        if self.database.in_transaction:
            self.database.execute("COMMIT")


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.database.close()


def work(n: int, database: sqlite3.Connection) -> int:
    database.execute("INSERT INTO t VALUES (?)", (n,))
    if n < 0:
        raise ValueError(n)
    return n


def submit(gate: Gate, committer: Committer, pool: ThreadPoolExecutor, *numbers: int) -> list[Any]:
    """Commits that wait together; the first leads."""
    asked = []
    for count, n in enumerate(numbers, 1):
        asked.append(pool.submit(committer.commit, lambda db, n=n: work(n, db)))
        if count == 1:
            assert gate.wanted.acquire(timeout=10)
        while len(committer._asks) < count:
            pass
    return asked


def test_neighbours(gate: Gate) -> None:
    """What one commit raises reaches its caller alone, and undoes it alone."""
    committer = Committer(gate, 10)
    with ThreadPoolExecutor(3) as pool:
        first, second, third = submit(gate, committer, pool, 1, -2, 3)
        gate.open.release()
        assert (first.result(10), third.result(10)) == (1, 3)
        with pytest.raises(ValueError, match="-2"):
            second.result(10)
    assert gate.database.execute("SELECT x FROM t").fetchall() == [(1,), (3,)]


@pytest.mark.parametrize("does", [True, False])
def test_alone(gate: Gate, does: bool) -> None:
    """Without company the one statement stands for the work, unless it has changed nothing."""
    committer = Committer(gate, 10)
    gate.open.release()

    def alone(database: sqlite3.Connection) -> int | None:
        assert not database.in_transaction
        return work(1, database) if does else None

    assert committer.commit(lambda db: work(2, db), alone=alone) == (1 if does else 2)
    assert gate.database.execute("SELECT x FROM t").fetchall() == [(1 if does else 2,)]


def test_not_alone(gate: Gate) -> None:
    """In company all is one transaction, what could stand alone too."""
    committer = Committer(gate, 10)

    def never(_: sqlite3.Connection) -> int:
        return pytest.fail("it has company")

    with ThreadPoolExecutor(2) as pool:
        (first,) = submit(gate, committer, pool, 1)
        second = pool.submit(committer.commit, lambda db: work(2, db), alone=never)
        while len(committer._asks) < 2:
            pass
        gate.open.release()
        assert (first.result(10), second.result(10)) == (1, 2)


@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()], ids=repr)
def test_leader_fails(gate: Gate, error: BaseException) -> None:
    """When a leader fails nobody waits for ever: all are told, and the next one leads."""
    committer = Committer(gate, 10)
    with ThreadPoolExecutor(2) as pool:
        gate.broken = error
        first, second = submit(gate, committer, pool, 1, 2)
        gate.open.release()
        with pytest.raises((Unavailable, KeyboardInterrupt)):
            first.result(10)
        with pytest.raises(Unavailable):
            second.result(10)
        gate.open.release()
        assert committer.commit(lambda db: work(3, db)) == 3


def test_nobody_is_told_before_it_is_on_the_disk(gate: Gate) -> None:
    """A disk that is found to be full at the very end: none of them was done."""
    committer = Committer(gate, 10)
    with ThreadPoolExecutor(3) as pool:
        told: list[object] = []
        gate.full = lambda: told.extend(wait(asked, 0.2, FIRST_COMPLETED).done)
        asked = submit(gate, committer, pool, 1, 2, 3)
        gate.open.release()
        for each in asked:
            with pytest.raises(Unavailable):
                each.result(10)
    assert told == []
    assert gate.database.execute("SELECT x FROM t").fetchall() == []


def test_leader_lost(gate: Gate) -> None:
    """A leader that never comes back is replaced."""
    committer = Committer(gate, 0.05)
    committer._led = True
    gate.open.release()
    assert committer.commit(lambda db: work(1, db)) == 1
    gate.open.release()
    assert committer.commit(lambda db: work(2, db)) == 2


def test_next_leader(gate: Gate) -> None:
    """Who comes while a transaction is under way makes the next one."""
    committer = Committer(gate, 10)
    with ThreadPoolExecutor(3) as pool:
        entered, leave = threading.Event(), threading.Event()

        def slow(database: sqlite3.Connection) -> int:
            entered.set()
            assert leave.wait(10)
            return 0

        first = pool.submit(committer.commit, slow)
        gate.open.release()
        assert entered.wait(10)
        rest = [pool.submit(committer.commit, lambda db, n=n: work(n, db)) for n in (1, 2)]
        while len(committer._asks) < 2:
            pass
        leave.set()
        assert first.result(10) == 0
        gate.open.release()
        assert [ask.result(10) for ask in rest] == [1, 2]
