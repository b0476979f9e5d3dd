"""The users' own documents: versioned, changed by many at once without losing anything."""

import threading

import pytest

from app import Stale, records
from app.room.errors import ManydoorsError
from app.room.records import opened


@pytest.fixture(autouse=True)
def inside(ports):
    with opened(ports):
        yield


def test_a_document_is_put_read_and_deleted():
    """What was put is there, with a version that grows; what was deleted is not."""
    cats = records("cats")
    assert cats.get("Tom") is None
    assert cats.read("Tom") is None
    first = cats.put("Tom", {"lives": 9})
    second = cats.put("Tom", {"lives": 8})
    assert cats.get("Tom") == {"lives": 8}
    assert cats.read("Tom").version == second.version > first.version > 0
    cats.delete("Tom")
    cats.delete("Tom")
    assert cats.get("Tom") is None


def test_a_name_is_a_collection_of_its_own():
    """Collections do not see each other, nor the service's own records."""
    records("cats").put("Tom", {})
    assert records("dogs").get("Tom") is None
    assert [each.id for each in records("cats")] == ["Tom"]
    assert next(iter(records("cats"))).collection == "user.cats"


def test_a_put_that_expects_a_version_does_not_overwrite_another():
    """Whoever read an older version is told, and writes nothing."""
    cats = records("cats")
    old = cats.put("Tom", {"lives": 9}, expect=0)
    cats.put("Tom", {"lives": 8}, expect=old.version)
    for expect in (0, old.version):
        with pytest.raises(Stale):
            cats.put("Tom", {"lives": 1}, expect=expect)
        with pytest.raises(Stale):
            cats.delete("Tom", expect=old.version)
    assert cats.get("Tom") == {"lives": 8}


def test_a_change_begins_with_an_empty_document():
    """Of an absent document {} is changed; in place, or by what is returned."""
    cats = records("cats")
    assert cats.change("Tom", lambda body: body.update(lives=9)) == {"lives": 9}
    assert cats.change("Tom", lambda body: {"was": body["lives"]}) == {"was": 9}
    assert cats.change("Tom", lambda body: {}) == {}
    assert cats.get("Tom") == {}


def test_a_change_that_raises_writes_nothing():
    """The document stays as it was, and the error is the change's own."""
    cats = records("cats")
    cats.put("Tom", {"lives": 9})

    def fails(body):
        body["lives"] = 0
        raise Stale("my own")

    with pytest.raises(Stale, match="my own"):
        cats.change("Tom", fails)
    assert cats.get("Tom") == {"lives": 9}


def test_changes_of_many_threads_all_count(ports):
    """Eight threads that add at once: every one of their additions is there."""
    failed = []

    def add() -> None:
        try:
            with opened(ports):
                for _ in range(25):
                    records("counts").change("all", lambda body: {"n": body.get("n", 0) + 1})
        except BaseException as error:  # noqa: BLE001 - a thread's error is the test's
            failed.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert records("counts").get("all") == {"n": 200}


def test_a_change_that_never_wins_gives_up():
    """A document that changes at each try ends as `conflict`, not as an endless loop."""
    cats = records("cats")
    tries = []

    def outrun(body):
        tries.append(body)
        cats.put("Tom", {"tries": len(tries)})
        return {"mine": True}

    with pytest.raises(Stale, match="changes too often"):
        cats.change("Tom", outrun)
    assert 10 <= len(tries) <= 1000
    assert cats.get("Tom") == {"tries": len(tries)}


def test_every_document_is_listed_once():
    """More documents than a page holds come in the order of their ids."""
    cats = records("cats")
    for number in range(205):
        cats.put(f"{number:03}", {"number": number})
    assert [each.id for each in cats] == [f"{number:03}" for number in range(205)]


@pytest.mark.parametrize("name", ["", "x" * 129])
def test_a_collections_name_has_a_length(name):
    """A name has 1 to 128 characters."""
    with pytest.raises(ValueError, match="1 to 128"):
        records(name)


def test_outside_of_a_run_it_says_so():
    """In a thread that no run opened, the error says what to do; an inner store closes again."""
    told = []

    def outside() -> None:
        cats = records("cats")
        for use in (lambda: cats.get("Tom"), lambda: cats.put("Tom", {}), lambda: list(cats)):
            with pytest.raises(ManydoorsError, match="outside of an operation's run") as error:
                use()
            told.append(error.value)

    thread = threading.Thread(target=outside)
    thread.start()
    thread.join()
    assert len(told) == 3


def test_an_inner_store_ends_with_its_block(ports, tmp_path):
    """Inside, the inner store; afterwards the outer one again."""
    from app.config import Settings
    from app.wiring import make_ports

    records("cats").put("Tom", {})
    other = make_ports(Settings(data=tmp_path / "other"))
    with opened(other):
        assert records("cats").get("Tom") is None
    assert records("cats").get("Tom") == {}
    other.records.close()
