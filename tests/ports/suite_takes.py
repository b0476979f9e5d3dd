"""What every adapter of Records promises of what is due, and of who takes it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.ports import Add, Delete, Put, Record, Records
from app.room.errors import Stale

from .model_records import put_all, walk


class TakesSuite:
    @pytest.fixture
    def collection(self) -> str:
        return uuid.uuid4().hex

    def test_take(self, records: Records, collection: str) -> None:
        """What is taken has a fresh lease, due, label and version, and is otherwise the same."""
        old = Record(collection, "a", {"n": 1}, owner="o", label="queued", due=5, priority=3)
        records.commit(Put(old))
        assert records.take(collection, now=4.9, until=9, limit=1, label="running") == ()
        (new,) = records.take(collection, now=5, until=9, limit=1, label="running")
        assert new == records.get(collection, "a")
        assert new.lease
        assert new.writer
        told = replace(old, lease=new.lease, writer=new.writer, takes=1)
        assert new == replace(told, label="running", due=9, version=2)
        assert walk(records, collection, label="queued") == []
        assert walk(records, collection, label="running") == ["a"]

    def test_take_order(self, records: Records, collection: str) -> None:
        """The highest priority is taken first, then the earliest due; the rest stays."""
        due = {"a": (0, 3), "b": (0, 1), "c": (9, 5), "d": (9, 4), "e": (-9, 0), "f": (100, 99)}
        put_all(
            records,
            [Record(collection, id, {}, due=t, priority=p) for id, (p, t) in due.items()],
        )
        put_all(records, [Record(collection, "never", {})])
        order = []
        while taken := records.take(collection, now=50, until=100, limit=2, label=""):
            order += [record.id for record in taken]
        assert order == ["d", "c", "b", "a", "e"]

    def test_take_again(self, records: Records, collection: str) -> None:
        """A lease that ran out makes its record due again, with another lease."""
        records.commit(Put(Record(collection, "a", {}, due=1)))
        (first,) = records.take(collection, now=1, until=5, limit=9, label="")
        assert records.take(collection, now=4, until=5, limit=9, label="") == ()
        (second,) = records.take(collection, now=5, until=9, limit=9, label="")
        assert first.lease != second.lease

    def test_takes_are_counted(self, records: Records, collection: str) -> None:
        """Each take counts, also of a lease that ran out; a Put stores the count it is given."""
        records.commit(Put(Record(collection, "a", {}, due=1, takes=5)))
        for n in range(1, 4):
            (taken,) = records.take(collection, now=n, until=n + 1, limit=1, label="")
            assert taken.takes == 5 + n
        fence = Put(Record(collection, "b", {}), expect=0)
        records.commit(fence, Add(collection, "a", {"n": 1}))
        found = records.get(collection, "a")
        assert found is not None
        assert found.takes == 8
        for lease, takes in ((found.lease, 8), (None, 0)):
            (again,) = records.commit(Put(replace(found, takes=takes), lease=lease))
            assert again == records.get(collection, "a")
            assert again is not None
            assert again.takes == takes

    def test_fence(self, records: Records, collection: str) -> None:
        """A write that names an older lease is refused, whatever the record looks like."""
        records.commit(Put(Record(collection, "a", {}, due=1)))
        (first,) = records.take(collection, now=1, until=2, limit=1, label="running")
        (second,) = records.take(collection, now=2, until=3, limit=1, label="running")
        with pytest.raises(Stale):
            records.commit(Put(replace(first, body={"by": "first"}), lease=first.lease))
        with pytest.raises(Stale):
            records.commit(Delete(collection, "a", lease=first.lease))
        records.commit(Put(replace(second, body={"by": "second"}), lease=second.lease))
        assert records.get(collection, "a").body == {"by": "second"}  # type: ignore[union-attr]

    def test_lease_outlives_versions(self, records: Records, collection: str) -> None:
        """A write from outside makes a new version and does not unseat who holds the lease."""
        records.commit(Put(Record(collection, "a", {}, due=1)))
        (mine,) = records.take(collection, now=1, until=2, limit=1, label="")
        records.commit(Put(replace(mine, body={"signal": 1})))
        records.commit(Put(replace(mine, due=None), lease=mine.lease))
        assert records.take(collection, now=9, until=10, limit=1, label="") == ()

    def test_take_together(self, records: Records, collection: str) -> None:
        """Of many who take at once, no two get the same record, and nothing is left."""
        put_all(records, [Record(collection, f"{n:03}", {}, due=n) for n in range(60)])

        def drain(_: int) -> list[str]:
            mine: list[str] = []
            while taken := records.take(collection, now=99, until=200, limit=3, label=""):
                mine += [record.id for record in taken]
            return mine

        with ThreadPoolExecutor(8) as pool:
            taken = [id for mine in pool.map(drain, range(8)) for id in mine]
        assert sorted(taken) == [f"{n:03}" for n in range(60)]
