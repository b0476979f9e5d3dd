"""What is named stays, and what nobody names goes: of any history of files, jobs and schedules."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app import File, Run
from app.ports import Put, Record
from app.room.call import LOCAL
from app.room.errors import Conflict, Problem, Unavailable
from app.room.file_uses import FILES, USES, note_jobs
from app.room.files import ids_in
from app.room.job import JOBS, TERMINAL
from app.room.operation import Registry
from app.room.schedule import SCHEDULES, Plan, plan_of
from app.room.shelf import GRAVES, UPLOAD, Wish
from app.room.strict_json import write_json
from app.testing import Testing
from handlers.work import work
from tests.room.memory import stored_in_memory

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
DELETED = "change or delete that first"
LONG = int(os.environ.get("RETENTION", "0"))  # examples, for whoever has time
KEEP = "2d"
SPANS = (11 * MINUTE, 7 * HOUR, 2.5 * DAY, 31 * DAY)


def declared() -> Registry:
    registry = Registry()
    long: dict[str, Any] = {"long": True, "keep": KEEP, "backoff": 0, "retries": 1}

    @registry.operation("use", **long)
    def use(run: Run, pic: File) -> str:
        with run.open(pic) as stream:
            return hashlib.sha256(stream.read()).hexdigest()

    @registry.operation("save", **long)
    def save(run: Run, pic: File) -> File:
        with run.open(pic) as stream:
            return run.save(stream.read() + b"!", name="saved.txt")

    @registry.operation("large", **long)
    def large(pic: File, text: str) -> dict[str, Any]:
        return {"text": text, "pic": pic}

    @registry.operation("nap", **long)
    def nap(run: Run, pic: File) -> None:
        run.sleep("40d")
        run.open(pic).close()

    @registry.operation("map", **long)
    def map(run: Run, pics: list[File]) -> Any:
        return run.map("save", [{"pic": pic.id} for pic in pics])

    return registry


class Retention(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.records = self.open.enter_context(stored_in_memory())
        self.lab = self.open.enter_context(Testing(declared(), records=self.records))
        self.contents: dict[str, bytes] = {}
        self.flying: dict[str, float] = {}  # uploads that have not come whole, and since when
        self.count = 0
        self.faults = 0

    def teardown(self) -> None:
        try:
            self._all_goes()
        finally:
            self.open.close()

    @initialize()
    def begin(self) -> None:
        self.upload(brief=True)
        self.upload(brief=False)

    @rule(brief=st.booleans())
    def upload(self, brief: bool) -> None:
        self.count += 1
        content = b"%d" % self.count
        wish = Wish("a.txt", "text/plain", len(content))
        if brief:
            made, _ = self.lab.room.shelf.create(wish, LOCAL.owner)
            self.lab.room.ports.files.put(made.id, io.BytesIO(content), type="text/plain")
            id = made.id
        else:
            id = self.lab.room.shelf.keep(wish, io.BytesIO(content), LOCAL.owner).id
        self.contents[id] = content

    @rule()
    def begin_an_upload(self) -> None:
        made, _ = self.lab.room.shelf.create(Wish("b.txt", "text/plain", 5), LOCAL.owner)
        self.flying[made.id] = self.lab.clock.now()
        folder = self._folder() / "incoming"
        folder.mkdir(exist_ok=True, parents=True)
        (folder / made.id).write_bytes(b"hal")

    def there(self) -> list[str]:
        """The files that callers know of."""
        page = self.lab.room.shelf.list(LOCAL.owner, cursor=None, limit=200)
        return sorted(record.id for record in page.items if record.id in self.contents)

    @precondition(lambda self: self.there())
    @rule(name=st.sampled_from(["use", "save", "large", "nap"]), data=st.data())
    def submit(self, name: str, data: Any) -> None:
        params = {"pic": data.draw(st.sampled_from(self.there()))}
        if name == "large":
            params["text"] = "x" * data.draw(st.sampled_from([10, 110_000]))
        with suppress(Unavailable):
            self.lab.submit(name, params)

    @precondition(lambda self: self.there())
    @rule(data=st.data())
    def spread(self, data: Any) -> None:
        pics = data.draw(st.lists(st.sampled_from(self.there()), min_size=1, max_size=3))
        self.lab.submit("map", pics=pics)

    @precondition(lambda self: self.there())
    @rule(data=st.data())
    def begin_to_submit(self, data: Any) -> None:
        """Dies between the uses and the job."""
        params = {"pic": data.draw(st.sampled_from(self.there()))}
        never = Record(JOBS, self.lab.room.ports.new_id("job"), {"params": params})
        note_jobs(self.lab.room.ports, LOCAL.owner, [never])

    @precondition(lambda self: self.there())
    @rule(data=st.data(), name=st.sampled_from("ab"), every=st.sampled_from(["1d", "20d"]))
    def schedule(self, data: Any, name: str, every: str) -> None:
        params = {"pic": data.draw(st.sampled_from(self.there()))}
        plan = Plan("use", params=params, every=every, enabled=data.draw(st.booleans()))
        self.lab.room.calendar.put(name, plan, LOCAL, "rest")

    @rule(name=st.sampled_from("ab"))
    def unschedule(self, name: str) -> None:
        with suppress(Problem):
            self.lab.room.calendar.delete(name, LOCAL)

    @precondition(lambda self: self.there())
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        """What is named is not deleted, and what is not, is."""
        id = data.draw(st.sampled_from(self.there()))
        with suppress(Conflict):
            self.lab.room.shelf.delete(id, LOCAL.owner)
            assert id not in self.named()

    @rule(runs=st.integers(1, 6))
    def work(self, runs: int) -> None:
        for _ in range(runs):
            self.lab.run_next()

    @rule()
    def cancel(self) -> None:
        for job in self._open_jobs()[:1]:
            self.lab.cancel(job.id)

    @rule()
    def fail(self) -> None:
        """The store takes no commit for a moment, in the midst of whatever is under way."""
        commit, self.records.commit = self.records.commit, _refuse  # type: ignore[method-assign]
        try:
            with suppress(Problem):
                self.lab.room.shelf.sweep(50)
        finally:
            self.records.commit = commit  # type: ignore[method-assign]

    @rule(span=st.sampled_from(SPANS))
    def pass_time(self, span: float) -> None:
        self.lab.advance(span)
        self.lab.tick()
        self.sweep()

    @rule()
    def sweep(self) -> None:
        while self.lab.room.shelf.sweep(50) >= 50:
            pass

    @invariant()
    def what_is_named_is_there(self) -> None:
        for id, by in self.named().items():
            record = self.records.get(FILES, id)
            assert record is not None, f"{by} names {id}"
            with self.lab.room.ports.files.open(record.body["keys"][-1]) as stream:
                content = stream.read()
            assert content == self.contents.get(id, content)

    @invariant()
    def what_may_still_come_is_waited_for(self) -> None:
        for id, begun in self.flying.items():
            if self.lab.clock.now() < begun + UPLOAD:
                assert self.records.get(FILES, id) is not None
                assert (self._folder() / "incoming" / id).exists()

    def named(self) -> dict[str, str]:
        """Each file that something kept names, and what does: read from the records themselves."""
        named: dict[str, str] = {}
        now = self.lab.clock.now()
        for record in self._all(JOBS):
            if record.expires is not None and now >= record.expires:
                continue
            body = record.body
            told = [body["params"], body.get("result"), body.get("result_file")]
            for id in ids_in(write_json(told)):
                named[id] = record.id
                found = self.records.get(FILES, id)
                if found is not None and found.body["type"] == "application/json":
                    with self.lab.room.ports.files.open(found.body["keys"][-1]) as stream:
                        named |= dict.fromkeys(ids_in(stream.read()), id)
        for record in self._all(SCHEDULES):
            named |= dict.fromkeys(ids_in(write_json(plan_of(record).params)), record.id)
        return named

    def _all_goes(self) -> None:
        """Once nothing is named any more, nothing is left: no record, no use, no byte."""
        for name in "ab":
            self.unschedule(name)
        for job in self._open_jobs():
            self.lab.cancel(job.id)
        for _ in range(30):  # what is kept 2 days, then the 30 of a file, then a day's look
            while self.lab.run_next():
                pass
            self.lab.advance(1.5 * DAY)
            self.sweep()
            self.records.take(JOBS, now=self.lab.clock.now(), until=1e12, limit=1, label="x")
        assert [record.id for record in self._all(FILES)] == []
        assert self.records.count(GRAVES) == 0
        assert self.records.count(USES) == 0
        left = [path for path in self._folder().rglob("file_*") if path.is_file()]
        assert left == []

    def _open_jobs(self) -> list[Record]:
        return [each for each in self._all(JOBS) if each.label not in TERMINAL]

    def _all(self, collection: str) -> list[Record]:
        found: list[Record] = []
        cursor: str | None = None
        while True:
            page = self.records.list(collection, cursor=cursor, limit=200)
            found += page.items
            if (cursor := page.next) is None:
                return found

    def _folder(self) -> Path:
        folder: Path = self.lab.room.ports.files._folder  # type: ignore[attr-defined]
        return folder


def _refuse(*writes: Any) -> Any:
    raise Unavailable("The store is out of reach.")


Retention.TestCase.settings = settings(
    max_examples=LONG or 25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_retention = pytest.mark.timeout(3000 if LONG else 300)(Retention.TestCase)


@pytest.fixture
def house() -> Iterator[Retention]:
    """Two files, and all that the machine can do, one by one."""
    made = Retention()
    made.begin()
    yield made
    made.open.close()


def planned(house: Retention, pic: str, **more: Any) -> None:
    plan = Plan("use", params={"pic": pic}, every="20d", **more)
    house.lab.room.calendar.put("a", plan, LOCAL, "rest")


def test_a_schedule_keeps_its_file(house: Retention) -> None:
    """Paused too, for as long as it names it; nobody deletes it meanwhile, and it goes after."""
    pic, other = house.there()
    planned(house, pic, enabled=False)
    with pytest.raises(Conflict, match=DELETED):
        house.lab.room.shelf.delete(pic, LOCAL.owner)
    house.pass_time(31 * DAY)
    assert house.there() == [pic]
    house.contents.pop(other)
    planned(house, pic)
    house.pass_time(31 * DAY)
    assert house.there() == [pic]
    house.unschedule("a")
    house.teardown()


def test_a_scheduled_job_keeps_its_file(house: Retention) -> None:
    """Though the schedule is gone since."""
    pic, _ = house.there()
    planned(house, pic)
    house.pass_time(20 * DAY)
    house.unschedule("a")
    house.pass_time(31 * DAY)
    assert house.there() == [pic]
    house.work(1)
    house.teardown()


def test_a_name_that_comes_back(house: Retention) -> None:
    """A schedule that named a file before, and is changed to name it again while that is swept."""
    pic, other = house.there()
    planned(house, pic)
    planned(house, other)
    house.pass_time(30 * DAY - 1)
    commit = house.records.commit

    def late(*writes: Any) -> Any:
        if any(isinstance(each, Put) and each.record.collection == SCHEDULES for each in writes):
            house.lab.advance(2)
            house.lab.room.shelf.sweep(50)
        return commit(*writes)

    house.records.commit = late  # type: ignore[method-assign]
    planned(house, pic)
    house.records.commit = commit  # type: ignore[method-assign]
    assert pic in house.there()
    house.what_is_named_is_there()


def test_many_go_at_once(house: Retention) -> None:
    """Where a tick each minute is all that sweeps, too: what is over does not pile up."""
    before = {*house.there()}
    for _ in range(30):
        house.upload(brief=False)
    assert len(house.there()) == 30 + len(before)
    house.lab.advance(31 * DAY)
    work(house.lab.room, house.lab.clock.monotonic() + 60, None)
    assert {*house.there()} <= before
