"""What lies on a runner's desk, as its keeper sees it."""

import os
import signal
import threading

from app.worker.desk import Desk, Now, memory_of


def test_nothing_lies_on_it_at_first() -> None:
    """Nor after it was cleared."""
    desk = Desk()
    assert desk.look() is None
    desk.begin(7, 12.5)
    desk.clear()
    assert desk.look() is None


def test_what_was_begun_is_seen() -> None:
    """Its number, since when, and what memory was held then."""
    desk = Desk()
    desk.begin(1 << 40, 12.5, 1000)
    assert desk.look() == Now(1 << 40, 12.5, 1000)


def test_a_child_that_has_died_left_it_as_it_was() -> None:
    """So its parent knows of what it died."""
    desk = Desk()
    if (child := os.fork()) == 0:
        desk.begin(3, 1.5)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert desk.look() == Now(3, 1.5, 0)


def test_what_is_void_is_so_for_all_before_it() -> None:
    """And is never taken back."""
    desk = Desk()
    assert not desk.is_void(1)
    desk.void(5)
    desk.void(3)
    assert [desk.is_void(n) for n in (1, 5, 6)] == [True, True, False]


def test_a_fresh_job_never_looks_as_old_as_the_last() -> None:
    """However fast they follow each other, a look sees no half of two."""
    desk, done = Desk(), threading.Event()

    def work() -> None:
        for number in range(1, 30_000):
            desk.begin(number, number * 2.0, number * 3)
            desk.clear()
        done.set()

    working = threading.Thread(target=work)
    working.start()
    seen = []
    while not done.is_set():
        if now := desk.look():
            seen.append(now)
    working.join()
    assert all(now.since >= now.number * 2.0 for now in seen)


def test_memory_is_told_in_bytes() -> None:
    """Of a process that is gone, nothing."""
    assert memory_of(os.getpid()) > 5_000_000
    assert memory_of(1 << 22) == 0
