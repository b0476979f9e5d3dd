"""Jobs on DynamoDB, from their acceptance to their end."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app import Run
from app.config import Settings
from app.ports import Put, Record
from app.ports.aws.records import AwsRecords
from app.ports.local.records import LocalRecords
from app.room.errors import Retry
from app.room.operation import Registry
from app.testing import Testing
from app.wiring import make_ports, make_room, reclaim
from tests.engines import dynamo as engine

pytestmark = pytest.mark.engine


class Meter:
    """What was asked of the store, and the units that its table took: written, and read of all."""

    def __init__(self) -> None:
        self.verbs: Counter[str] = Counter()
        self.written = self.read = 0.0

    def add(self, verb: str, answer: dict[str, Any]) -> None:
        self.verbs[verb] += 1
        told = answer.get("ConsumedCapacity", [])
        for each in told if isinstance(told, list) else [told]:
            if verb in ("get_item", "query", "batch_get_item"):
                self.read += each["CapacityUnits"]
            else:
                self.written += each["Table"]["CapacityUnits"]


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def table(dynamo: str) -> str:
    name = f"table-{uuid.uuid4().hex}"
    engine.make_table(dynamo, name)
    return name


@pytest.fixture
def service(dynamo: str, table: str, meter: Meter) -> Iterator[Testing]:
    records = AwsRecords(table, url=dynamo, trace=meter.add)
    with Testing(Registry(), records=records, slice=60.0) as made:
        yield made
    records.close()


@pytest.fixture
def declare(service: Testing) -> Callable[..., Any]:
    def declared(function: Any, name: str = "tried", **options: Any) -> Any:
        return service.room.registry.operation(name, **{"long": True, **options})(function)

    return declared


def test_steps_outlive_crashes(service: Testing, declare: Callable[..., Any]) -> None:
    """What a step gave is remembered; after a crash, a sleep and a failure a job goes on."""
    ran: list[Any] = []

    def tried(run: Run, pics: list[str]) -> Any:
        for pic in run.each(pics, note="pics"):
            run.step("draw", lambda pic=pic: ran.append(pic) or pic.upper())
            run.state["last"] = pic
        run.sleep("1d")
        if run.attempt == 1 and len(ran) < 99:
            ran.extend([None] * 99)
            raise Retry("again")
        return run.state["last"]

    declare(tried)
    job = service.submit("tried", pics=["a", "b", "c"])
    service.crash_at("draw", skip=1)
    service.run()
    assert service.result(job) == "c"
    assert service.crashes == 1
    assert ran[:4] == ["a", "b", "b", "c"]  # it died after b, and before b was remembered


def test_children(service: Testing, declare: Callable[..., Any]) -> None:
    """A map's children run as jobs of their own, and its results come back in order."""

    def square(n: int) -> int:
        return n * n

    declare(square, "square")

    def tried(run: Run) -> Any:
        return list(run.map("square", [{"n": n} for n in range(30)]))

    declare(tried)
    job = service.submit("tried")
    service.run()
    assert service.result(job) == [n * n for n in range(30)]
    assert len(service.jobs("square")) == 30


def test_keys_and_signals(service: Testing, declare: Callable[..., Any]) -> None:
    """A key makes one job; a signal wakes what waits for it; what is cancelled ends so."""

    def tried(run: Run) -> Any:
        return run.wait_for("go", "7d")

    declare(tried)
    jobs = [service.submit("tried", key="k") for _ in range(3)]
    other = service.submit("tried")
    assert len({*jobs}) == 1
    service.run()
    service.signal(jobs[0], "go", {"by": "ada"})
    service.cancel(other)
    service.run()
    assert service.result(jobs[0]) == {"by": "ada"}
    assert service.job(other)["status"] == "cancelled"


def test_cost(service: Testing, declare: Callable[..., Any], meter: Meter) -> None:
    """A plain job takes three write units of the table, the first of a process too, and one to
    read once it was looked how many are queued; and nothing ever scans it."""
    service.room.engine.settlement.tally = None  # statistics make of each finish a transaction

    def tried(n: int) -> int:
        return n

    declare(tried)
    for n in range(2):
        meter.written = meter.read = 0.0
        job = service.submit("tried", n=n)
        service.run_next()
        assert meter.written == 3
    assert meter.read == 1
    assert service.result(job) == 1
    assert "scan" not in meter.verbs


def test_wiring(dynamo: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MANYDOORS_TABLE chooses DynamoDB, and a start takes no lease from other machines."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamo)
    settings = Settings(table=table, data=tmp_path)
    ports = make_ports(settings)
    ports.records.commit(Put(Record("jobs", "a", {"operation": "x"}, label="running", due=9e9)))
    assert isinstance(ports.records, AwsRecords)
    room = make_room(settings)
    assert reclaim(settings, room) == 0
    found = room.ports.records.get("jobs", "a")
    assert found is not None
    assert found.due == 9e9
    for records in (ports.records, room.ports.records):
        records.close()
    assert isinstance(make_ports(Settings(data=tmp_path)).records, LocalRecords)
