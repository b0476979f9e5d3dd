"""app.testing: what people who write operations test them with."""

from datetime import date, timedelta

import pytest

from app import File, Internal, Invalid, Refused, Run, Unknown, Upload, operation, records
from app.ports.local.records import LocalRecords
from app.room.operation import REGISTRY, Registry
from app.room.records import opened
from app.testing import BEGIN, Crash, Testing


@pytest.fixture
def service():
    with Testing(Registry()) as made:
        yield made


@pytest.fixture
def declare(service):
    def declared(function, name="tried", **options):
        return service.room.registry.operation(name, **{"long": True, **options})(function)

    return declared


def test_the_example_of_its_docstring(service, declare):
    """A crash after a step, and the job goes on as if nothing had been."""

    def sheet(run, pics: list[str]) -> str:
        for pic in run.each(pics):
            run.step("draw", str, pic)
        return "sheet.png"

    declare(sheet, "cats.sheet")
    job = service.submit("cats.sheet", pics=["a", "b"])
    service.crash_at("draw")
    service.run()
    assert service.result(job) == "sheet.png"
    assert service.crashes == 1


def test_it_serves_the_programs_own_operations():
    """Those that were declared by `from app import operation`, if none are given."""
    with Testing() as service:
        assert service.room.registry is REGISTRY
        assert operation == REGISTRY.operation


def test_parameters_may_be_what_the_function_gets(service, declare):
    """A file, a date: as a test has it at hand, and by its text or its id as well."""

    def told(day: date) -> str:
        return f"{day:%d.%m.}"

    declare(told)

    def read(run: Run, pic: File) -> str:
        with run.open(pic) as stream:
            return stream.read().decode()

    declare(read, "read")
    days = [service.submit("tried", day=day) for day in (date(2026, 5, 1), "2026-05-01")]
    pic = service.file(b"meow")
    read = [service.submit("read", pic=each) for each in (File(pic), pic)]
    service.run()
    assert [service.result(job) for job in days + read] == ["01.05."] * 2 + ["meow"] * 2


def test_what_is_invalid_is_named(service, declare):
    """In the error that a test shows, field by field."""

    def picky(n: int, m: int) -> None: ...

    declare(picky)
    for ask in (service.call, service.submit):
        with pytest.raises(Invalid) as caught:
            ask("tried", n="x")
        assert caught.value.__notes__ == [
            "/n: Not a valid integer.",
            "/m: Missing data for required field.",
        ]


def test_a_call_answers_at_once(service, declare):
    """Or raises the problem."""
    declare(lambda: {"a": 1}, long=False)

    def picky(n: int) -> int:
        raise Refused("never")

    declare(picky, "picky", long=False)
    assert service.call("tried") == {"a": 1}
    with pytest.raises(Refused, match="never"):
        service.call("picky", n=1)
    with pytest.raises(Invalid):
        service.call("picky", n="x")
    with pytest.raises(Unknown):
        service.call("nobody")


def test_a_bug_shows_itself(service, declare):
    """Callers are not told of it; whoever tests it is."""
    declare(lambda: 1 / 0, long=False)
    with pytest.raises(Internal) as error:
        service.call("tried")
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_parameters_of_any_name(service, declare):
    """Given as an object where they are called like an option of submit."""

    def tried(key: str, delay: int) -> list:
        return [key, delay]

    declare(tried)
    job = service.submit("tried", {"key": "a", "delay": 3}, key="k1")
    service.run()
    assert service.result(job) == ["a", 3]
    assert service.job(job)["key"] == "k1"
    assert service.submit("tried", {"key": "a", "delay": 3}, key="k1") == job


@pytest.mark.parametrize("delay", [90, "90s", timedelta(seconds=90)])
def test_a_job_may_be_due_later(service, declare, delay):
    """The clock goes there by itself."""
    declare(lambda: 1)
    job = service.submit("tried", delay=delay)
    assert service.run_next() is None
    service.run()
    assert service.result(job) == 1
    assert service.clock.now() == BEGIN + 90


def test_the_clock_is_yours(service, declare):
    """It stands still but for sleeps, pauses, and `advance`."""
    service.advance("2h")
    service.advance(timedelta(minutes=1))
    service.advance(5)
    assert service.clock.now() == service.clock.monotonic() == BEGIN + 7265
    declare(lambda run: run.sleep("1d"))
    service.submit("tried")
    service.run()
    assert service.clock.now() == BEGIN + 7265 + 86400


def test_the_most_pressing_runs_first(service, declare):
    """One run at a time, to see what is in between."""
    declare(lambda run: run.sleep(60))
    low, high = service.submit("tried"), service.submit("tried", priority=5)
    assert [service.run_next(), service.run_next(), service.run_next()] == [high, low, None]
    assert service.job(low)["status"] == "waiting"


def test_one_job_may_run_alone(service, declare):
    """Its children and all others stay, and nothing of theirs is counted."""

    def leaf(n: int) -> int:
        return n

    declare(leaf, "leaf")
    declare(lambda run: list(run.map("leaf", [{"n": 1}])))
    other, job = service.submit("leaf", n=2), service.submit("tried")
    service.run_only(job)
    assert service.job(job)["status"] == "waiting"
    assert [each["status"] for each in service.jobs("leaf")] == ["queued", "queued"]
    service.run()
    assert service.result(job) == [1]
    assert service.job(other)["attempt"] == 1


def test_crashes_are_placed_and_counted(service, declare):
    """At a step or at an item by its loop's note; some times, after some that went well."""
    ran = []

    def tried(run) -> str:
        run.step("draw", lambda: ran.append("draw"))
        ran.extend(run.each(range(3), note="sending", every=1))
        return "done"

    declare(tried, retries=9)
    job = service.submit("tried")
    service.crash_at("draw", times=2)
    service.crash_at("sending", skip=1)
    service.run()
    assert service.result(job) == "done"
    assert service.crashes == 3
    assert service.job(job)["attempt"] == 4
    assert ran == ["draw"] * 3 + [0, 1, 1, 2]


def test_a_function_may_crash_by_itself(service, declare):
    """`raise Crash` anywhere stands for the death of the process."""

    def tried(run) -> int:
        if run.attempt < 3:
            raise Crash
        return run.attempt

    declare(tried)
    job = service.submit("tried")
    service.run()
    assert service.result(job) == 3


def test_a_job_that_always_crashes_fails(service, declare):
    """As it would in life."""

    def tried():
        raise Crash

    declare(tried, retries=1)
    job = service.submit("tried")
    service.run()
    assert (service.error(job)["kind"], service.job(job)["attempt"]) == ("crashed", 2)


def test_no_result_says_why(service, declare):
    """An AssertionError with the error and its traceback, or what to do next."""

    def broken():
        raise KeyError("pic")

    declare(broken, "broken", retries=0)
    declare(lambda run: run.wait_for("go"), "waits")
    broken_job, waiting = service.submit("broken"), service.submit("waits")
    with pytest.raises(AssertionError, match=r"call service.run\(\)"):
        service.result(broken_job)
    service.run()
    with pytest.raises(AssertionError, match=r"(?s)failed; internal: KeyError: 'pic'.*in broken"):
        service.result(broken_job)
    with pytest.raises(AssertionError, match=r"service.signal\('job_.*', 'go', …\)"):
        service.result(waiting)
    service.signal(waiting, "go", 7)
    service.run()
    assert service.result(waiting) == 7
    assert service.error(waiting) == {}


def test_a_wait_times_out_by_advancing(service, declare):
    """`run` never goes there by itself, or no test could send a signal in time."""
    declare(lambda run: run.wait_for("go", "1h"), retries=0)
    job = service.submit("tried")
    service.run()
    assert service.clock.now() == BEGIN
    service.advance("1h")
    service.run()
    assert service.error(job)["kind"] == "timeout"


def test_a_job_is_cancelled_and_retried(service, declare):
    """As callers do."""
    declare(lambda: 1)
    job = service.submit("tried")
    service.cancel(job)
    again = service.retry(job)
    service.run()
    assert service.job(job)["status"] == "cancelled"
    assert service.result(again) == 1
    assert service.job(again)["retry_of"] == job


def test_what_was_said_is_there(service, declare):
    """Log lines of run.log, logging and print."""

    def tried(run):
        run.log("one")
        print("two")

    declare(tried)
    job = service.submit("tried")
    service.run()
    assert service.log(job) == ["one", "two"]


def test_documents_are_shared_with_the_test(service, declare):
    """`records(…)` of the test are those of the operations; outside they are what they were."""
    records("cats").put("Tom", {"lives": 9})
    declare(lambda run: run.records("cats").change("Tom", lambda cat: cat.update(lives=8)))
    service.submit("tried")
    service.run()
    assert records("cats").get("Tom") == {"lives": 8}
    with Testing(Registry()) as other:
        assert records("cats").get("Tom") is None
        assert other.jobs() == []
    assert records("cats").get("Tom") == {"lives": 8}


def test_a_store_may_be_your_own(tmp_path, service):
    """It outlives the service: as after a restart the jobs are there, and it stays open."""
    registry, store = Registry(), LocalRecords(tmp_path / "own.db", floor=1)
    registry.operation("tried", long=True)(lambda run: run.records("cats").put("Tom", {}) and 1)
    with Testing(registry, records=store) as first:
        job = first.submit("tried")
    with Testing(registry, records=store) as second:
        second.run()
        assert second.result(job) == 1
        assert records("cats").get("Tom") == {}
    assert store.count("jobs") == 1
    with opened(service.room.ports):
        assert records("cats").get("Tom") is None
    store.close()


def test_a_slice_is_tried_here(service, declare):
    """As MANYDOORS_SLICE and Lambda cut a run."""
    service.slice = 60
    declare(lambda run: [run.step("hour", lambda: service.advance("1h")) for _ in range(10)])
    job = service.submit("tried")
    service.run()
    assert service.job(job)["status"] == "succeeded"
    assert service.clock.now() == BEGIN + 36000
    assert service.job(job)["attempt"] == 1


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """The folder of its store goes with it, also when the test has failed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    service = Testing(Registry())
    with pytest.raises(Unknown), service:
        service.job("job_0")
    assert list(tmp_path.iterdir()) == []


def test_an_endless_job_ends_the_test(service, declare, monkeypatch):
    """It says so, instead of running for ever."""
    monkeypatch.setattr("app.testing.MOST_RUNS", 50)

    def tried(run):
        while True:
            run.sleep(60)

    declare(tried)
    service.submit("tried")
    with pytest.raises(RuntimeError, match="still more to run"):
        service.run()


def broken(run) -> None:
    run.step("draw", str)
    list(run.each([1, 2], note="sending"))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"step": "darw"}, r"crash_at\('darw', skip=0\) crashed nothing\. .*'draw' \(1\), 'sen"),
        (
            {"step": "sending", "skip": 2},
            r"'sending', skip=2\) .*'sending' \(2\)",
        ),
        ({"step": "draw", "times": 9}, None),
    ],
)
def test_a_crash_that_never_came_fails_the_test(asked, told):
    """The steps that were reached are named; one crash of many is enough."""
    registry = Registry()
    registry.operation("tried", long=True, retries=9)(broken)

    def played() -> None:
        with Testing(registry) as service:
            service.crash_at(**asked)
            service.submit("tried")
            service.run()

    if told is None:
        played()
        return
    with pytest.raises(AssertionError, match=told):
        played()


def test_what_went_wrong_before_a_crash_is_what_is_told():
    """The block's own error is not hidden by a crash that it never came to."""

    def played() -> None:
        with Testing(Registry()) as service:
            service.crash_at("draw")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        played()


def test_files_go_in_and_out():
    """A file is made of bytes, passed by its id, and its bytes are read back."""
    registry = Registry()

    @registry.operation("shout", long=True)
    def shout(run: Run, text: File) -> File:
        with run.open(text) as stream:
            return run.save(stream.read().upper(), name=f"loud {text.name}")

    with Testing(registry) as service:
        job = service.submit("shout", text=service.file(b"meow", "cat.txt"))
        service.run()
        assert service.result(job)["name"] == "loud cat.txt"
        assert service.content(service.result(job)) == b"MEOW"


def test_a_file_starts_what_waits_for_it():
    """As an upload does; large values need nothing of the test."""
    registry = Registry()

    def shrink(run: Run, pic: File) -> str:
        return "x" * 200_000

    registry.operation("shrink", on=[Upload("*.jpg")])(shrink)
    with Testing(registry) as service:
        service.file(b"cat", name="cat.jpg")
        service.run()
        (job,) = service.jobs("shrink")
        assert service.result(job["id"]) == "x" * 200_000
