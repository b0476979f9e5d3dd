"""Two stores that are told the same give the same answers: SQLite and DynamoDB side by side."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ports import Add, Delete, Page, Put, Record, Records, Write
from app.ports.aws.records import AwsRecords
from app.ports.local.records import LocalRecords
from app.room.errors import Problem

pytestmark = pytest.mark.engine

# Most steps meet at few records; some names are such that two of them could be taken for one.
LONG = "\U0001f408"
IDS = st.sampled_from("aaaabbbc") | st.sampled_from(["b#c", "~", "é\u0000", LONG * 300, "d" * 512])
NAMES = st.sampled_from(["", "o", "l"]) | st.sampled_from(["o#l", "l#l", "~0", "~", LONG * 300])
ENDS = ("", "#b", "~", LONG * 200)
SUFFIXES = st.just("") | st.just("") | st.sampled_from(ENDS)
DUES = st.none() | st.sampled_from([-1e300, -2.5, -0.0, 0, 0.1, 3, 1e9 + 0.25, 1.7e308])
EXPIRES = st.none() | st.sampled_from([0, -3.5, 4e9, 4e9 + 0.5, 1e300])
BODIES = st.dictionaries(
    st.sampled_from("nm"), st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=3), max_size=2
)
EXPECTS = st.none() | st.integers(0, 3)
# A lease as a test can name it: none, "", or that of the n-th take.
LEASES = st.none() | st.just("") | st.integers(0, 5)

RECORDS = st.fixed_dictionaries(
    {
        "id": IDS,
        "body": BODIES,
        "owner": NAMES,
        "label": NAMES,
        "due": DUES,
        "priority": st.sampled_from([-100, -1, 0, 0, 7, 100]),
        "expires": EXPIRES,
        "takes": st.sampled_from([0, 3]),
    }
)
WRITES = st.one_of(
    st.tuples(st.just("put"), RECORDS, EXPECTS, LEASES, LEASES),
    st.tuples(st.just("delete"), IDS, EXPECTS, LEASES),
    st.tuples(st.just("add"), IDS, st.dictionaries(st.sampled_from("nm"), st.integers(-9, 9))),
)
FACTS = st.fixed_dictionaries({"owner": st.none() | NAMES, "label": st.none() | NAMES})
STEPS = st.one_of(
    st.tuples(st.just("commit"), SUFFIXES, st.lists(WRITES, min_size=1, max_size=4)),
    st.tuples(st.just("commit"), SUFFIXES, st.lists(WRITES, min_size=1, max_size=1)),
    st.tuples(st.just("take"), SUFFIXES, DUES, st.sampled_from([-7, 4, 1e10]), NAMES),
    st.tuples(st.just("list"), SUFFIXES, FACTS, st.booleans(), st.integers(1, 3)),
    st.tuples(st.just("count"), SUFFIXES, FACTS),
    st.tuples(st.just("get"), SUFFIXES, IDS),
)


class Side:
    """A store, and the leases that it gave."""

    def __init__(self, records: Records, collection: str) -> None:
        self.records, self._collection = records, collection
        self._leases: list[str] = []

    def answer(self, step: tuple[Any, ...]) -> Any:
        """What the store makes of a step, without what is its own to choose."""
        verb, suffix, *rest = step
        try:
            told = getattr(self, f"_{verb}")(self._collection + suffix, *rest)
        except (Problem, ValueError) as error:
            return ValueError if isinstance(error, ValueError) else type(error)
        return self._bare(told)

    def _commit(self, collection: str, parts: list[tuple[Any, ...]]) -> Any:
        return self.records.commit(*(self._write(collection, *part) for part in parts))

    def _write(self, collection: str, kind: str, what: Any, *rest: Any) -> Write:
        if kind == "put":
            expect, lease, own = rest
            record = Record(collection, **what, lease=self._lease(own) or "")
            return Put(record, expect, self._lease(lease))
        if kind == "delete":
            return Delete(collection, what, rest[0], self._lease(rest[1]))
        return Add(collection, what, *rest)

    def _lease(self, named: Any) -> str | None:
        if not isinstance(named, int):
            return named
        return self._leases[-1 - named] if named < len(self._leases) else "none"

    def _take(self, collection: str, now: float | None, until: float, label: str) -> Any:
        taken = self.records.take(collection, now=now or 0, until=until, limit=2, label=label)
        self._leases += [record.lease for record in taken]
        return tuple(taken)

    def _list(self, collection: str, facts: Any, newest_first: bool, limit: int) -> list[Page]:
        page = partial(
            self.records.list, collection, newest_first=newest_first, limit=limit, **facts
        )
        pages = [page()]
        while pages[-1].next is not None:
            pages.append(page(cursor=pages[-1].next))
        return pages

    def _count(self, collection: str, facts: Any) -> int:
        return self.records.count(collection, **facts)

    def _get(self, collection: str, id: str) -> Record | None:
        return self.records.get(collection, id)

    def _bare(self, told: Any) -> Any:
        match told:
            case Record():
                assert told.writer
                lease = told.lease
                if lease in self._leases:
                    lease = f"lease {self._leases.index(lease)}"
                return replace(told, writer="", lease=lease)
            case Page():
                return [self._bare(record) for record in told.items], told.next
            case tuple() | list():
                return [self._bare(one) for one in told]
        return told


@pytest.fixture
def pair(tmp_path: Path, dynamo: str) -> Iterator[Callable[[], tuple[Side, Side]]]:
    local = LocalRecords(tmp_path / "records.db", floor=1)
    aws = AwsRecords("records", url=dynamo, pause=lambda seconds: None)
    # Tidying is no rule: one at the end of time keeps the others away.
    local.take("-", now=inf, until=inf, limit=1, label="")

    def make() -> tuple[Side, Side]:
        collection = uuid.uuid4().hex
        return Side(local, collection), Side(aws, collection)

    yield make
    local.close()
    aws.close()


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=5, max_size=25))
def test_lockstep(pair: Callable[[], tuple[Side, Side]], steps: list[tuple[Any, ...]]) -> None:
    """Any series of verbs has the same answers, and leaves the same records."""
    local, aws = pair()
    for step in steps:
        assert aws.answer(step) == local.answer(step)
    for suffix in ENDS:
        for newest_first in (True, False):
            step = ("list", suffix, {"owner": None, "label": None}, newest_first, 5)
            assert aws.answer(step) == local.answer(step)
