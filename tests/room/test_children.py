"""run.map: children are jobs of their own, made once each, and their parent waits in the store."""

import tracemalloc
from dataclasses import dataclass
from datetime import date

import pytest

from app import File
from app.ports import Delete, Put
from app.room import children as under_test
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.children import MAPS, Results
from app.room.errors import Problem, Refused, Unavailable, Unknown
from app.room.job import JOBS


@dataclass
class Spot:
    x: int


@pytest.fixture
def leaf(declare):
    ran = []

    def leaf(n: int) -> int:
        ran.append(n)
        if n < 0:
            raise Refused(f"{n} is below zero")
        return n * 10

    declare(leaf, "leaf")
    leaf.ran = ran
    return leaf


def items(*numbers):
    return [{"n": n} for n in numbers]


def mapping(declare, given, **how):
    """The parent; it gives its results as a list."""
    options = {name: how.pop(name) for name in ("retries", "keep") if name in how}

    def parent(run) -> list:
        return [
            str(value.detail) if isinstance(value, Problem) else value
            for value in run.map("leaf", given, **how)
        ]

    declare(parent, "parent", **options)


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_results_come_in_order(lab, declare, leaf, batch, count):
    """Whichever child ran first; many items may share one child."""
    mapping(declare, items(*range(count)), batch=batch)
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == [10 * n for n in range(count)]
    assert sorted(leaf.ran) == list(range(count))
    assert len(lab.jobs("leaf")) == -(-count // batch)


def test_a_parent_tells_how_many_have_ended(lab, declare, leaf):
    """Before it waits, and when it goes on: not only that they were made."""
    mapping(declare, items(1, -2, 3), batch=1)
    failed = lab.submit("parent")
    lab.run_only(failed)
    assert lab.job(failed)["progress"] == {"done": 0, "total": 3, "note": "children: leaf"}
    lab.run()
    assert lab.job(failed)["status"] == "failed"
    assert lab.job(failed)["progress"]["total"] == 3

    def fine(run) -> None:
        run.map("leaf", items(1, 2, 3), batch=2)

    declare(fine, "fine")
    id = lab.submit("fine")
    lab.run()
    assert lab.job(id)["progress"] == {"done": 2, "total": 2, "note": "children: leaf"}


def test_a_child_names_its_parent(lab, declare, leaf):
    """And its place among the children; it has its parent's owner and priority."""
    mapping(declare, items(1, 2))
    id = lab.submit("parent", priority=7)
    lab.run()
    told = [
        (c["parent"], c["index"], c["priority"], c["owner"], c["source"]) for c in lab.jobs("leaf")
    ]
    assert told == [(id, 0, 7, "local", "map"), (id, 1, 7, "local", "map")]


def test_the_parent_waits_in_the_store(lab, declare, leaf):
    """It holds no worker, waits are no attempts, and it is woken by the last child, not by time."""
    mapping(declare, items(1, 2))
    began = lab.clock.now()
    id = lab.submit("parent")
    assert lab.run_next() == id
    assert lab.job(id)["status"] == "waiting"
    lab.run()
    assert lab.result(id) == [10, 20]
    assert lab.job(id)["attempt"] == 1
    assert lab.clock.now() == began


def test_an_operation_is_named_or_given(lab, declare, leaf):
    """By its name or as the function; what is neither says so."""
    declare(lambda run: [list(run.map(leaf, items(1))), list(run.map("leaf", items(2)))], "both")
    declare(lambda run: run.map(lambda: 1, []), "stranger", retries=0)
    declare(lambda run: run.map("nobody", []), "unknown", retries=0)
    both, stranger, unknown = lab.submit("both"), lab.submit("stranger"), lab.submit("unknown")
    lab.run()
    assert lab.result(both) == [[10], [20]]
    assert "declare it with @operation" in lab.error(stranger)["detail"]
    assert lab.error(unknown)["kind"] == "unknown"


@pytest.mark.parametrize("how", [{"batch": 0}, {"failures": "ignore"}])
def test_a_wrong_wish_is_said(lab, declare, leaf, how):
    """A batch is one at least; failures stop or are collected."""
    mapping(declare, [], retries=0, **how)
    id = lab.submit("parent")
    lab.run()
    assert "batch=1 or more" in lab.error(id)["detail"]


def test_an_item_that_is_not_valid_stops_the_parent(lab, declare, leaf):
    """It is named, and nothing is tried again."""
    mapping(declare, [{"n": 1}, {"n": "x"}])
    id = lab.submit("parent")
    lab.run()
    assert lab.error(id)["detail"].startswith("Item 1 is not valid for leaf: /n:")
    assert lab.job(id)["attempt"] == 1


@pytest.mark.parametrize("item", [[1], "n", 7, {"n": object()}, {1: 2}])
def test_an_item_that_is_no_object_is_told_what_one_is(lab, declare, leaf, item):
    """It is the parent's mistake, and tried no second time."""
    mapping(declare, [item])
    id = lab.submit("parent")
    lab.run()
    assert lab.error(id)["detail"].startswith("Item 0 is not valid for leaf: ")
    assert (lab.error(id)["kind"], lab.job(id)["attempt"]) == ("refused", 1)


def test_what_a_parameter_is_inside_may_be_an_item(lab, declare):
    """A file, a date, a dataclass: a child gets what its parent has, and nobody writes its id."""

    def child(pics: list[File], day: date, spot: Spot) -> str:
        return f"{pics[0].name} {day:%d.%m.} {spot.x}"

    def parent(run, pic: File) -> list[str]:
        made = run.save(b"b", name="b.txt")
        given = {"day": date(2026, 5, 1), "spot": Spot(3)}
        return list(run.map("child", [{"pics": [each], **given} for each in (pic, made)]))

    declare(child, "child")
    declare(parent, "parent")
    id = lab.submit("parent", pic=lab.file(b"a", "a.txt"))
    lab.run()
    assert lab.result(id) == ["a.txt 01.05. 3", "b.txt 01.05. 3"]


# Failures


def test_the_first_failure_stops_the_parent(lab, declare, leaf):
    """At once, while others have not run; those are cancelled when they are claimed."""
    mapping(declare, items(-1, 2, 3))
    id = lab.submit("parent")
    while lab.job(id)["status"] != "failed":
        lab.run_next()
    assert leaf.ran == [-1, 2][: len(leaf.ran)]
    lab.run()
    assert "Item 0 failed for good: -1 is below zero" in lab.error(id)["detail"]
    statuses = [child["status"] for child in lab.jobs("leaf")]
    assert statuses[0] == "failed"
    assert statuses[-1] == "cancelled"
    assert 3 not in leaf.ran


def test_failures_may_be_collected(lab, declare, leaf):
    """Each result is then a value or an error."""
    mapping(declare, items(1, -2, 3), failures="collect")
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == [10, "-2 is below zero", 30]


def test_a_batch_fails_together(lab, declare, leaf):
    """One child, one ending: each of its items has the error."""
    mapping(declare, items(1, -2, 3), failures="collect", batch=2)
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == ["-2 is below zero", "-2 is below zero", 30]


def test_a_cancelled_child_has_no_result(lab, declare, leaf):
    """Collected, it is an error; else it stops the parent."""
    mapping(declare, items(1, 2), failures="collect")
    id = lab.submit("parent")
    lab.run_next()
    lab.cancel(lab.jobs("leaf")[1]["id"])
    lab.run()
    assert lab.result(id) == [10, "The job is cancelled."]


def test_a_function_may_catch_a_failure_and_go_on(lab, declare, leaf):
    """What is left of that map wakes nobody out of a later sleep."""
    slices = []

    def parent(run) -> str:
        slices.append(1)
        try:
            run.map("leaf", items(-1, 2, 3, 4))
        except Refused:
            run.sleep("1h")
        return "done"

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == "done"
    assert len(slices) == 3


def test_a_failure_that_was_caught_is_remembered(lab, declare, leaf):
    """The same one, whichever children fail later or are gone by then."""
    seen = []

    def parent(run) -> str:
        try:
            run.map("leaf", items(1, 2, -3, -4), batch=1)
        except Refused as refused:
            seen.append((refused.detail, refused.members["job"]))
        run.sleep("1h")
        return seen[-1][0]

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run_next()
    last = lab.jobs("leaf")[3]["id"]
    claimed = lab.room.engine.claim(4)
    for one in claimed:
        if one.id == last:
            lab.run_once(one)
    lab.run_only(id)
    lab.room.ports.records.commit(*(Delete(JOBS, each["id"]) for each in lab.jobs("leaf")))
    lab.run()
    assert lab.result(id) == "Item 3 failed for good: -4 is below zero"
    assert set(seen) == {("Item 3 failed for good: -4 is below zero", last)}


def test_a_failure_ends_the_making_of_more(lab, declare, leaf, chunks_of_two):
    """A child may fail while its siblings are still made."""

    def given():
        for n in range(-1, 50):
            if n == 5:
                while claimed := lab.room.engine.claim():
                    lab.run_once(claimed[0])
            yield {"n": n}

    declare(lambda run: len(run.map("leaf", given())), "parent")
    id = lab.submit("parent")
    lab.run()
    assert "Item 0 failed for good" in lab.error(id)["detail"]
    assert len(lab.jobs("leaf")) < 10


def test_the_failure_is_found_by_one_look(lab, declare, leaf, monkeypatch):
    """However many children stand before it."""
    mapping(declare, items(*range(300), -1))
    id = lab.submit("parent")
    lab.run_next()
    while lab.job(id)["status"] == "waiting":
        lab.run_next()
    get, gets = lab.room.ports.records.get, []
    monkeypatch.setattr(
        lab.room.ports.records, "get", lambda *named: gets.append(named) or get(*named)
    )
    lab.run_next()
    assert "Item 300 failed for good" in lab.error(id)["detail"]
    assert len(gets) < 20


def test_steps_after_a_failure_find_room(lab, declare, leaf):
    """A map that has failed changes no more, so that what is remembered behind it goes to pages."""

    def parent(run) -> int:
        try:
            run.map("leaf", items(-1))
        except Refused:
            return sum(len(run.step("much", lambda: "x" * 1000)) for _ in range(100))
        return 0

    declare(parent, "parent", retries=0)
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == 100_000


def test_results_are_walked_over_many_slices(lab, declare, leaf, monkeypatch):
    """What was walked before is not read again."""

    def parent(run) -> int:
        for value in run.each(run.map("leaf", items(*range(60))), every=1):
            run.state["sum"] = run.state.get("sum", 0) + value
            lab.clock.sleep(1)
        return run.state["sum"]

    declare(parent, "parent")
    lab.slice = 5
    id = lab.submit("parent")
    lab.run_only(id)
    while len(leaf.ran) < 60:
        lab.run_next()
    read, seen = Results.__getitem__, []
    monkeypatch.setattr(Results, "__getitem__", lambda self, n: seen.append(n) or read(self, n))
    lab.run()
    assert lab.result(id) == 10 * sum(range(60))
    assert len(seen) < 2 * 60


# Cancelling


def test_a_cancelled_parent_takes_its_children_along(lab, declare, leaf):
    """Lazily, when they are claimed: none of them runs."""
    mapping(declare, items(*range(5)))
    id = lab.submit("parent")
    lab.run_next()
    lab.cancel(id)
    lab.run()
    assert lab.job(id)["status"] == "cancelled"
    assert {child["status"] for child in lab.jobs("leaf")} == {"cancelled"}
    assert {child["attempt"] for child in lab.jobs("leaf")} == {0}
    assert leaf.ran == []


def test_grandchildren_go_along_too(lab, declare, leaf):
    """Each at its claim, when its own parent has ended."""

    def middle(run, n: int) -> list:
        return list(run.map("leaf", items(n, n)))

    declare(middle, "middle")
    declare(lambda run: list(run.map("middle", items(1, 2))), "top")
    id = lab.submit("top")
    lab.run_next()
    lab.run_next()
    lab.cancel(id)
    lab.run()
    assert {one["status"] for one in lab.jobs()} == {"cancelled"}


def test_children_whose_tally_is_gone_can_end(lab, declare, leaf):
    """Their parent ended so long ago that nothing of it is left: they end all the same, by their
    claim or because somebody cancels them."""
    mapping(declare, items(1, 2, 3))
    id = lab.submit("parent")
    lab.run_next()
    lab.cancel(id)
    (tally,) = lab.room.ports.records.list(MAPS).items
    lab.room.ports.records.commit(Delete(MAPS, tally.id))
    lab.cancel(lab.jobs("leaf")[2]["id"])
    lab.run()
    assert {child["status"] for child in lab.jobs("leaf")} == {"cancelled"}


# Crashes


@pytest.fixture
def chunks_of_two(monkeypatch):
    monkeypatch.setattr(under_test, "CHUNK", 2)


class Dies(BaseException):
    pass


def dying(lab, when):
    """A store in which the process dies at the n-th commit that makes children."""
    records = lab.room.ports.records
    commit, seen = records.commit, []

    def commits(*writes):
        if any(isinstance(w, Put) and not w.expect and "parent" in w.record.body for w in writes):
            seen.append(writes)
            if len(seen) == when[0]:
                if when[1] == "after":
                    commit(*writes)
                raise Dies
        return commit(*writes)

    records.commit = commits


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_crash_while_children_are_made(lab, declare, leaf, chunks_of_two, where, chunk):
    """The next run goes on with those that are missing; none is made twice."""
    mapping(declare, items(*range(6)))
    id = lab.submit("parent")
    dying(lab, (chunk, where))
    with pytest.raises(Dies):
        lab.run()
    lab.run()
    assert lab.result(id) == [0, 10, 20, 30, 40, 50]
    assert sorted(leaf.ran) == list(range(6))
    assert len(lab.jobs("leaf")) == 6


def test_children_are_made_over_many_slices(lab, declare, leaf, chunks_of_two):
    """A slice may end between two chunks."""

    def given():
        for n in range(9):
            lab.clock.sleep(1)
            yield {"n": n}

    def parent(run) -> int:
        return sum(run.map("leaf", given()))

    declare(parent, "parent")
    lab.slice = 5
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == 360
    assert sorted(leaf.ran) == list(range(9))


def test_a_crash_after_the_last_child_ended(lab, declare, leaf):
    """Nobody was left to wake the parent: it looks by itself after a minute."""
    mapping(declare, items(1))
    id = lab.submit("parent")
    lab.run_next()
    (child,) = lab.room.engine.claim()
    ending = lab.room.engine.execute(child, Control())
    began, records = lab.clock.now(), lab.room.ports.records
    get = records.get

    def down(*name):
        raise Unavailable("down")

    records.get = down  # the child's end lands, and nothing that follows it
    with pytest.raises(Unavailable):
        lab.room.engine.settle([(child, ending)])
    records.get = get
    assert lab.job(id)["status"] == "waiting"
    lab.run()
    assert lab.result(id) == [10]
    assert lab.clock.now() == began + 60


def test_a_child_that_ends_before_its_parent_waits(lab, declare, leaf):
    """A fast worker was done with all of them before the parent was put to wait: it goes on at
    once."""
    mapping(declare, items(1, 2))
    began = lab.clock.now()
    id = lab.submit("parent")
    (parent,) = lab.room.engine.claim()
    ending = lab.room.engine.execute(parent, Control())
    lab.run_next()
    lab.run_next()
    lab.room.engine.settle([(parent, ending)])
    assert lab.job(id)["status"] == "queued"
    lab.run()
    assert lab.result(id) == [10, 20]
    assert lab.clock.now() == began


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_parent_that_crashes_makes_no_second_children(lab, declare, leaf, step):
    """Before it waits, or after it was woken."""

    def parent(run) -> list:
        run.step("before", str)
        values = list(run.map("leaf", items(1, 2)))
        run.step("after", str)
        return values

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.crash_at(step, times=2)
    lab.run()
    assert lab.result(id) == [10, 20]
    assert leaf.ran == [1, 2]


def test_maps_in_the_items_of_a_loop_are_maps_of_their_own(lab, declare, leaf):
    """Each item has its own children, though loops forget what their items remembered."""

    def parent(run) -> list:
        run.state["all"] = []
        for first in run.each([1, 2], every=1):
            for second in run.each([3, 4], every=1):
                run.state["all"] += run.map("leaf", items(first, second))
        for number in run.each([5, 6], every=1):
            run.state["all"] += run.map("leaf", items(number))
        return run.state["all"]

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == [10, 30, 10, 40, 20, 30, 20, 40, 50, 60]
    assert len(lab.jobs("leaf")) == 10


def test_maps_in_maps_have_short_names(lab, declare):
    """At any depth an id fits into a URL and into a store."""

    def deeper(run, n: int) -> int:
        return n if n == 0 else 1 + sum(run.map("deeper." + "x" * 100, [{"n": n - 1}]))

    declare(deeper, "deeper." + "x" * 100)
    id = lab.submit("deeper." + "x" * 100, n=12)
    lab.run()
    assert lab.result(id) == 12
    assert max(len(one["id"]) for one in lab.jobs()) < 70
    assert all(one["id"].startswith(id) for one in lab.jobs())


# Size


def test_large_items_share_fewer_commits(lab, declare):
    """So many as one commit holds, whatever they take."""

    def leaf(text: str) -> int:
        return len(text)

    def parent(run) -> int:
        return sum(run.map("leaf", [{"text": "x" * 90_000}] * 50))

    declare(leaf, "leaf")
    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == 50 * 90_000


def test_thousands_of_children_need_little_memory(lab, declare):
    """Items are read, and results given, one by one."""
    count = 2000

    def leaf(n: int) -> str:
        return "x" * 1000

    def parent(run) -> int:
        tracemalloc.start()
        total = sum(len(value) for value in run.map("leaf", ({"n": n} for n in range(count))))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        return total

    peaks = []
    declare(leaf, "leaf")
    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run_next()
    tracemalloc.stop()
    while claimed := [r for r in lab.room.engine.claim(100) if r.id != id]:
        told = [(record, lab.room.engine.execute(record, Control())) for record in claimed]
        lab.room.engine.settle(told)
    lab.advance(11)
    lab.run()
    assert lab.result(id) == count * 1000
    assert max(peaks) < 500_000


def test_large_batches_need_little_memory(lab, declare):
    """Of the items that share a child too, few are held at once: not all of one commit's children,
    nor those of many results."""
    count, batch = 20_000, 1000

    def leaf(n: int) -> int:
        return n

    def parent(run) -> int:
        tracemalloc.start()
        try:
            return sum(run.map("leaf", ({"n": n} for n in range(count)), batch=batch))
        finally:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()

    peaks = []
    declare(leaf, "leaf")
    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == sum(range(count))
    assert max(peaks) < 4_000_000


# What is left


def test_what_belongs_to_an_ended_job_goes_with_it(lab, declare, leaf):
    """The tallies of all its maps, those of forgotten items too, expire when it does."""

    def parent(run):
        for number in run.each([1, 2, 3], every=1):
            run.map("leaf", items(number))

    declare(parent, "parent")
    id = lab.submit("parent")
    lab.run()
    ended = lab.room.engine.get(id, LOCAL)
    tallies = lab.room.ports.records.list(MAPS).items
    assert len(tallies) == 3
    assert {tally.expires for tally in tallies} == {ended.expires}


def test_a_result_is_read_by_place_and_by_slice(lab, declare, leaf):
    """The results are a sequence."""

    def parent(run) -> list:
        found = run.map("leaf", items(1, 2, 3), batch=2)
        assert isinstance(found, Results)
        with pytest.raises(IndexError):
            found[3]
        return [len(found), found[0], found[-1], found[1:], list(reversed(found))]

    declare(parent, "parent", retries=0)
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == [3, 10, 30, [20, 30], [30, 20, 10]]


def test_a_child_that_is_gone_is_said(lab, declare, leaf):
    """It outlived its keep before its parent asked for it."""

    def parent(run) -> int:
        found = run.map("leaf", items(1))
        lab.room.ports.records.commit(Delete("jobs", lab.jobs("leaf")[0]["id"]))
        with pytest.raises(Unknown, match="outlived its `keep`"):
            found[0]
        return 1

    declare(parent, "parent", retries=0)
    id = lab.submit("parent")
    lab.run()
    assert lab.result(id) == 1


def test_children_of_short_keep_stay_for_their_parent(lab, declare, leaf):
    """A day at least, however short their operation's own keep is."""
    lab.room.registry._operations.clear()
    declare(leaf, "leaf", keep=1)
    mapping(declare, items(1, 2))
    id = lab.submit("parent")
    lab.run_next()
    lab.run_next()
    lab.advance("2h")
    lab.run()
    assert lab.job(id)["status"] == "succeeded"
