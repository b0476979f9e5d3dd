"""What breaks between this program and DynamoDB doubles no write, and loses none."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.ports import Add, Delete, Put, Record, Records
from app.ports.aws.records import AwsRecords
from app.room.errors import Stale, Unavailable
from tests.engines import faults as proxy
from tests.engines.faults import BROKEN, LOST, NO_ANSWER, RESET, THROTTLED, Faults

pytestmark = pytest.mark.engine

FAULTS = {
    "lost": LOST,
    "reset": RESET,
    "broken": BROKEN,
    "throttled": THROTTLED,
    "no answer": NO_ANSWER,
}
WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")


@pytest.fixture(scope="module")
def faults(dynamo: str) -> Iterator[Faults]:
    with proxy.running(dynamo) as faults:
        first = AwsRecords("records", url=faults.url, patience=30)
        first.ping()  # the proxy reads AWS's models only now
        first.close()
        yield faults


@pytest.fixture
def sound(dynamo: str) -> Iterator[AwsRecords]:
    """The same store, by a way where nothing breaks."""
    records = AwsRecords("records", url=dynamo)
    yield records
    records.close()


@pytest.fixture
def records(faults: Faults) -> Iterator[AwsRecords]:
    faults.set()
    records = AwsRecords("records", url=faults.url, patience=0.5, pause=lambda seconds: None)
    yield records
    faults.set()
    records.close()


@pytest.fixture
def collection(sound: AwsRecords) -> str:
    """One with a record `old` at version 1, due at 5, and its priority known."""
    name = uuid.uuid4().hex
    sound.commit(Put(Record(name, "old", {"n": 1}, due=5.0, lease="x")))
    return name


def create(records: Records, name: str) -> Any:
    return records.commit(Put(Record(name, "new", {"n": 1}), expect=0))


def replace_it(records: Records, name: str) -> Any:
    return records.commit(Put(Record(name, "old", {"n": 2}), expect=1))


def overwrite(records: Records, name: str) -> Any:
    return records.commit(Put(Record(name, "old", {"n": 2})))


def fenced(records: Records, name: str) -> Any:
    return records.commit(Put(Record(name, "old", {"n": 2}), lease="x"))


def several(records: Records, name: str) -> Any:
    fence = Put(Record(name, "new", {"n": 1}), expect=0)
    return records.commit(fence, Add(name, "old", {"n": 1}))


def delete(records: Records, name: str) -> Any:
    return records.commit(Delete(name, "old", expect=1))


def take(records: Records, name: str) -> Any:
    return records.take(name, now=5, until=9, limit=3, label="running")


VERBS = (create, replace_it, overwrite, fenced, several, delete, take)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_broken_once(
    records: AwsRecords,
    sound: AwsRecords,
    faults: Faults,
    collection: str,
    verb: Callable[[Records, str], Any],
    fault: str,
) -> None:
    """A write that breaks once is done once, and its answer is what stands in the store."""
    records.ping()
    faults.set(*({"operation": name, "times": 1} | FAULTS[fault] for name in WRITES))
    told = verb(records, collection)
    assert faults.fired() == 1
    assert len(told) == (2 if verb is several else 1)
    for record in told:
        if record is not None:
            assert record == sound.get(collection, record.id)
            assert record.version == (1 if record.id == "new" else 2)
            assert record.takes == (verb is take)
    if verb is delete:
        assert sound.get(collection, "old") is None


@pytest.mark.parametrize("fault", ["lost", "broken", "throttled"])
@pytest.mark.parametrize("verb", [create, several, take], ids=lambda verb: verb.__name__)
def test_broken_for_long(
    records: AwsRecords,
    sound: AwsRecords,
    faults: Faults,
    collection: str,
    verb: Callable[[Records, str], Any],
    fault: str,
) -> None:
    """What stays broken is Unavailable, and was done once or not at all."""
    faults.set(*({"operation": name} | FAULTS[fault] for name in WRITES))
    with pytest.raises(Unavailable) as told:
        verb(records, collection)
    assert told.value.after is not None
    found = sound.get(collection, "old")
    assert found is not None
    assert found.version == (2 if fault == "lost" and verb is not create else 1)
    assert (sound.get(collection, "new") is not None) == (fault == "lost" and verb is not take)


def test_others_write_meanwhile(
    records: AwsRecords, sound: AwsRecords, faults: Faults, collection: str
) -> None:
    """Where others wrote after an answer was lost, nobody is told that the write did not land."""
    old = sound.get(collection, "old")
    assert old is not None
    faults.set({"operation": "PutItem", "times": 1} | LOST)
    ask = records._wire.ask

    def outrun(verb: str, **request: Any) -> Any:
        # The others come between the first sending and the second, which is not seen from here:
        # so the first is made here, as one whose answer is lost.
        if verb == "put_item":
            sound._wire.ask(verb, **request)
            found = sound.get(collection, "old")
            assert found is not None
            sound.commit(Put(replace(found, body={"n": 3}), expect=2))
        return ask(verb, **request)

    records._wire.ask = outrun  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="read whether"):
        records.commit(Put(replace(old, body={"n": 2}), expect=1))
    assert sound.get(collection, "old").version == 3  # type: ignore[union-attr]


def test_stale_stays_stale(
    records: AwsRecords, sound: AwsRecords, faults: Faults, collection: str
) -> None:
    """A write that others outran is Stale also when it was sent twice."""
    sound.commit(Put(Record(collection, "old", {}), expect=1))
    faults.set({"operation": "PutItem", "times": 1} | RESET)
    with pytest.raises(Stale):
        replace_it(records, collection)


@pytest.mark.parametrize("fault", FAULTS)
def test_reads(records: AwsRecords, faults: Faults, collection: str, fault: str) -> None:
    """A read that breaks once gives what is there."""
    names = ("GetItem", "Query", "BatchGetItem")
    faults.set(*({"operation": name, "times": 1} | FAULTS[fault] for name in names))
    assert records.get(collection, "old") is not None
    assert [record.id for record in records.list(collection).items] == ["old"]
    assert records.count(collection) == 1
    assert faults.fired() == 3
