"""What a function asks of its run: steps, waits, progress, log, and where it may stop."""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.ports import Delete, Put
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.errors import Refused, Retry, Stale, TimedOut, TooLarge, Unavailable
from app.room.execute import captured
from app.room.ledger import Lost
from app.room.notes import Log
from app.room.step_error import StepFailed
from app.testing import OwnClock
from tests.room.no_files import without_files

DAY = 86400.0


def again(lab, declare, first, then):
    """Runs `first` until it waits, then `then` in its place: the code was changed meanwhile."""
    declare(lambda run: first(run))
    id = lab.submit("tried")
    lab.run_next()
    lab.room.registry._operations.clear()
    declare(lambda run: then(run))
    lab.run()
    return lab.job(id)


# Steps


def test_a_step_runs_once(lab, declare):
    """Its result comes back after a wait and after a crash, by name and occurrence."""
    ran = []

    def tried(run):
        values = [run.step("draw", lambda n=n: ran.append(n) or {"n": n}) for n in range(3)]
        run.sleep("1h")
        values.append(run.step("send", lambda: ran.append("send") or "sent"))
        return values

    declare(tried)
    id = lab.submit("tried")
    lab.crash_at("send")
    lab.run()
    assert lab.result(id) == [{"n": 0}, {"n": 1}, {"n": 2}, "sent"]
    assert ran == [0, 1, 2, "send", "send"]  # it died after sending, and before it was remembered


def test_a_step_gives_the_same_the_first_time(lab, declare):
    """What it gives is JSON at once, so that a first run and a resumed one see the same."""
    seen = []

    def tried(run):
        value = run.step("pair", lambda: {"when": datetime(2026, 1, 1, tzinfo=UTC), "two": (1, 2)})
        seen.append(value)
        value["two"].append(3)
        run.sleep(1)

    declare(tried)
    lab.submit("tried")
    lab.run()
    assert seen == [{"when": "2026-01-01T00:00:00Z", "two": [1, 2, 3]}] * 2


def test_a_step_takes_arguments(lab, declare):
    """`run.step(name, function, *args, **kwargs)`."""
    declare(lambda run: run.step("add", lambda a, b, *, c: a + b + c, 1, 2, c=3))
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == 6


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (lambda run: run.step("b", str), "remembers step 'a', and the code asks for step 'b'"),
        (lambda run: run.sleep(1), "and the code asks for sleep 'sleep'"),
        (lambda run: None, "the function has ended, and never asked for step 'a'"),
        (lambda run: (run.step("new", str), run.step("a", str)), "code asks for step 'new'"),
        (lambda run: (run.step("a", str), run.step("a", str)), "asks for step 'a' (number 2"),
        (lambda run: list(run.each([1])), "asks for each 'each'"),
        (lambda run: run.wait_for("a"), "asks for signal 'a'"),
        (lambda run: run.map("tried", [{}]), "asks for map 'tried'"),
        (lambda run: run.until(datetime.now(UTC)), "asks for until 'until'"),
    ],
    ids=["renamed", "retyped", "removed", "put before", "doubled", "a loop", "a signal", "a map",
         "a moment"],
)  # fmt: skip
def test_a_journal_that_does_not_fit_is_an_error(lab, declare, then, said):
    """It says what it remembers and what the code asks for; never a silent skip, and no retry."""
    told = again(lab, declare, lambda run: (run.step("a", str), run.sleep(5)), then)
    assert (told["status"], told["error"]["kind"], told["attempt"]) == ("failed", "misfit", 1)
    assert said in told["error"]["detail"]
    assert "a retry is a new one" in told["error"]["detail"]


def test_steps_may_be_added_at_the_end(lab, declare):
    """What comes after all that is remembered fits any journal."""
    told = again(
        lab,
        declare,
        lambda run: (run.step("a", str), run.sleep(5)),
        lambda run: [run.step("a", str), run.sleep(5), run.step("b", lambda: 2)],
    )
    assert told["result"] == ["", None, 2]


@pytest.mark.parametrize(
    "inner",
    [
        lambda run: run.step("inner", str),
        lambda run: run.sleep(1),
        lambda run: list(run.each([1])),
        lambda run: run.wait_for("go"),
        lambda run: run.map("tried", []),
    ],
    ids=["step", "sleep", "each", "signal", "map"],
)
def test_a_step_holds_no_other(lab, declare, inner):
    """Half a step cannot be remembered: the error names both."""
    declare(lambda run: run.step("outer", inner, run))
    id = lab.submit("tried")
    lab.run()
    assert lab.error(id)["kind"] == "misfit"
    assert "is inside step 'outer'" in lab.error(id)["detail"]


def test_progress_and_log_may_stand_in_a_step(lab, declare):
    """They are not remembered, so they may stand anywhere."""

    def inner(run):
        run.progress(1, 2)
        run.log("half")
        return 5

    declare(lambda run: run.step("outer", inner, run))
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == 5
    assert lab.log(id) == ["half"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(object(), "does not fit into JSON"), (b"x", "save them as a file"), (float("nan"), "no nan"),
     ("\ud800", "surrogate")],
    ids=["object", "bytes", "nan", "half a character"],
)  # fmt: skip
def test_a_step_that_cannot_be_remembered_says_so(lab, declare, value, said):
    """Its value must fit into JSON."""
    declare(lambda run: run.step("a", lambda: value), retries=0)
    id = lab.submit("tried")
    lab.run()
    assert said in lab.error(id)["detail"]
    assert lab.job(id)["status"] == "failed"


def test_a_value_too_large_to_remember_leaves_no_trace(lab, declare):
    """But for the error, which is remembered like any other that is caught."""

    def tried(run):
        with suppress(TooLarge):
            run.step("large", lambda: "x" * 110_000)
        run.sleep(1)
        return run.step("small", lambda: 1)

    declare(tried)
    without_files(lab)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == 1
    assert len(str(lab.room.engine.get(id, LOCAL).body)) < 2000


class CardRefused(Exception):
    pass


class Odd(Exception):
    def __new__(cls, *args):
        if args != ("once",):
            raise TypeError("made by once alone")
        return super().__new__(cls, *args)

    def __init__(self, *args):
        super().__init__(object())


@pytest.mark.parametrize(
    ("error", "caught"),
    [
        (CardRefused("no money", 7), CardRefused),
        (KeyError("x"), KeyError),
        (FileNotFoundError(2, "gone"), FileNotFoundError),
        (Refused("no", who="Tom"), Refused),
        (Retry("later"), Retry),
        (Odd("once"), StepFailed),
        (type("Inner", (Exception,), {})("x"), StepFailed),
        (ValueError(object()), StepFailed),
        (ValueError("x" * 10_000), StepFailed),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_an_error_that_was_caught_comes_again(lab, declare, error, caught):
    """A function that went on another way goes that way when it is resumed, though the step would
    go well by now."""
    did = []

    def charge():
        if not did:
            raise error

    def tried(run):
        try:
            run.step("charge", charge)
        except (type(error), StepFailed) as refused:
            did.append(refused)
            run.step("tell", lambda: did.append("told"))
        run.sleep(60)
        return "done"

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == "done"
    first, told, again = did
    assert (first, told, type(again)) == (error, "told", caught)
    if caught is not StepFailed:
        assert (str(again), again.args) == (str(error), error.args)
    if caught is Refused:
        assert again.members == {"who": "Tom"}


def test_a_step_that_ended_an_attempt_runs_in_the_next(lab, declare):
    """Its error was not caught, so it is not remembered; in a loop neither."""
    tries = []

    def flaky():
        tries.append(1)
        if len(tries) % 2:
            raise ValueError("not yet")

    def tried(run):
        run.step("before", str)
        run.step("flaky", flaky)
        for _ in run.each(range(2), every=1):
            run.step("flaky", flaky)

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.job(id)["status"] == "succeeded"
    assert (len(tries), lab.job(id)["attempt"]) == (6, 4)


# Sleeping


def test_a_day_costs_nothing(lab, declare):
    """The job waits in the store; the worker is free, and no attempt is counted."""
    woke = []

    def tried(run):
        for _ in range(3):
            run.sleep("1d")
            woke.append(lab.clock.now())
        return run.attempt

    declare(tried)
    began = lab.clock.now()
    id = lab.submit("tried")
    lab.run_next()
    told = lab.job(id)
    assert (told["status"], told["attempt"]) == ("waiting", 1)
    assert told["due_at"] == "2026-01-02T00:00:00.000Z"
    assert lab.run_next() is None
    lab.run()
    assert lab.result(id) == 1
    assert woke[-1] == began + 3 * DAY
    assert lab.job(id)["attempt"] == 1


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (lambda now: now + 90, 90),
        (lambda now: datetime.fromtimestamp(now, UTC) + timedelta(hours=1), 3600),
        (lambda now: now - 5, 0),
    ],
    ids=["seconds", "datetime", "past"],
)
def test_until_a_moment(lab, declare, moment, seconds):
    """A datetime with a zone, or seconds since the epoch; a past one is no wait."""
    began = lab.clock.now()
    declare(lambda run: run.until(moment(began)))
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) is None
    assert lab.clock.now() == began + seconds


def test_until_needs_a_zone(lab, declare):
    """A naive datetime means another moment on each machine."""
    declare(lambda run: run.until(datetime(2030, 1, 1)), retries=0)  # noqa: DTZ001 - that is the test
    id = lab.submit("tried")
    lab.run()
    assert "needs a datetime with a zone" in lab.error(id)["detail"]


def test_a_sleep_over_years_is_shown_and_slept(lab, declare):
    """It looks again each year; a moment beyond all calendars can still be shown."""
    began = lab.clock.now()
    declare(lambda run: run.sleep("800d"))
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) is None
    assert lab.clock.now() == began + 800 * DAY
    declare(lambda run: run.until(1e300), "forever")
    endless = lab.submit("forever")
    lab.run_next()
    assert lab.job(endless)["status"] == "waiting"


def test_a_sleep_is_as_long_as_it_was_when_it_began(lab, declare):
    """A crash in between does not make it longer."""
    began = lab.clock.now()

    def tried(run):
        run.step("before", str)
        run.sleep(100)
        run.step("after", str)

    declare(tried)
    id = lab.submit("tried")
    lab.run_next()
    lab.crash_at("after")
    lab.run()
    assert lab.result(id) is None
    assert lab.clock.now() == began + 100 + lab.room.engine.lease


# Signals


def waits(run):
    return run.wait_for("go", "1h")


def test_a_signal_that_comes_early_is_kept(lab, declare):
    """Even before the job has run."""
    declare(waits)
    id = lab.submit("tried")
    lab.signal(id, "go", {"by": "Ada"})
    lab.run()
    assert lab.result(id) == {"by": "Ada"}


def test_a_signal_wakes_who_waits(lab, declare):
    """Whoever waits goes on with the value; `None` is a value too."""
    declare(waits)
    id = lab.submit("tried")
    lab.run()
    assert lab.job(id)["status"] == "waiting"
    lab.signal(id, "go", None)
    lab.run()
    assert lab.result(id) is None


def test_a_wait_has_an_end(lab, declare):
    """`TimedOut` past its timeout, and again when the run comes by a second time, even if the
    signal has come since."""
    caught = []

    def tried(run):
        try:
            run.wait_for("go", "1h")
        except TimedOut as error:
            caught.append(str(error))
        run.sleep(60)
        return "gave up"

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    lab.advance("1h")
    lab.run_next()
    assert lab.job(id)["status"] == "waiting"
    lab.signal(id, "go", "too late")
    lab.run()
    assert lab.result(id) == "gave up"
    assert caught == ["No signal 'go' came in time."] * 2


def test_a_wait_that_timed_out_ends_the_job(lab, declare):
    """Of kind timeout, when the function does not catch it; a second attempt remembers it."""
    declare(waits, retries=1)
    id = lab.submit("tried")
    lab.run()
    lab.advance("2h")
    lab.run()
    assert (lab.error(id)["kind"], lab.job(id)["attempt"]) == ("timeout", 2)


def test_a_signal_at_the_last_moment_counts(lab, declare):
    """It came in time if it is there when the run looks."""
    declare(waits)
    id = lab.submit("tried")
    lab.run()
    lab.signal(id, "go", 1)
    lab.advance("2h")
    lab.run()
    assert lab.result(id) == 1


def test_signals_of_one_name_come_in_order(lab, declare):
    """Each is given once; those of other names wait for their own."""

    def tried(run):
        return [run.wait_for("go"), run.wait_for("stop"), run.wait_for("go")]

    declare(tried)
    id = lab.submit("tried")
    lab.signal(id, "go", 1)
    lab.run()
    lab.signal(id, "go", 2)
    lab.signal(id, "go", 3)
    lab.run()
    assert lab.job(id)["status"] == "waiting"
    lab.signal(id, "stop", "now")
    lab.run()
    assert lab.result(id) == [1, "now", 2]


@pytest.mark.parametrize("moment", ["after the look", "before the save"])
def test_a_signal_in_between_is_not_lost(lab, declare, moment):
    """Between the run's look and the write of its wait; or while another one is being taken."""
    declare(lambda run: [run.wait_for("go"), run.wait_for("go")])
    id = lab.submit("tried")
    if moment == "before the save":
        lab.signal(id, "go", "first")
    (claimed,) = lab.room.engine.claim()
    look = lab.room.engine.ledger.look

    def looks(record):
        found = look(record)
        if not brought:
            brought.append(lab.signal(id, "go", "brought"))
        return found

    brought = []
    lab.room.engine.ledger.look = looks
    ending = lab.room.engine.execute(claimed, Control())
    lab.room.engine.settle([(claimed, ending)])
    lab.run()
    if moment == "after the look":
        lab.signal(id, "go", "last")
        lab.run()
    assert lab.result(id) == (
        ["brought", "last"] if moment == "after the look" else ["first", "brought"]
    )


# Progress and log


def test_progress_is_written_at_most_each_second(lab, declare):
    """However often it is told; the last one is written at the end."""
    writes = count_writes(lab)

    def tried(run):
        for number in range(1000):
            run.progress(number, 1000, f"item {number}")
            lab.clock.sleep(0.01)

    declare(tried)
    id = lab.submit("tried")
    writes.clear()
    lab.run()
    assert 10 <= len(writes) <= 14
    assert lab.job(id)["progress"] == {"done": 999, "total": 1000, "note": "item 999"}


def count_writes(lab):
    """A list that grows with each commit."""
    writes, records = [], lab.room.engine.ledger.records
    commit = records.commit

    def counted(*asked):
        stored = commit(*asked)
        writes.append(asked)
        return stored

    records.commit = counted
    return writes


@pytest.mark.parametrize(
    ("asked", "said"),
    [((float("nan"), 1), "has nan"), ((object(), None), "object"), ((1, float("inf")), "has inf"),
     (("half",), "has 'half'"), ((1, "two"), "has 'two'"), ((None,), "None"),
     ((Decimal("nan"),), "NaN")],
)  # fmt: skip
def test_progress_is_a_number(lab, declare, asked, said):
    """What nobody can reckon with is refused where it is told, for pages and bars do."""
    declare(lambda run: run.progress(*asked), retries=0)
    id = lab.submit("tried")
    lab.run()
    assert said in lab.error(id)["detail"]
    assert "give it numbers" in lab.error(id)["detail"]
    assert lab.job(id)["progress"] is None


def test_a_note_is_bounded_and_sayable(lab, declare):
    """It comes from file names and the like."""
    declare(lambda run: run.progress(1, 2, "caf\udce9\0" + "x" * 10_000))
    id = lab.submit("tried")
    lab.run()
    note = lab.job(id)["progress"]["note"]
    assert note.startswith("caf??x")
    assert len(note) == 200


def test_what_a_run_says_is_kept(lab, declare):
    """run.log, logging of any logger from INFO, and what is printed, also without a newline."""

    def tried(run):
        run.log("told", 1)
        logging.getLogger("users.own").info("logged %d", 2)
        logging.getLogger("users.own").debug("not this")
        print("printed", 3)
        print("to stderr", file=sys.stderr)
        print("no end", end="")

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.log(id) == ["told 1", "logged 2", "printed 3", "to stderr", "no end"]
    record = lab.room.engine.get(id, LOCAL)
    levels = [level for _, level, _ in record.body["log"]["lines"]]
    assert levels == ["INFO", "INFO", "OUT", "ERR", "OUT"]


def test_what_is_printed_may_be_bytes(lab, declare):
    """And what libraries ask of a standard stream is there: its encoding, and its number, which a
    program gets that is started with it."""

    def tried(run):
        sys.stdout.buffer.write(b"caf\xc3")
        sys.stdout.buffer.write(b"\xa9 \xff\n")
        return [(each.encoding, each.fileno(), each.isatty()) for each in (sys.stdout, sys.stderr)]

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == [["utf-8", 1, False], ["utf-8", 2, False]]
    assert lab.log(id) == ["café \ufffd"]


def test_a_bad_log_call_fails_no_work(lab):
    """As logging has it: a line says that there was one, and the run goes on."""
    kept = Log({}, lab.clock)
    with captured(kept):
        handler = logging.getLogger().handlers[-1]
        handler.handle(logging.makeLogRecord({"msg": "bad %d", "args": ("x",), "levelno": 20}))
    assert kept.written()["lines"][0][2] == "a log line could not be made: 'bad %d'"


def test_what_others_log_stays_as_it_was():
    """After a run the root logger has its level and its handlers again, even if the run died."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with pytest.raises(KeyError), captured(Log({}, OwnClock())):
        raise KeyError
    assert (root.level, list(root.handlers)) == before


def test_a_log_is_bounded(lab, declare):
    """The newest hundred lines, of two thousand characters, of sixteen KB together; all counted."""

    def tried(run):
        for number in range(500):
            run.log(number, "ж" * number)

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    record = lab.room.engine.get(id, LOCAL)
    lines = lab.log(id)
    assert record.body["log"]["count"] == 500
    assert len(lines) <= 100
    assert lines[-1].startswith("499 ")
    assert sum(len(line.encode()) for line in lines) <= 16 * 1024
    declare(lambda run: run.log("x" * 100_000), "long")
    long = lab.submit("long")
    lab.run()
    assert len(lab.log(long)[0]) == 2000


def test_a_log_goes_on_over_waits(lab, declare):
    """What was said before a wait stands before what is said after it, attempts alike."""

    def tried(run):
        run.log("here", run.attempt)
        run.sleep(1)
        if run.attempt == 1:
            raise Retry("not yet", after=1)

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.log(id) == ["here 1", "here 2"]


def test_what_is_said_on_the_way_back_is_kept_once(lab, declare):
    """By whatever it was said; from where the last run came to, all is kept."""

    def tried(run):
        run.log("begins")
        for number in run.each(range(3), every=1):
            print("item", number)
            run.step("draw", str)
            run.log("drawn")
            run.sleep(60)
        run.log("over")
        run.sleep(60)
        run.log("over")

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    items = [line for number in range(3) for line in (f"item {number}", "drawn")]
    assert lab.log(id) == ["begins", *items, "over", "over"]


def test_what_is_said_on_the_way_back_is_dropped_where_older_lines_are(lab, declare):
    """Nobody can tell then what was said before, and the newest lines are not pushed out."""

    def tried(run):
        for number in range(150):
            run.log(number)
        run.sleep(60)
        run.log("over")

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.log(id) == [*map(str, range(51, 150)), "over"]


# Boundaries


def test_a_job_knows_itself(lab, declare):
    """Its id, operation, key, attempt, and what is left of its slice."""
    declare(lambda run: [run.id, run.operation, run.key, run.attempt, run.remaining > 1e9])
    id = lab.submit("tried", key="k1")
    lab.run()
    assert lab.result(id) == [id, "tried", "k1", 1, True]


def test_a_slice_that_is_over_is_continued(lab, declare):
    """At the next boundary it is put back, due now, and it is no attempt; the result is as if it
    had never stopped."""
    lab.slice = 10
    left = []

    def tried(run):
        total = 0
        for number in range(20):
            left.append(run.remaining)
            total += run.step("add", lambda n=number: lab.clock.sleep(3) or n)
        return [total, run.attempt]

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == [190, 1]
    record = lab.room.engine.get(id, LOCAL)
    assert record.body["continued"] == 4  # four steps of three seconds in each slice of ten
    assert [why for *_, why in record.body["slices"]][-1] == "succeeded"
    assert max(left) == 10
    assert min(left) == 0


def test_each_slice_comes_further(lab, declare):
    """A boundary that lies beyond the slice's end is passed once, or the job would be continued
    for ever."""
    lab.slice = 10

    def tried(run):
        for number in run.each(range(5), every=1):
            lab.clock.sleep(12)
            run.step("late", lambda: None)
            lab.clock.sleep(12)
            run.step("later", lambda n=number: n)
        return "done"

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == "done"
    assert lab.room.engine.get(id, LOCAL).body["continued"] <= 10


def test_a_continued_function_may_be_plain(lab, declare):
    """One that asks for nothing just runs to its end."""
    lab.slice = 1
    declare(lambda: lab.clock.sleep(100) or "done")
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == "done"


def test_a_running_job_is_cancelled_at_its_next_boundary(lab, declare):
    """A step, an item, a sleep: what was asked to stop does nothing after it."""
    did = []

    def tried(run):
        for number in run.each(range(10), every=1):
            if number == 3:
                lab.cancel(run.id)
            did.append((number, run.cancelled))

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.job(id)["status"] == "cancelled"
    assert did == [(0, False), (1, False), (2, False), (3, False)]


def test_a_host_may_ask_a_run_to_stop(lab, declare):
    """From beside, by any thread: it stops at the next boundary, without a look at the store."""

    declare(lambda run: run.step("never", str))
    lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    for asked, ends in (("cancelled", "cancelled"), ("stop", "continued")):
        control = Control()
        getattr(control, asked).set()
        assert lab.room.engine.execute(claimed, control).what == ends


@pytest.mark.parametrize(
    ("ask", "took"),
    [
        (lambda run: run.sleep(5), 0),
        (lambda run: run.wait_for("go"), 0),
        (lambda run: run.map("tried", [{}]), 0),
        (lambda run: run.step("late", str), 20),
        (lambda run: list(run.each([1])), 20),
    ],
    ids=["sleep", "signal", "map", "slice, step", "slice, item"],
)
def test_what_swallows_the_stop_fails_and_says_so(lab, declare, ask, took):
    """A bare except catches what ends a run; the error says what to write instead."""
    lab.slice = 10

    def tried(run):
        run.step("first", str)
        lab.clock.sleep(took)
        try:
            ask(run)
        except BaseException:  # noqa: BLE001 - that is the test
            return "went on"

    declare(tried)
    id = lab.submit("tried")
    lab.run_only(id)
    assert lab.job(id)["status"] == "failed"
    assert "write `except Exception`" in lab.error(id)["detail"]


def test_except_exception_is_fine(lab, declare):
    """It does not catch what ends a run."""

    def tried(run):
        try:
            run.sleep(5)
        except Exception:  # noqa: BLE001 - that is the test
            return "caught"
        return "slept"

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == "slept"


# Failures


@pytest.mark.parametrize(
    ("error", "kind", "attempts", "traceback"),
    [
        (ValueError("no"), "internal", 4, True),
        (Refused("not you", who="Tom"), "refused", 1, False),
        (Retry("later", after=5), "unavailable", 4, True),
        (Unavailable("down"), "unavailable", 4, True),
        (TimedOut("slow"), "timeout", 4, True),
        (SystemExit(3), "internal", 4, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_how_a_function_fails(lab, declare, error, kind, attempts, traceback):
    """What the caller did wrong is not tried again; anything else is, by the operation's policy."""

    def tried():
        raise error

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    told = lab.job(id)
    assert (told["status"], told["error"]["kind"]) == ("failed", kind)
    assert told["attempt"] == attempts
    assert ("traceback" in told["error"]) == traceback
    if kind == "refused":
        assert told["error"]["who"] == "Tom"


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("cannot say")


@pytest.mark.parametrize(
    "error",
    [
        OSError("caf\udce9\0"),
        ValueError("x" * 1_000_000),
        Mute(),
        Refused("x" * 1_000_000),
        Refused("no", members="x" * 1_000_000),
        Refused("no", what=object()),
        SystemExit("\ud800"),
    ],
    ids=["half a character", "long", "mute", "long problem", "large members", "odd", "exit"],
)
def test_every_error_can_be_kept(lab, declare, error):
    """Its text may be anything, of any length: the job still ends, and its record can be read."""

    def tried():
        raise error

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    told = lab.job(id)
    assert told["status"] == "failed"
    assert len(str(told["error"])) < 30_000
    assert "\0" not in told["error"]["detail"]


def test_a_result_too_large_fails_for_good_where_there_are_no_files(lab, declare):
    """Another try would give as much."""
    without_files(lab)
    declare(lambda: "x" * 110_000)
    id = lab.submit("tried")
    lab.run()
    assert (lab.error(id)["kind"], lab.job(id)["attempt"]) == ("too_large", 1)


def test_a_job_waits_for_its_operation(lab, declare):
    """Somebody may have started the service without its modules: that costs no attempt."""
    declare(lambda: 1)
    id = lab.submit("tried")
    declared = dict(lab.room.registry._operations)
    lab.room.registry._operations.clear()
    lab.run_next()
    assert lab.job(id)["status"] == "waiting"
    assert lab.job(id)["waiting_for"] == {"reason": "operation", "name": "tried"}
    lab.room.registry._operations.update(declared)
    lab.run()
    assert (lab.result(id), lab.job(id)["attempt"]) == (1, 1)


def test_an_operation_that_is_gone_fails_its_jobs(lab, declare):
    """After a day, with a sentence that says so, and no retry."""
    declare(lambda: 1)
    id = lab.submit("tried")
    lab.room.registry._operations.clear()
    lab.run()
    assert lab.error(id)["kind"] == "unknown"
    assert lab.job(id)["attempt"] == 1


def test_state_is_of_the_last_checkpoint_after_a_failure(lab, declare):
    """As after a crash: what a failed attempt did to it since is forgotten, deep inside too."""
    seen = []

    def tried(run):
        seen.append({name: list(value) for name, value in run.state.items()})
        if run.attempt == 1:
            run.state["list"] = [1]
            run.step("save", str)
        else:
            run.step("save", str)
        run.state["list"].append(2)
        if run.attempt < 3:
            raise ValueError("again")

    declare(tried)
    lab.submit("tried")
    lab.run()
    assert seen == [{}, {"list": [1]}, {"list": [1]}]


def test_a_state_that_does_not_fit_into_json_fails(lab, declare):
    """Where it is saved, and the error says where."""

    def tried(run):
        run.state["x"] = {1, object()}
        run.step("save", str)

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert "/x" in lab.error(id)["detail"]


def test_a_state_too_large_fails(lab, declare):
    """What is large belongs into records(…)."""
    declare(lambda run: run.state.update(x="x" * 50_000), retries=0)
    id = lab.submit("tried")
    lab.run()
    assert "records(…)" in lab.error(id)["detail"]


def test_a_write_that_went_wrong_ends_the_attempt(lab, declare):
    """Nobody knows whether it landed, so no other follows; the next attempt begins with what the
    store has, even if the function caught the error and went on."""
    records = lab.room.engine.ledger.records
    commit, broken = records.commit, []
    ran = []

    def breaks(*writes):
        stored = commit(*writes)
        if len(broken) < 1 and any("journal" in getattr(w, "record", records).body for w in writes):
            broken.append(1)
            raise Unavailable("the answer was lost")
        return stored

    def tried(run):
        try:
            run.step("one", lambda: ran.append("one"))
        except Unavailable:
            ran.append("caught")
        run.step("two", lambda: ran.append("two"))
        return "done"

    declare(tried)
    id = lab.submit("tried")
    records.commit = breaks
    lab.run()
    assert lab.result(id) == "done"
    assert ran.count("one") == 1  # its first write had landed
    assert lab.job(id)["attempt"] == 2


def test_a_full_disk_is_not_waited_for_twice(lab, declare):
    """Whoever claims the job again has written: it waits less long than callers are told to."""
    records = lab.room.engine.ledger.records
    commit = records.commit

    def full(*writes):
        records.commit = commit
        raise Unavailable("The store's disk is full.", after=60)

    def tried(run):
        if run.attempt == 1:
            records.commit = full
        run.step("one", str)

    declare(tried, backoff="1s")
    id = lab.submit("tried")
    lab.run_next()
    record = lab.room.engine.ledger.get(id)
    assert record.body["error"]["kind"] == "unavailable"
    assert record.due <= lab.clock.now() + 1


def test_what_was_not_written_is_not_in_the_record(lab, declare):
    """A worker settles with the record as the run wrote it last. What the run did since, a write of
    which went wrong, is in neither: an item counts with what it did to the state, or not at all."""
    records, engine = lab.room.ports.records, lab.room.engine
    commit, seen = records.commit, []

    def down(*writes):
        raise Unavailable("The store's disk is full.")

    def tried(run):
        for n in run.each([1, 2, 3, 4], every=3):
            run.state["sum"] = run.state.get("sum", 0) + n
            if n == 4 and run.attempt == 1:
                records.commit = down
        return run.state["sum"]

    declare(tried)
    id = lab.submit("tried")
    (claimed,) = engine.claim()
    ending = engine.execute(claimed, Control(), seen.append)
    records.commit = commit
    engine.settle([(seen[-1].record, ending)])
    lab.run()
    assert lab.result(id) == 10


def test_a_write_that_went_wrong_is_not_swallowed(lab, declare):
    """A function that returns as if nothing had been has not succeeded: the next attempt may."""
    records = lab.room.engine.ledger.records
    commit = records.commit

    def down(*writes):
        records.commit = commit
        raise Unavailable("down")

    def tried(run):
        if run.attempt == 1:
            records.commit = down
        with suppress(Unavailable):
            run.step("one", str)
        return run.attempt

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == 2


# Pages


def test_thousands_of_steps_write_little_each(lab, declare):
    """Older entries move to pages of their own, so no write grows with the journal; a later run
    reads them back."""
    writes = count_writes(lab)
    ran = []

    def tried(run):
        total = 0
        for number in range(1000):
            total += run.step("one", lambda n=number: ran.append(n) or {"n": n, "x": "x" * 150})[
                "n"
            ]
        run.sleep(60)
        return total + run.step("last", lambda: 1)

    declare(tried)
    id = lab.submit("tried")
    lab.crash_at("last", times=2)
    lab.run()
    assert lab.result(id) == sum(range(1000)) + 1
    assert ran == list(range(1000))
    puts = [write for asked in writes for write in asked if isinstance(write, Put)]
    largest = max(len(str(put.record.body)) for put in puts)
    assert largest < 60_000
    pages = lab.room.engine.get(id, LOCAL).body["pages"]
    assert pages > 5


@pytest.mark.parametrize("outrun", [False, True])
def test_pages_stay_as_long_as_the_job(lab, declare, outrun):
    """At its end all of them are told so in one commit; each by itself where that is outrun."""
    aged, records = [], lab.room.engine.ledger.records
    commit = records.commit

    def counted(*asked):
        if all(isinstance(put, Put) and put.record.collection == "journals" for put in asked):
            aged.append(len(asked))
            if outrun and len(asked) > 1:
                raise Stale("Another was faster.")
        return commit(*asked)

    records.commit = counted

    def tried(run):
        for _ in range(10):
            run.step("large", lambda: "x" * 5000)

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    job = lab.room.engine.get(id, LOCAL)
    pages = job.body["pages"]
    assert pages > 5
    assert aged == ([pages] + [1] * pages if outrun else [pages])
    found = [records.get("journals", f"{id}/{n:06}") for n in range(pages)]
    assert {page.expires for page in found} == {job.expires}


def test_an_entry_is_in_one_place(lab, declare):
    """At every moment pages and record together hold each step once, so a crash at any of them
    leaves a journal that fits."""

    def tried(run):
        for number in range(20):
            run.step("large", lambda: "x" * 5000)
            record = lab.room.engine.get(run.id, LOCAL)
            kept = [*lab.room.engine.ledger.pages(record), *record.body["journal"]]
            assert [entry["i"] for entry in kept] == list(range(number + 1))
        return record.body["pages"]

    declare(tried, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) > 1


def test_each_write_is_what_the_run_holds(lab, declare):
    """Whatever others write meanwhile, and whatever of its text is not made anew."""

    def check(run):
        held = run._notes.record
        assert held == lab.room.engine.get(run.id, LOCAL)
        assert held.body["params"] == {"pad": "é" * 5000}
        return len(held.body["journal"])

    def tried(run, pad: str):
        run.state["seen"] = "ü"
        for number in range(40):
            run.log("line", number)
            run.progress(number, 40, "steps")
            run.step("step", lambda: "x" * 100)
            check(run)
        lab.room.engine.signal(run.id, "yes", {"a": 1}, LOCAL)
        run.step("signalled", lambda: 1)
        check(run)
        for number in run.each([0, 1, 2], every=1):
            check(run)
            run.state["n"] = number
            run.step("inside", lambda number=number: number)
            check(run)
        assert run.wait_for("yes") == {"a": 1}
        check(run)
        lab.room.engine.cancel(run.id, LOCAL)
        with suppress(Lost):
            run._notes.save()
        return check(run)

    declare(tried)
    id = lab.submit("tried", {"pad": "é" * 5000})
    lab.run()
    assert lab.job(id)["status"] == "succeeded"
    assert lab.job(id)["progress"]["done"] == 3


def test_a_page_that_is_gone_fails_the_job(lab, declare):
    """Without its past it cannot go on; nothing is run twice in silence."""

    def tried(run):
        for _ in range(10):
            run.step("large", lambda: "x" * 20_000)
        run.sleep(60)

    declare(tried)
    id = lab.submit("tried")
    lab.run_next()
    lab.room.ports.records.commit(Delete("journals", f"{id}/000000"))
    lab.run()
    assert "is gone" in lab.error(id)["detail"]
    assert lab.job(id)["status"] == "failed"


def test_a_left_over_thread_cannot_revive_a_settled_job(lab, declare):
    """Whoever shows progress beside the run may come too late: nothing is written, and a job that
    has ended is not due again."""
    declare(lambda run: run.log("said"))
    id = lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    kept = []
    ending = lab.room.engine.execute(claimed, Control(), kept.append)
    lab.room.engine.settle([(claimed, ending)])
    before = lab.room.engine.get(id, LOCAL)
    kept[0].log.add("INFO", "late")
    lab.clock.sleep(5)
    with pytest.raises(Lost, match="settled before"):
        kept[0].show()
    assert lab.room.engine.get(id, LOCAL) == before
    lab.run()
    assert lab.room.engine.get(id, LOCAL) == before
