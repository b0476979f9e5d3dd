"""What Records in DynamoDB promise beside what all Records promise."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ports import BODY_CAP, Add, Put, Record
from app.ports.aws import items, table
from app.ports.aws.records import AwsRecords
from app.room.errors import BadSetting, TooLarge, Unavailable

from .suite_records import RecordsSuite
from .suite_takes import TakesSuite

pytestmark = pytest.mark.engine
LONG = "\U0001f408" * 512
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.fixture
def records(dynamo: str) -> Iterator[AwsRecords]:
    records = AwsRecords("records", url=dynamo)
    yield records
    records.close()


@pytest.fixture
def collection() -> str:
    return uuid.uuid4().hex


class TestAwsRecords(RecordsSuite, TakesSuite):
    pass


@given(one=FLOATS, other=FLOATS)
def test_due_sorts(one: float, other: float) -> None:
    """The forms of due times sort as the times do, and give them back."""
    first, second = table.due_form(one, "a"), table.due_form(other, "a")
    assert (first < second) == (one < other)
    assert (first < table.due_until(other)) == (one <= other)
    assert table.due_of(first) == one
    assert table.due_again(first, other) == second


@given(
    record=st.builds(
        Record,
        *[st.text(st.characters(codec="utf-8"), min_size=1, max_size=512)] * 2,
        st.just({}),
        owner=st.text(st.characters(codec="utf-8"), max_size=512),
        label=st.text(st.characters(codec="utf-8"), max_size=512),
        due=st.none() | FLOATS,
        priority=st.integers(-100, 100),
        expires=st.none() | FLOATS,
        takes=st.integers(0, 10**12),
    )
)
def test_there_and_back(record: Record) -> None:
    """A record comes back from its item as it was, whatever its names and times."""
    made = items.item(record, "{}", 7, "w")
    assert items.record(made) == replace(record, version=7, writer="w")
    for name, text in made.items():
        bound = 1024 if name in {order for _, order in table.INDEXES.values()} else 2048
        assert len(str(*text.values()).encode()) <= bound


@given(FLOATS.filter(lambda number: abs(number) < 1e11))
def test_tidied_late(expires: float) -> None:
    """What DynamoDB tidies by is never before a record's own time."""
    made = items.item(Record("c", "a", {}, expires=expires), "{}", 1, "w")
    tidied = int(made[table.EXPIRES]["N"])
    assert tidied >= expires
    assert tidied - max(expires, 0) <= 1


def test_longest_names(records: AwsRecords) -> None:
    """Names as long as they may be, with a body as large as it may be, are taken and relabelled."""
    collection = uuid.uuid4().hex + LONG[:480]
    body = {"t": "x" * (BODY_CAP - 8)}
    old = Record(collection, LONG, body, owner=LONG, label=LONG, due=1, expires=1e10 + 0.1)
    records.commit(Put(old, expect=0))
    for label in ("short", LONG, "short"):
        (taken,) = records.take(collection, now=5, until=5, limit=1, label=label)
        assert taken == records.get(collection, LONG)
        assert (taken.label, taken.owner, taken.id) == (label, LONG, LONG)
        (found,) = records.list(collection, owner=LONG, label=label).items
        assert found == taken
    for n in range(3):
        records.commit(Put(replace(old, id=LONG[:-1] + str(n), body={}, due=None)))
    first = records.list(collection, limit=2)
    second = records.list(collection, limit=2, cursor=first.next)
    assert second.next is None
    assert len({record.id for record in (*first.items, *second.items)}) == 4


def test_an_add_that_is_too_much(records: AwsRecords, collection: str) -> None:
    """An Add that makes a body larger than it may be is TooLarge, and undoes its commit."""

    records.commit(Put(Record(collection, "a", {"n": 9, "t": "x" * (BODY_CAP - 14)})))
    with pytest.raises(TooLarge):
        records.commit(Put(Record(collection, "b", {}), expect=0), Add(collection, "a", {"n": 1}))
    assert records.get(collection, "b") is None


def test_names_that_make_a_commit_too_large(records: AwsRecords) -> None:
    """What DynamoDB counts beside the bodies is TooLarge, too."""
    long = LONG[:-2]
    named = {"owner": long, "label": long, "due": 1.0}
    made = [
        Record(uuid.uuid4().hex, f"{n:02}{long}", {"t": "x" * 35_000}, **named) for n in range(100)
    ]
    with pytest.raises(TooLarge):
        records.commit(*(Put(record, expect=0) for record in made))
    assert records.get(made[0].collection, made[0].id) is None


def test_forks(records: AwsRecords, collection: str) -> None:
    """A forked process asks by connections of its own."""
    (made,) = records.commit(Put(Record(collection, "a", {"n": 1})))
    context = get_context("fork")
    told = context.SimpleQueue()

    def ask() -> None:
        told.put([records.get(collection, "a") for _ in range(20)])

    children = [context.Process(target=ask) for _ in range(2)]
    for child in children:
        child.start()
    here = [records.get(collection, "a") for _ in range(20)]
    assert [told.get() for _ in children] == [here, here]
    assert here == [made] * 20
    for child in children:
        child.join()


def test_takes_what_it_can(records: AwsRecords, collection: str) -> None:
    """A take that the store leaves half way gives what it has, for that is leased already."""
    records.commit(*(Put(Record(collection, f"{n}", {}, due=n)) for n in range(5)))
    ask = records._wire.ask
    left = iter([True, True])

    def fail(verb: str, **request: Any) -> Any:
        if verb == "update_item" and not next(left, False):
            raise Unavailable("gone")
        return ask(verb, **request)

    records._wire.ask = fail  # type: ignore[method-assign]
    taken = records.take(collection, now=9, until=99, limit=5, label="")
    assert [record.id for record in taken] == ["0", "1"]
    with pytest.raises(Unavailable):
        records.take(collection, now=9, until=99, limit=5, label="")


def test_others_at_the_same(records: AwsRecords, collection: str) -> None:
    """Who finds what others have taken meanwhile takes something else."""
    records.commit(*(Put(Record(collection, f"{n}", {}, due=n)) for n in range(5)))
    ask = records._wire.ask

    def outrun(verb: str, **request: Any) -> Any:
        answer = ask(verb, **request)
        if verb == "query":
            records._wire.ask = ask  # type: ignore[method-assign]
            records.take(collection, now=9, until=99, limit=3, label="theirs")
        return answer

    records._wire.ask = outrun  # type: ignore[method-assign]
    taken = records.take(collection, now=9, until=99, limit=3, label="mine")
    assert [record.id for record in taken] == ["3", "4"]


def test_no_table(dynamo: str) -> None:
    """A table that is not there is Unavailable."""
    records = AwsRecords("nowhere", url=dynamo)
    with pytest.raises(Unavailable, match="not there"):
        records.ping()
    records.close()


def test_nobody_there(dynamo: str) -> None:
    """A store that nobody answers for is Unavailable."""
    records = AwsRecords("records", url="http://127.0.0.1:9", patience=0.1)
    with pytest.raises(Unavailable, match="answer"):
        records.ping()
    records.close()


def test_no_region(monkeypatch: pytest.MonkeyPatch, dynamo: str) -> None:
    """Settings of AWS that cannot work are a BadSetting."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "nowhere")
    with pytest.raises(BadSetting, match="region"):
        AwsRecords("records").ping()


def test_nothing_at_import(dynamo: str) -> None:
    """A store asks for nothing, and opens nothing, before it is asked."""
    assert AwsRecords("records", url=dynamo)._wire._clients == {}


@pytest.mark.parametrize(("size", "most_requests"), [(10, 4), (100_000, 3)])
def test_a_list_asks_for_little_beyond_its_page(
    dynamo: str, collection: str, size: int, most_requests: int
) -> None:
    """As many requests as before for what is small, and of what is large some items too many."""
    got: list[int] = []

    def seen(verb: str, answer: Any) -> None:
        if verb == "batch_get_item":
            got.append(sum(len(found) for found in answer["Responses"].values()))

    records = AwsRecords("records", url=dynamo, trace=seen)
    many = 210 if size < 100 else 30
    made = [Record(collection, f"{n:03}", {"t": "x" * size}) for n in range(many)]
    for start in range(0, many, 30):
        records.commit(*map(Put, made[start : start + 30]))
    got.clear()
    page = records.list(collection, limit=200)
    assert page.next is not None
    assert len(got) <= most_requests
    assert sum(got) <= len(page.items) + 16
    records.close()
