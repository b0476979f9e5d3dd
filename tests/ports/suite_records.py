"""What every adapter of Records promises.

An adapter's test file derives from `RecordsSuite` and `TakesSuite`, and gives one fixture,
`records`; it need not be empty, since each test works in a collection of its own.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from app.ports import (
    BODY_CAP,
    COMMIT_CAP,
    MOST_WRITES,
    NAME_CAP,
    PAGE_CAP,
    Add,
    Delete,
    Page,
    Put,
    Record,
    Records,
    Write,
)
from app.ports.body import Spelled, encode, size_of
from app.room.errors import Invalid, Stale, TooLarge

from .model_records import COMMITS, IDS, NONSENSE, apply, as_write, bare, paged, put_all, walk


class RecordsSuite:
    @pytest.fixture
    def collection(self) -> str:
        return uuid.uuid4().hex

    def test_reads_back(self, records: Records, collection: str) -> None:
        """What was committed is read back whole, with the version and writer that commit told."""
        body = {"text": "é\u0000\U0001f408", "n": 2**70, "f": 1.5, "deep": [{"a": [None, True]}]}
        record = Record(
            collection, "a", body, owner="o", label="l", due=1.5, priority=-7, expires=9e9
        )
        (stored,) = records.commit(Put(record, expect=0))
        assert stored is not None
        assert stored == records.get(collection, "a")
        assert stored == replace(record, version=1, writer=stored.writer)
        assert stored.writer

    def test_absent(self, records: Records, collection: str) -> None:
        """An absent record is None."""
        assert records.get(collection, "a") is None

    def test_versions_grow(self, records: Records, collection: str) -> None:
        """Every write makes the version one more and has a writer of its own."""
        made = [records.commit(Put(Record(collection, "a", {})))[0] for _ in range(3)]
        assert [record.version for record in made if record] == [1, 2, 3]
        assert len({record.writer for record in made if record}) == 3

    def test_one_writer_a_commit(self, records: Records, collection: str) -> None:
        """All writes of a commit carry the same writer."""
        made = records.commit(*(Put(Record(collection, id, {})) for id in IDS))
        assert len({record.writer for record in made if record}) == 1

    @pytest.mark.parametrize(
        ("expect", "lease", "stands"),
        [
            (None, None, True),
            (1, None, True),
            (0, None, False),
            (2, None, False),
            (None, "x", True),
            (None, "", False),
            (None, "y", False),
            (1, "x", True),
            (2, "x", False),
            (1, "y", False),
            (0, "x", False),
        ],
    )
    @pytest.mark.parametrize("kind", ["put", "delete"])
    def test_conditions(
        self,
        records: Records,
        collection: str,
        kind: str,
        expect: int | None,
        lease: str | None,
        stands: bool,
    ) -> None:
        """A write is done when version and lease are as expected, else Stale, and nothing is."""
        (old,) = records.commit(Put(Record(collection, "a", {"n": 1}, lease="x")))
        write: Write = Put(Record(collection, "a", {"n": 2}, lease="x"), expect, lease)
        if kind == "delete":
            write = Delete(collection, "a", expect, lease)
        if stands:
            (new,) = records.commit(write)
            assert new == records.get(collection, "a")
            assert (new is None) == (kind == "delete")
        else:
            with pytest.raises(Stale):
                records.commit(write)
            assert records.get(collection, "a") == old

    @pytest.mark.parametrize(
        ("expect", "lease", "stands"),
        [(None, None, True), (0, None, True), (1, None, False), (None, "", False), (0, "", False)],
    )
    def test_conditions_on_the_absent(
        self, records: Records, collection: str, expect: int | None, lease: str | None, stands: bool
    ) -> None:
        """An absent record has version 0 and no lease, not even an empty one."""
        for write in (
            Delete(collection, "a", expect, lease),
            Put(Record(collection, "a", {}), expect, lease),
        ):
            if stands:
                records.commit(write)
            else:
                with pytest.raises(Stale):
                    records.commit(write)
                assert records.get(collection, "a") is None

    def test_deleted_begins_anew(self, records: Records, collection: str) -> None:
        """After a delete, a record of the same id begins again at version 1."""
        records.commit(Put(Record(collection, "a", {})))
        assert records.commit(Delete(collection, "a")) == (None,)
        (again,) = records.commit(Put(Record(collection, "a", {}), expect=0))
        assert again is not None
        assert again.version == 1

    def test_all_or_nothing(self, records: Records, collection: str) -> None:
        """When one write of a commit is refused, none of them is done."""
        records.commit(Put(Record(collection, "b", {"n": 1})), Put(Record(collection, "c", {})))
        with pytest.raises(Stale):
            records.commit(
                Put(Record(collection, "a", {})),
                Add(collection, "b", {"n": 1}),
                Delete(collection, "c"),
                Put(Record(collection, "d", {}), expect=1),
            )
        assert walk(records, collection) == ["c", "b"]
        assert records.get(collection, "b").body == {"n": 1}  # type: ignore[union-attr]

    def test_most_writes(self, records: Records, collection: str) -> None:
        """A commit takes as many writes as its store says, 100 at least; one more is a
        ValueError, and nothing of it is done."""
        most = records.most_writes
        assert most >= MOST_WRITES
        writes = [Put(Record(collection, f"{n:04}", {}), expect=0) for n in range(most + 1)]
        with pytest.raises(ValueError, match=str(most)):
            records.commit(*writes)
        assert records.count(collection) == 0
        assert len(records.commit(*writes[:most])) == most
        assert records.count(collection) == most
        assert records.commit() == ()

    def test_most_writes_are_all_or_none(self, records: Records, collection: str) -> None:
        """Also of the largest commit nothing is done when its last write is refused."""
        writes = [Put(Record(collection, f"{n:04}", {}), 0) for n in range(records.most_writes - 1)]
        with pytest.raises(Stale):
            records.commit(*writes, Put(Record(collection, "last", {}), expect=1))
        assert records.count(collection) == 0

    def test_one_write_a_record(self, records: Records, collection: str) -> None:
        """Two writes of one commit to the same record are a ValueError."""
        with pytest.raises(ValueError, match="once"):
            records.commit(Put(Record(collection, "a", {})), Delete(collection, "a"))

    @pytest.mark.parametrize("record", NONSENSE, ids=repr)
    def test_refuses_nonsense(self, records: Records, record: Record) -> None:
        """What no store could give back the same is a ValueError."""
        with pytest.raises(ValueError):  # noqa: PT011 (each has a text of its own)
            records.commit(Put(record))

    def test_body_cap(self, records: Records, collection: str) -> None:
        """A body over its cap in encoded bytes is TooLarge, and one at the cap is not, however long
        all names beside it are."""
        fits, name = BODY_CAP - len('{"t":""}'), "\U0001f408" * NAME_CAP
        largest = Record(collection, name, {}, owner=name, label=name, due=9e9, expires=9.5e9)
        for fill, size in (("x", 1), ("\U0001f408", 4), ("\n", 2)):
            for more in (-1, 0, 1):
                count, rest = divmod(fits + more, size)
                put = Put(replace(largest, body={"t": fill * count + "y" * rest}))
                if more <= 0:
                    records.commit(put)
                    continue
                with pytest.raises(TooLarge):
                    records.commit(put)

    def test_spelled(self, records: Records, collection: str) -> None:
        """A body that brings its own text is stored as what it says, and capped as any other."""
        own = Spelled({"n": 1, "t": "é"}, {"n": "1", "t": '"é"'})
        once = own.over({"kept": [1.5, None], "n": 0})
        (stored,) = records.commit(Put(Record(collection, "a", once)))
        assert stored == records.get(collection, "a")
        assert stored is not None
        assert stored.body == {"kept": [1.5, None], "n": 1, "t": "é"}
        more = Spelled({"n": 2, "t": ""}, {"n": "2", "t": '""'}).over(stored.body)
        records.commit(Put(Record(collection, "a", more)))
        found = records.get(collection, "a")
        assert found is not None
        assert found.body == {"kept": [1.5, None], "n": 2, "t": ""}
        large = "x" * BODY_CAP
        with pytest.raises(TooLarge):
            records.commit(Put(Record(collection, "a", Spelled({"t": large}, {"t": f'"{large}"'}))))

    def test_commit_cap(self, records: Records, collection: str) -> None:
        """Bodies that are too much together for their store are TooLarge."""
        assert records.most_bytes >= COMMIT_CAP
        big = {"t": "x" * (BODY_CAP - 8)}
        many = records.most_bytes // BODY_CAP
        with pytest.raises(TooLarge):
            records.commit(*(Put(Record(collection, f"{n}", big)) for n in range(many + 1)))
        assert walk(records, collection) == []
        records.commit(*(Put(Record(collection, f"{n}", big)) for n in range(many)))

    def test_add(self, records: Records, collection: str) -> None:
        """An Add changes its numbers and version, and nothing else of the record."""
        old = Record(collection, "a", {"n": 1, "t": "x"}, owner="o", label="l", due=3, lease="x")
        records.commit(Put(old))
        fence = Put(Record(collection, "b", {}), expect=0)
        (_, new) = records.commit(fence, Add(collection, "a", {"n": 4, "m": -2}))
        assert new is not None
        assert new == records.get(collection, "a")
        body = {"n": 5, "t": "x", "m": -2}
        assert new == replace(old, body=body, version=2, writer=new.writer)

    def test_add_needs_a_fence(self, records: Records, collection: str) -> None:
        """An Add without a conditional write beside it is a ValueError."""
        records.commit(Put(Record(collection, "a", {})))
        for beside in ([], [Put(Record(collection, "b", {}))]):
            with pytest.raises(ValueError, match="condition"):
                records.commit(Add(collection, "a", {"n": 1}), *beside)

    def test_add_to_the_absent(self, records: Records, collection: str) -> None:
        """An Add to an absent record is Stale."""
        with pytest.raises(Stale):
            records.commit(
                Put(Record(collection, "b", {}), expect=0), Add(collection, "a", {"n": 1})
            )
        assert records.get(collection, "b") is None

    def test_add_to_a_text(self, records: Records, collection: str) -> None:
        """An Add to what is no number is a ValueError, and undoes its commit alone."""
        records.commit(Put(Record(collection, "a", {"n": "x"})))
        with pytest.raises(ValueError, match="number"):
            records.commit(
                Put(Record(collection, "b", {}), expect=0), Add(collection, "a", {"n": 1})
            )
        assert records.get(collection, "b") is None

    def test_list_filters(self, records: Records, collection: str) -> None:
        """A list gives what has the owner and the label, "" too, in the order of ids."""
        made = [
            Record(collection, f"{n:02}", {}, owner=("", "o", "p")[n % 3], label=("", "l")[n % 2])
            for n in range(24)
        ]
        put_all(records, made)
        records.commit(Put(Record(collection + "x", "99", {}, owner="o", label="l")))
        for owner in (None, "", "o", "q"):
            for label in (None, "", "l", "m"):
                ids = [
                    record.id
                    for record in made
                    if owner in (None, record.owner) and label in (None, record.label)
                ]
                facts = {"owner": owner, "label": label, "limit": 3}
                assert walk(records, collection, newest_first=False, **facts) == ids
                assert walk(records, collection, **facts) == ids[::-1]
        records.commit(Delete(collection + "x", "99"))

    def test_list_ends(self, records: Records, collection: str) -> None:
        """The last page has no cursor, also when it is full."""
        put_all(records, [Record(collection, id, {}) for id in IDS])
        assert records.list(collection, limit=3).next is None
        assert records.list(collection, limit=2).next is not None
        assert records.list(collection + "x") == Page(())

    def test_list_ends_by_bytes(self, records: Records, collection: str) -> None:
        """All pages give each record once, in order; the bodies of one have no more bytes than a
        page may, and with one more they would have."""
        texts = ["x" * 60_000, "\u20ac" * 115_000, "", '"' * 80_000, "x" * 3_000]
        made = [
            Record(collection, f"{n:02}", {"t": texts[n % 5]}, owner="o", label="lm"[n % 2])
            for n in range(30)
        ]
        for record in made:
            records.commit(Put(record))
        filters: tuple[dict[str, str], ...] = ({}, {"owner": "o", "label": "l"})
        for asked, newest_first in product(filters, (False, True)):
            wanted = [each for each in made if asked.get("label") in (None, each.label)]
            pages = list(paged(records, collection, newest_first=newest_first, **asked))
            found = [record for page in pages for record in page.items]
            assert [each.id for each in found] == [
                each.id for each in (wanted[::-1] if newest_first else wanted)
            ]
            sizes = [size for page in pages for size in page.sizes]
            assert sizes == [size_of(encode(each.body)) for each in found]
            assert len(pages) > 1
            for page, following in pairwise(pages):
                assert sum(page.sizes) <= PAGE_CAP < sum(page.sizes) + following.sizes[0]

    def test_list_of_the_largest(self, records: Records, collection: str) -> None:
        """One record is a page, however large it is."""
        body = {"t": "x" * (BODY_CAP - len('{"t":""}'))}
        for n in range(4):
            records.commit(Put(Record(collection, f"{n}", body)))
        pages = [[each.id for each in page.items] for page in paged(records, collection)]
        assert pages == [["3"], ["2"], ["1"], ["0"]]

    def test_list_under_writes(self, records: Records, collection: str) -> None:
        """A cursor neither skips nor repeats while records come, change and go."""
        put_all(records, [Record(collection, f"{n:02}", {}) for n in range(10, 20)])
        page = records.list(collection, limit=4)
        records.commit(
            Put(Record(collection, "99", {})),
            Put(Record(collection, "12", {"changed": True})),
            Delete(collection, page.items[-1].id),
            Delete(collection, "14"),
        )
        rest = records.list(collection, limit=9, cursor=page.next)
        assert [record.id for record in rest.items] == ["15", "13", "12", "11", "10"]

    @pytest.mark.parametrize("cursor", ["", "!", "AB", "é", "_w", "MTA=="])
    def test_list_false_cursor(self, records: Records, collection: str, cursor: str) -> None:
        """A cursor that no list gave is Invalid, and names its field."""
        with pytest.raises(Invalid) as told:
            records.list(collection, cursor=cursor)
        assert [wrong.pointer for wrong in told.value.errors] == ["/cursor"]

    def test_list_no_limit(self, records: Records, collection: str) -> None:
        """A page of nothing is a ValueError."""
        with pytest.raises(ValueError, match="at least one"):
            records.list(collection, limit=0)

    def test_count(self, records: Records, collection: str) -> None:
        """A count is how many a list would give, with the same owner and label."""
        made = [
            Record(collection, f"{n:02}", {}, owner=("", "o", "p")[n % 3], label=("", "l")[n % 2])
            for n in range(20)
        ]
        put_all(records, made)
        records.commit(Put(Record(collection + "x", "99", {}, owner="o", label="l")))
        records.commit(Delete(collection, "00"), Delete(collection, "01"))
        for owner in (None, "", "o", "q"):
            for label in (None, "", "l", "m"):
                listed = walk(records, collection, owner=owner, label=label)
                assert records.count(collection, owner=owner, label=label) == len(listed)

    def test_count_at_one_moment(self, records: Records, collection: str) -> None:
        """A count sees all of a commit or none: never a record twice, or missing, as it moves."""
        put_all(records, [Record(collection, f"{n}", {}, label="x") for n in range(20)])

        def move() -> None:
            for turn in range(40):
                there = "xy"[turn % 2 == 0]
                records.commit(
                    *(Put(Record(collection, f"{n}", {}, label=there)) for n in range(20))
                )

        with ThreadPoolExecutor(1) as pool:
            moving = pool.submit(move)
            found = set()
            while not moving.done():
                assert records.count(collection) == 20
                found.add(records.count(collection, label="x"))
            moving.result()
        assert found <= {0, 20}

    def test_no_lost_update(self, records: Records, collection: str) -> None:
        """Eight threads that count up with `expect`, and try again when Stale, sum exactly."""
        records.commit(Put(Record(collection, "a", {"n": 0})))

        def count(_: int) -> None:
            for _ in range(15):
                while not self.one_more(records, collection):
                    pass

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(count, range(8)))
        found = records.get(collection, "a")
        assert found is not None
        assert (found.body["n"], found.version) == (120, 121)

    @staticmethod
    def one_more(records: Records, collection: str) -> bool:
        old = records.get(collection, "a")
        assert old is not None
        try:
            records.commit(Put(replace(old, body={"n": old.body["n"] + 1}), expect=old.version))
        except Stale:
            return False
        return True

    def test_reopens(self, records: Records, collection: str) -> None:
        """What was closed opens again with the next call, and keeps what it had."""
        records.commit(Put(Record(collection, "a", {"n": 1})))
        records.close()
        records.close()
        records.ping()
        assert records.get(collection, "a").body == {"n": 1}  # type: ignore[union-attr]

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.differing_executors,  # each adapter runs it, in a class of its own
        ],
    )
    @given(commits=COMMITS)
    def test_model(self, records: Records, commits: list[list[tuple[Any, ...]]]) -> None:
        """Any series of commits is done or refused as on a dict, and leaves the same."""
        collection = uuid.uuid4().hex
        model: dict[str, Record] = {}
        for commit in commits:
            writes = [as_write(collection, *parts) for parts in commit]
            expected = apply(model, writes)
            try:
                told: Any = records.commit(*writes)
            except (Stale, ValueError) as error:
                told = type(error)
            assert bare(told) == bare(expected)
            found = tuple(records.get(collection, id) for id in IDS)
            assert bare(found) == bare(tuple(map(model.get, IDS)))
        assert walk(records, collection, newest_first=False) == sorted(model)
