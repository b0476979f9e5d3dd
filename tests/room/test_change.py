"""`on=[Stream(…)]` on the service's own documents: each change is one job, in its commit."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, TypedDict

import pytest

from app import Run, Secret, Stale, Stream, Unavailable, records
from app.ports import Ports, Write
from app.room.call import Call
from app.room.change import SEQUENCES
from app.room.claim import INLINE
from app.room.enter import Room
from app.room.job import JOBS
from app.room.records import opened
from app.testing import Testing

LARGE = 300_000  # characters; two of them are more than a record holds


@pytest.fixture
def watch(lab: Testing) -> Callable[..., None]:
    """Declares an operation that watches the cats, and takes what is named."""

    def declared(function: Callable[..., Any] | None = None, **options: Any) -> None:
        def taken(message: dict[str, Any]) -> None:
            """Take all there is."""

        name = options.pop("name", "cats.watch")
        lab.room.registry.operation(name, on=[Stream("cats")], **options)(function or taken)

    return declared


def told(lab: Testing, name: str = "cats.watch") -> list[dict[str, Any]]:
    """What each job was told, the first change first."""
    lab.run()
    facts = [given(lab, job) for job in lab.jobs(name)]
    facts = [each.get("message", each) for each in facts]
    return sorted(facts, key=lambda each: int(each.get("sequence", 0)))


def given(lab: Testing, job: dict[str, Any]) -> Any:
    """Its parameters, from wherever they are kept."""
    found = lab.room.ports.records.get(JOBS, job["id"])
    assert found is not None
    return lab.room.claims.of_job(found, lab.room.registry.get(job["operation"]))


def test_a_change_tells_what_was_and_what_is(lab: Testing, watch: Callable[..., None]) -> None:
    """As a row of a table that has the key `id`, in the order of the changes."""
    watch()
    cats = records("cats")
    cats.put("tom", {"lives": 9})
    cats.change("tom", lambda cat: cat.update(lives=8))
    cats.delete("tom")
    first, second, third = told(lab)
    assert first == {
        "event": "insert",
        "table": "cats",
        "keys": {"id": "tom"},
        "new": {"id": "tom", "lives": 9},
        "old": None,
        "sequence": first["sequence"],
    }
    assert (second["event"], second["old"], second["new"]["lives"]) == ("modify", first["new"], 8)
    assert (third["event"], third["old"], third["new"]) == ("remove", second["new"], None)
    assert lab.jobs("cats.watch")[0]["source"] == "stream"


def test_an_operation_gets_what_it_has_parameters_for(
    lab: Testing, watch: Callable[..., None]
) -> None:
    def taken(keys: dict[str, str], new: dict[str, Any] | None) -> None:
        """Take two."""

    watch(taken)
    records("cats").put("tom", {"id": "Thomas"})
    assert told(lab) == [{"keys": {"id": "tom"}, "new": {"id": "Thomas"}}]


def test_what_changes_no_data_starts_nothing(lab: Testing, watch: Callable[..., None]) -> None:
    """Nor does a delete of what is absent; 1, 1.0 and true are not the same."""
    watch()
    cats = records("cats")
    cats.delete("tom")
    first = cats.put("tom", {"a": 1, "b": 2})
    again = cats.put("tom", {"b": 2, "a": 1})
    assert again.version > first.version
    assert len(told(lab)) == 1
    for value in (True, 1.0, 1):
        cats.put("tom", {"a": value, "b": 2})
    assert len(told(lab)) == 4


def test_only_the_collection_that_is_named_is_watched(
    lab: Testing, watch: Callable[..., None]
) -> None:
    watch()
    records("dogs").put("rex", {})
    assert told(lab) == []


def test_all_who_watch_hear_of_it(lab: Testing, watch: Callable[..., None]) -> None:
    """Each has a job of its own, whoever made the change: a call, a job, the test itself."""
    watch()
    watch(name="cats.count")

    def adopt(name: str) -> None:
        """Take one in."""
        records("cats").put(name, {})

    def adopt_later(run: Run, name: str) -> None:
        """Take one in, by a job."""
        run.records("cats").put(name, {})

    lab.room.registry.operation("adopt")(adopt)
    lab.room.registry.operation("adopt.later")(adopt_later)
    lab.call("adopt", name="tom")
    lab.submit("adopt.later", name="kit")
    records("cats").put("mog", {})
    lab.run()
    for name in ("cats.watch", "cats.count"):
        assert sorted(each["keys"]["id"] for each in told(lab, name)) == ["kit", "mog", "tom"]


def test_a_put_that_expects_another_version_starts_nothing(
    lab: Testing, watch: Callable[..., None]
) -> None:
    watch()
    cats = records("cats")
    old = cats.put("tom", {"lives": 9}, expect=0)
    cats.put("tom", {"lives": 8}, expect=old.version)
    for expect in (0, old.version):
        with pytest.raises(Stale):
            cats.put("tom", {"lives": 1}, expect=expect)
    with pytest.raises(Stale):
        cats.delete("tom", expect=old.version)
    assert [each["event"] for each in told(lab)] == ["insert", "modify"]


def test_a_sequence_grows_over_a_delete_and_a_clock_that_is_set_back(
    lab: Testing, watch: Callable[..., None]
) -> None:
    watch()
    cats = records("cats")
    for lives in (9, 8, 7):
        cats.put("tom", {"lives": lives})
        cats.delete("tom")
        lab.clock._now -= 3600
    lab.clock.sleep(4 * 3600)
    seen = [each["event"] for each in told(lab)]
    assert seen == ["insert", "remove"] * 3


def test_changes_of_many_at_once_are_a_chain(lab: Testing, watch: Callable[..., None]) -> None:
    """Each one's `old` is the `new` of the one before: none is lost, doubled or out of place."""
    watch()
    room, threads = lab.room, 6
    real = replace(room.ports, clock=lab.clock)

    def count() -> None:
        with opened(real, lambda: room.engine.changes):
            for _ in range(5):
                records("cats").change("tom", lambda cat: {"n": cat.get("n", 0) + 1})

    running = [threading.Thread(target=count) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    seen = told(lab)
    assert [each["new"]["n"] for each in seen] == list(range(1, 5 * threads + 1))
    assert [each["old"] for each in seen] == [None, *(each["new"] for each in seen[:-1])]


class Breaking:
    """A store whose commits of the cats fail: before they land, or with the answer lost behind."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.lands: bool | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, *writes: Write) -> Any:
        is_ours = any("user.cats" in str(write) for write in writes)
        lands, self.lands = (self.lands, None) if is_ours else (True, self.lands)
        if lands is False:
            raise Unavailable("The store is away.")
        done = self._store.commit(*writes)
        if is_ours and lands:
            raise Unavailable("The answer is lost.")
        return done


@pytest.mark.parametrize("lands", [False, True])
def test_a_change_and_its_job_are_there_both_or_neither(
    lab: Testing, watch: Callable[..., None], lands: bool
) -> None:
    """Whichever way a commit fails; and tried again, the change is one job."""
    watch()
    store = Breaking(lab.room.ports.records)
    broken: Any = store
    ports: Ports = replace(lab.room.ports, records=broken)
    room = Room(lab.room.registry, ports)
    with opened(ports, lambda: room.engine.changes):
        store.lands = lands
        with pytest.raises(Unavailable):
            records("cats").put("tom", {"lives": 9})
        assert (records("cats").get("tom") is not None) is lands
        assert len(lab.jobs("cats.watch")) == lands
        records("cats").put("tom", {"lives": 9})
    assert [each["event"] for each in told(lab)] == ["insert"]


class Counting:
    """A store that counts what is asked of it."""

    def __init__(self, store: Any) -> None:
        self._store, self.asked = store, list[str]()

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._store, name)


def test_a_collection_that_nobody_watches_pays_nothing(
    lab: Testing, watch: Callable[..., None]
) -> None:
    """One commit of one record, without a look before."""
    watch()
    store: Any = Counting(lab.room.ports.records)
    ports = replace(lab.room.ports, records=store)
    room = Room(lab.room.registry, ports)
    with opened(ports, lambda: room.engine.changes):
        records("dogs").put("rex", {})
        records("dogs").delete("rex")
    assert store.asked == ["commit", "commit"]
    assert not lab.room.ports.records.count(SEQUENCES)


def test_large_documents_are_told_whole(lab: Testing, watch: Callable[..., None]) -> None:
    """What was and what is are together more than a record holds: they are in a file."""
    watch()
    for letter in "ab":
        records("cats").put("tom", {"text": letter * LARGE})
    first, second = told(lab)
    assert (first["new"]["text"], second["old"]["text"]) == ("a" * LARGE, "a" * LARGE)
    assert second["new"]["text"] == "b" * LARGE
    assert len(json.dumps(second)) > INLINE
    assert all(job["status"] == "succeeded" for job in lab.jobs("cats.watch"))


@pytest.fixture
def strict(watch: Callable[..., None]) -> None:
    def taken(new: dict[str, int], old: dict[str, int]) -> None:
        """Take what has no texts, and was there before."""

    watch(taken)
    watch(name="cats.count")


def test_who_refuses_a_change_does_not_hold_it_up(lab: Testing, strict: None) -> None:
    """The document is changed, the others hear of it, and a failed job says what came."""
    records("cats").put("tom", {"name": "Tom"})
    assert records("cats").get("tom") == {"name": "Tom"}
    assert len(told(lab, "cats.count")) == 1
    assert lab.jobs("cats.watch") == []
    (trace,) = lab.jobs("inbox.unreadable")
    assert (trace["status"], trace["error"]["kind"]) == ("failed", "invalid")
    assert (trace["params"]["operation"], trace["params"]["source"]) == (
        "cats.watch",
        "stream:cats",
    )


def test_a_refused_change_for_one_with_secrets_leaves_no_bytes(
    lab: Testing, watch: Callable[..., None]
) -> None:
    class Cat(TypedDict):
        id: str
        pin: Annotated[str, Secret]

    def taken(new: Cat) -> None:
        """Take a secret."""

    watch(taken)
    records("cats").put("tom", {"pin": 1234})
    (trace,) = lab.jobs("inbox.unreadable")
    assert "base64" not in trace["params"]


def test_singletons_and_debounce_hold_for_changes(lab: Testing, watch: Callable[..., None]) -> None:
    """Of many changes in a row a debounced operation hears of the last."""
    watch(debounce="5s", long=True)
    for lives in range(9, 0, -1):
        records("cats").put("tom", {"lives": lives})
    (seen,) = told(lab)
    assert seen["new"]["lives"] == 1


def test_a_full_queue_refuses_no_change(lab: Testing, watch: Callable[..., None]) -> None:
    watch()
    lab.room.registry.operation("fill", long=True)(lambda: None)
    lab.room.engine.acceptance.brim.most = 1
    lab.room.enter(Call("fill"))
    for lives in range(3):
        records("cats").put("tom", {"lives": lives})
    assert len(lab.jobs("cats.watch")) == 3


def test_the_changes_of_one_document_can_be_taken_one_after_another(
    lab: Testing, watch: Callable[..., None]
) -> None:
    """By a key made of what is told, in the order in which they came."""
    seen: list[tuple[str, int]] = []

    def taken(keys: dict[str, str], new: dict[str, Any]) -> None:
        """Take notice."""
        seen.append((keys["id"], new["lives"]))

    watch(taken, long=True, concurrency=1, key=lambda told: told["keys"]["id"])
    for lives in range(5):
        for name in ("tom", "kit"):
            records("cats").put(name, {"lives": lives})
    lab.run()
    for name in ("tom", "kit"):
        assert [lives for id, lives in seen if id == name] == [0, 1, 2, 3, 4]
