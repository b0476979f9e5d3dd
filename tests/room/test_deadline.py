"""A late call ends with `timeout`, and no exception ever reaches what is not late."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from app.config import Settings
from app.ports.local.records import LocalRecords
from app.room import deadline as module
from app.room.call import Call
from app.room.deadline import CallTimedOut, deadline, undisturbed
from app.room.enter import Room
from app.room.operation import Registry
from app.room.records import records
from app.wiring import make_ports

LIMIT = 0.05


@pytest.fixture
def watch(monkeypatch):
    """A watch of the test's own that looks often: calls of other tests are none of its matter."""
    monkeypatch.setattr(module, "LOOK", 0.002)
    return module._watch


def endless() -> None:
    while True:
        pass


def for_a_while(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def swallowing() -> None:
    while True:
        with suppress(Exception):
            endless()


@pytest.mark.parametrize("function", [endless, swallowing])
def test_an_endless_call_ends_near_its_limit(outcome, watch, function, caplog):
    """An endless loop in Python ends with `timeout`, also when it catches every Exception."""
    began = time.monotonic()
    problem = outcome(function, timeout=LIMIT).problem
    took = time.monotonic() - began
    assert (problem.kind, problem.retry) == ("timeout", True)
    assert "0.05 s" in problem.detail
    assert LIMIT <= took < LIMIT + 5
    until = time.monotonic() + 5  # the watch ends the call first, then tells
    while "a call is over its time" not in caplog.text:
        assert time.monotonic() < until


def test_a_call_in_time_is_left_alone(outcome, watch):
    """A call within its limit gives its result, and nothing comes afterwards."""
    assert outcome(lambda: 1, timeout=LIMIT).value == 1
    time.sleep(2 * LIMIT)


def test_many_late_calls_all_end(watch, room):
    """Calls in many threads are each ended, and those in time among them are not."""
    room.registry.operation("late", timeout=LIMIT)(endless)
    room.registry.operation("quick", timeout=30)(lambda: 1)
    kinds: list[str] = []

    def enter(name: str) -> None:
        problem = room.enter(Call(name)).problem
        kinds.append(problem.kind if problem else "ok")

    together(lambda: enter("late"), lambda: enter("quick"), times=8)
    assert sorted(kinds) == ["ok"] * 8 + ["timeout"] * 8


def test_nothing_comes_after_the_end(watch):
    """However near its limit a block ends, the exception comes inside the `with` or never."""
    strays: list[BaseException] = []
    late = in_time = 0

    def hammer() -> None:
        nonlocal late, in_time
        for turn in range(250):
            try:
                late_by_chance = ends_about_its_limit(turn)
                late += late_by_chance
                in_time += not late_by_chance
                sum(range(300))  # where a stray would come
            except BaseException as error:  # noqa: BLE001 - strays are what is looked for
                strays.append(error)

    together(hammer, times=4)
    assert strays == []
    assert late > 10
    assert in_time > 10


def ends_about_its_limit(turn: int) -> bool:
    try:
        with deadline(0.002, "near"):
            until = time.monotonic() + 0.0005 + turn % 20 * 0.0002
            while time.monotonic() < until:
                pass
    except CallTimedOut:
        return True
    return False


def test_what_was_put_into_a_thread_is_taken_back(watch, monkeypatch):
    """An exception that is under way as its call ends is taken back, once, from that thread."""
    put = []
    monkeypatch.setattr(module, "_put_exception", lambda *what: put.append(what))
    with deadline(LIMIT, "ends as it is found late"):
        while not put:
            time.sleep(0.001)
    with deadline(30, "in time"):
        pass
    me = threading.get_ident()
    assert put == [(me, CallTimedOut), (me, None)]


def test_what_was_torn_ends_with_its_call(watch):
    """An `undisturbed` that never got to its end does not keep later calls from ending."""
    with deadline(30, "torn"):
        undisturbed().__enter__()
    with pytest.raises(CallTimedOut), deadline(LIMIT, "next"):
        for_a_while(5)


def test_no_call_is_remembered_after_its_end(watch):
    """Ended, late or failed: the watch holds nothing of a call any more, and sleeps."""
    for block in (lambda: None, endless, lambda: 1 / 0):
        with suppress(CallTimedOut, ZeroDivisionError), deadline(LIMIT, "x"):
            block()
    assert watch._calls == {}
    until = time.monotonic() + 5
    while watch._awake.is_set() and time.monotonic() < until:
        time.sleep(0.01)
    assert not watch._awake.is_set()


def test_calls_that_follow_each_other_wake_the_watch_once(watch, monkeypatch):
    """To be woken takes as long as a whole call, so it looks on for a while."""
    fresh, woken, looks = module._Watch(), [], []
    wake, end_late = fresh._wake, fresh._end_late
    monkeypatch.setattr(module, "_watch", fresh)
    monkeypatch.setattr(module, "IDLE_LOOKS", 10**9)
    monkeypatch.setattr(fresh, "_wake", lambda: (woken.append(1), wake()))
    monkeypatch.setattr(fresh, "_end_late", lambda now: (looks.append(now), end_late(now)))
    for _ in range(3):
        with deadline(30, "short"):
            pass
        seen, until = len(looks), time.monotonic() + 10
        while len(looks) < seen + 2 and time.monotonic() < until:
            time.sleep(0.001)
    assert (len(looks) >= 6, woken) == (True, [1])


def test_a_fork_has_a_watch_of_its_own(watch):
    """In a child a late call is ended too, and calls of the parent's threads are not its matter."""

    def ends_late() -> bool:
        try:
            with deadline(LIMIT, "child"):
                endless()
        except CallTimedOut:
            return True

    with in_another_thread(deadline(3600, "parent")):
        assert child(lambda: module._watch._calls == {})
        assert ends_late()
        with module._watch._lock:  # the worst moment to fork in
            assert child(ends_late)


def test_a_thread_that_cannot_start_is_started_by_the_next_call(watch, monkeypatch):
    """A moment without room for a thread costs that call, not the limits of all that follow."""

    def full(_: object) -> None:
        raise RuntimeError("can't start new thread")

    fresh = module._Watch()
    monkeypatch.setattr(module, "_watch", fresh)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError), deadline(LIMIT, "unlucky"):
            pass
    assert fresh._calls == {}
    with pytest.raises(CallTimedOut), deadline(LIMIT, "next"):
        endless()


def test_what_must_not_be_torn_is_not(watch):
    """Inside `undisturbed` nothing comes; what became due comes as soon as it ends."""
    reached = []

    def careful() -> None:
        with undisturbed():
            time.sleep(3 * LIMIT)
            reached.append("the end of what must not be torn")
        reached.append("more")

    with pytest.raises(CallTimedOut), deadline(LIMIT, "careful"):
        careful()
    assert reached == ["the end of what must not be torn"]


def test_a_late_call_does_not_break_the_store(watch, tmp_path):
    """A call that ends late while it waits its turn to write leaves the store whole."""
    store = LocalRecords(tmp_path / "db", patience=1)
    made = make_ports(Settings(data=tmp_path))
    room = Room(Registry(), replace(made, records=store))

    @room.registry.operation("late", timeout=LIMIT)
    def late() -> None:
        for number in range(10_000):
            records("cats").put("Tom", {"number": number})

    @room.registry.operation("quick")
    def quick() -> None:
        records("cats").put("Mia", {})

    store.ping()
    for _ in range(5):
        with store._here().connections.writing():
            waiting = threading.Thread(target=room.enter, args=[Call("late")])
            waiting.start()
            time.sleep(3 * LIMIT)
        waiting.join()
        assert room.enter(Call("quick")).problem is None
    store.close()


def together(*tasks, times: int) -> None:
    threads = [threading.Thread(target=task) for task in tasks for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextmanager
def in_another_thread(block) -> Iterator[None]:
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        with block:
            inside.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def child(holds) -> bool:
    """Does it hold in a forked process? One that hangs does not."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if holds() else 1
        finally:
            os._exit(code)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.005)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return False
