"""Ticks that are doubled, late, missed and broken off, and clocks that jump: one job a due time."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ports import Put, Record, Records
from app.ports.aws.records import AwsRecords
from app.ports.local.records import LocalRecords
from app.room.call import LOCAL
from app.room.errors import Stale, Unavailable
from app.room.operation import Registry
from app.room.schedule import SCHEDULES, Plan, plan_of
from app.room.tick import LEASE, Ticker
from app.testing import BEGIN, Testing
from tests.engines import dynamo as engine
from tests.room.model_jobs import Flaky
from tests.room.model_ticks import Model


def declared() -> Registry:
    registry = Registry()

    @registry.operation("tried", long=True)
    def tried(n: int = 0) -> int:
        return n

    return registry


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Records]:
    records = LocalRecords(tmp_path_factory.mktemp("ticks") / "records.db", floor=1)
    yield records
    records.close()


@pytest.fixture(scope="module")
def aws(require: Callable[[Any, str], None]) -> Iterator[Records]:
    with pytest.MonkeyPatch.context() as patch, engine.running(require) as url:
        for name, value in engine.ENVIRON.items():
            patch.setenv(name, value)
        engine.make_table(url, "records")
        records = AwsRecords("records", url=url)
        yield records
        records.close()


@pytest.fixture(params=["local", pytest.param("aws", marks=pytest.mark.engine)])
def store(request: pytest.FixtureRequest) -> Records:
    """Each engine, with the embedded one's files or DynamoDB Local."""
    found: Records = request.getfixturevalue(request.param)
    return found


def jobs_of(lab: Testing) -> list[Record]:
    found, cursor = [], None
    while True:
        page = lab.room.ports.records.list("jobs", cursor=cursor, limit=200)
        found += page.items
        if (cursor := page.next) is None:
            return found


INTERVALS = st.sampled_from([1.0, 7.0, 60.0, 3600.0])
SPANS = st.sampled_from([0.0, 0.5, 1.0, 20.0, 61.0, 3601.0, 3 * 86400.0])
FAULTS = st.tuples(st.sampled_from(["refused", "lost"]), st.integers(1, 2))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), SPANS),
        st.tuples(st.just("back"), st.sampled_from([0.5, 30.0, 3600.0])),
        st.tuples(st.just("tick"), st.sampled_from([0.0, 0.0, 60.0])),
        st.tuples(st.just("broken"), FAULTS),
        st.tuples(st.just("edit"), st.booleans()),
    ),
    max_size=25,
)


def play(store: Records, interval: float, catch_up: Any, steps: list[tuple[str, Any]]) -> None:
    records = Flaky(store, uuid.uuid4().hex)
    with Testing(declared(), records=records) as lab:  # type: ignore[arg-type]
        plan = Plan("tried", {"n": 0}, every=interval, catch_up=catch_up)
        record, _ = lab.room.calendar.put("s", plan, LOCAL, "test")
        model = Model(interval, BEGIN, catch_up, BEGIN)
        for what, how in [*steps, ("advance", LEASE + 60), ("tick", 0.0), ("tick", 0.0)]:
            step(lab, records, model, what, how)
            record = lab.room.calendar.get("s", LOCAL)
            assert record.body["upto"] == model.upto
        assert {
            (each.body["params"]["n"], each.body["due"]): each.label for each in jobs_of(lab)
        } == model.jobs
        assert len(jobs_of(lab)) == len(model.jobs)
        ran = [due for (_, due), status in model.jobs.items() if status == "queued"]
        assert len(ran) == len(set(ran)), "a due time ran for two plans"


def step(lab: Testing, records: Flaky, model: Model, what: str, how: Any) -> None:
    calendar, now = lab.room.calendar, lab.clock.now()
    if what == "advance":
        lab.advance(how)
    elif what == "back":
        lab.clock._now -= min(how, now - BEGIN)
    elif what == "edit":
        before = plan_of(calendar.get("s", LOCAL))
        plan = replace(before, params={"n": model.plan + 1}, enabled=how)
        calendar.put("s", plan, LOCAL, "test")
        model.change(now, how)
    else:
        ahead = how if what == "tick" else 0.0
        if what == "broken":
            records.fault, records.countdown = how
        with suppress(Unavailable):
            Ticker(lab.room.registry, lab.room.ports).tick(ahead)
        records.fault = ""
        if calendar.get("s", LOCAL).body["upto"] > model.upto:  # it was its turn, and was written
            model.tick(now, ahead)
        else:
            found = calendar.get("s", LOCAL)
            leased = what == "broken" or (found.due or 0.0) > now + ahead
            assert leased or not model.is_due(now + ahead)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(INTERVALS, st.sampled_from(["none", "one", "all"]), STEPS)
def test_any_ticks(local: Records, interval: float, catch_up: str, steps: Any) -> None:
    """However they come: the jobs are those of a plain model, each due time's once."""
    play(local, interval, catch_up, steps)


@pytest.mark.engine
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([7.0, 3600.0]), st.sampled_from(["one", "all"]), STEPS)
def test_any_ticks_on_dynamo(aws: Records, interval: float, catch_up: str, steps: Any) -> None:
    """The same on DynamoDB."""
    play(aws, interval, catch_up, steps)


class Meddling:
    """A store in which something happens just before the next commit."""

    def __init__(self, inner: Records) -> None:
        self._inner = inner
        self.meddle: Callable[[], Any] | None = None

    def commit(self, *writes: Any) -> Any:
        if self.meddle:
            meddle, self.meddle = self.meddle, None
            meddle()
        return self._inner.commit(*writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def lab(store: Records) -> Iterator[Testing]:
    records: Any = Meddling(Flaky(store, uuid.uuid4().hex))
    with Testing(declared(), records=records) as made:
        yield made


HOURLY = Plan("tried", {"n": 0}, every="1h")


def put(lab: Testing, plan: Plan = HOURLY) -> Record:
    return lab.room.calendar.put("s", plan, LOCAL, "test")[0]


def tick(lab: Testing, ahead: float = 0.0) -> int:
    return Ticker(lab.room.registry, lab.room.ports).tick(ahead).jobs


def meddle(lab: Testing, action: Callable[[], Any]) -> None:
    records: Any = lab.room.ports.records
    records.meddle = action


@pytest.mark.parametrize(
    ("change", "params"),
    [
        (lambda lab: put(lab, replace(HOURLY, enabled=False)), []),
        (lambda lab: lab.room.calendar.delete("s", LOCAL), []),
        (lambda lab: put(lab, replace(HOURLY, params={"n": 1})), [1]),
        (lambda lab: put(lab, replace(HOURLY, every="2h")), []),
        (lambda lab: lab.room.calendar.run("s", LOCAL, "test"), [0, 0]),
        (lambda lab: [lab.advance(LEASE + 1), tick(lab)], [0]),
    ],
    ids=["pause", "delete", "edit", "other times", "run", "another clock"],
)
def test_a_change_at_the_due_instant(
    lab: Testing, change: Callable[[Testing], Any], params: list[int]
) -> None:
    """Between a clock's claim and its write: what was asked for last is what counts."""
    put(lab)
    lab.advance("1h")
    meddle(lab, lambda: change(lab))
    tick(lab)
    tick(lab)
    assert [each.body["params"]["n"] for each in jobs_of(lab)] == params


def test_ahead_of_their_time(lab: Testing) -> None:
    """Jobs that were made early start when they are due; of a plan that is changed before that
    they are cancelled, and the new plan's come."""
    put(lab)
    lab.advance("59m")
    assert tick(lab, 61.0) == 1
    assert tick(lab, 61.0) == 0
    (made,) = jobs_of(lab)
    assert (made.due, made.body["due"]) == (BEGIN + 3600, BEGIN + 3600)
    assert lab.room.engine.claim() == []
    put(lab, replace(HOURLY, params={"n": 1}))
    assert tick(lab, 61.0) == 1
    lab.advance("1m")
    (claimed,) = lab.room.engine.claim(5)
    assert claimed.body["params"] == {"n": 1}
    assert sorted(each.label for each in jobs_of(lab)) == ["cancelled", "running"]


def test_many_at_once(lab: Testing) -> None:
    """Of a hundred that are owed each has its job, though no commit holds them all."""

    def wide(word: str) -> None: ...

    lab.room.registry.operation("wide", long=True)(wide)
    plan = Plan("wide", {"word": "x" * 90_000}, every="1h", catch_up="all")
    put(lab, plan)
    lab.advance("200h")
    assert tick(lab) == 100
    assert tick(lab) == 0
    dues = sorted(each.body["due"] for each in jobs_of(lab))
    assert dues == [BEGIN + hour * 3600 for hour in range(101, 201)]


def test_an_operation_that_is_gone(lab: Testing) -> None:
    """Its job ends failed and says why; the schedule goes on."""
    put(lab)
    del lab.room.registry._operations["tried"]
    for hour in (1, 2):
        lab.advance("1h")
        assert tick(lab) == 1
        (made,) = jobs_of(lab)[:1]
        assert made.label == "failed"
        assert "no operation tried" in made.body["error"]["detail"]
        assert len(jobs_of(lab)) == hour


def test_params_that_no_longer_fit(lab: Testing) -> None:
    """The same."""
    put(lab, replace(HOURLY, params={"n": 3}))
    del lab.room.registry._operations["tried"]
    lab.room.registry.operation("tried", long=True)(lambda: None)
    lab.advance("1h")
    assert tick(lab) == 1
    lab.run()
    (made,) = jobs_of(lab)
    assert (made.label, made.body["error"]["kind"]) == ("failed", "invalid")
    lab.advance("1h")
    assert tick(lab) == 1


def test_a_zone_that_is_gone(lab: Testing) -> None:
    """Keeps nobody else's from coming due, and is made up for once the zone is known again."""
    put(lab, replace(HOURLY, every=None, cron="0 * * * *", tz="Europe/Berlin"))
    lab.room.calendar.put("other", HOURLY, LOCAL, "test")
    records = lab.room.ports.records
    found = lab.room.calendar.get("s", LOCAL)
    for zone, made in (("Mars/Phobos", 1), ("Europe/Berlin", 2)):
        found = lab.room.calendar.get("s", LOCAL)
        plan = found.body["plan"] | {"tz": zone}
        records.commit(Put(replace(found, body=found.body | {"plan": plan}), found.version))
        lab.advance("1h")
        assert tick(lab) == made
        shown = lab.room.calendar.view(lab.room.calendar.get("s", LOCAL))
        assert len(shown["upcoming"]) == (5 if zone == "Europe/Berlin" else 0)
    assert len({each.body["key"] for each in jobs_of(lab)}) == 3


def test_nothing_due_costs_nothing(lab: Testing) -> None:
    """No write, however many schedules there are."""
    put(lab)

    def refused() -> None:
        raise AssertionError("a tick wrote, and nothing was due")

    meddle(lab, refused)
    assert tick(lab) == 0


def test_a_store_that_never_agrees(lab: Testing) -> None:
    """A tick gives way, and does not try for ever."""
    put(lab)
    lab.advance("1h")

    def away() -> None:
        raise Stale("another was faster")

    meddle(lab, away)
    assert tick(lab) == 0
    lab.advance(LEASE)
    assert tick(lab) == 1
    assert lab.room.ports.records.get(SCHEDULES, "nobody") is None
