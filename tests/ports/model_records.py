"""What the promises of Records come to on a dict, and random commits to try them with."""

from collections.abc import Iterator
from dataclasses import replace
from math import inf, nan
from typing import Any

from hypothesis import strategies as st

from app.ports import MOST_TAKES, MOST_WRITES, Add, Delete, Page, Put, Record, Records, Write
from app.room.errors import Stale

IDS = ("a", "b", "c")
WRITES = st.one_of(
    st.tuples(
        st.just("put"),
        st.sampled_from(IDS),
        st.none() | st.integers(0, 4),
        st.none() | st.sampled_from(["", "x"]),
        st.dictionaries(st.sampled_from(["n", "m"]), st.integers(-9, 9)),
        st.sampled_from(["", "x"]),
    ),
    st.tuples(
        st.just("delete"),
        st.sampled_from(IDS),
        st.none() | st.integers(0, 4),
        st.none() | st.sampled_from(["", "x"]),
    ),
    st.tuples(
        st.just("add"),
        st.sampled_from(IDS),
        st.dictionaries(st.sampled_from(["n", "m"]), st.integers(-9, 9)),
    ),
)
COMMITS = st.lists(
    st.lists(WRITES, min_size=1, max_size=3, unique_by=lambda write: write[1]), max_size=12
)

NONSENSE = [
    Record("", "a", {}),
    Record("c", "", {}),
    Record("c", "a" * 513, {}),
    Record("c", "a", {}, owner="a" * 513),
    Record("c", "a", {}, label="a" * 513),
    Record("c", "a", {}, priority=101),
    Record("c", "a", {}, priority=-101),
    Record("c", "a", {}, takes=-1),
    Record("c", "a", {}, takes=MOST_TAKES + 1),
    Record("c", "a", {}, due=nan),
    Record("c", "a", {}, expires=inf),
    Record("c", "a", {"n": nan}),
    Record("c", "a", {"n": -inf}),
    Record("c", "a", {"n": "\ud800"}),
    Record("c", "\ud800", {}),
]


def as_write(collection: str, kind: str, id: str, *rest: Any) -> Write:
    if kind == "put":
        expect, lease, body, new = rest
        return Put(Record(collection, id, body, lease=new), expect, lease)
    return Delete(collection, id, *rest) if kind == "delete" else Add(collection, id, *rest)


def apply(model: dict[str, Record], writes: list[Write]) -> Any:
    """What the promises say of a commit, on a dict."""
    conditional = any(
        not isinstance(write, Add) and (write.expect, write.lease) != (None, None)
        for write in writes
    )
    if any(isinstance(write, Add) for write in writes) and not conditional:
        return ValueError
    after = dict(model)
    told: list[Record | None] = []
    for write in writes:
        at = write.record if isinstance(write, Put) else write
        old = model.get(at.id)
        if isinstance(write, Add):
            if old is None:
                return Stale
            sums = {name: old.body.get(name, 0) + n for name, n in write.amounts.items()}
            after[at.id] = replace(old, body=old.body | sums, version=old.version + 1)
        else:
            version = old.version if old else 0
            if write.expect not in (None, version):
                return Stale
            if write.lease is not None and (old is None or old.lease != write.lease):
                return Stale
            if isinstance(write, Put):
                after[at.id] = replace(write.record, version=version + 1)
            else:
                after.pop(at.id, None)
        told.append(after.get(at.id))
    model.clear()
    model.update(after)
    return tuple(told)


def bare(told: Any) -> Any:
    """Without the writer, which is the store's to choose."""
    if not isinstance(told, tuple):
        return told
    return tuple(record and replace(record, writer="") for record in told)


def walk(records: Records, collection: str, **filters: Any) -> list[str]:
    """The ids of all pages."""
    return [each.id for page in paged(records, collection, **filters) for each in page.items]


def paged(records: Records, collection: str, **filters: Any) -> Iterator[Page]:
    page = Page((), None)
    while True:
        page = records.list(collection, cursor=page.next, **filters)
        yield page
        if page.next is None:
            return


def put_all(records: Records, made: list[Record]) -> None:
    for start in range(0, len(made), MOST_WRITES):
        records.commit(*(Put(record) for record in made[start : start + MOST_WRITES]))
