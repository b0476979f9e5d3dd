"""The journal by itself: what is asked, added, measured, cut and moved to pages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.room import journal as journals
from app.room.errors import TooLarge
from app.room.journal import LARGEST, MOST_INLINE, Journal, Misfit, copied
from app.room.strict_json import write_json

UNIT = 1024  # bytes of entries that stay in the job's own record


def filled(*names, paged=()):
    journal = Journal(list(paged), [], UNIT)
    for name in names:
        assert journal.ask("step", name) is None
        journal.add("step", name, v=name)
    return journal


def reread(journal, pages=()):
    return Journal(list(pages), json.loads(json.dumps(journal.inline())), UNIT)


def test_what_was_added_is_found_in_order():
    """By kind, name and occurrence; then there is nothing, and a new entry may come."""
    journal = reread(filled("a", "b", "a"))
    assert [journal.ask("step", name)["i"] for name in ("a", "b", "a")] == [0, 0, 1]
    assert journal.ask("step", "a") is None
    journal.check_spent()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("step", "b"), "it remembers step 'a', and the code asks for step 'b'"),
        (("sleep", "a"), "it remembers step 'a', and the code asks for sleep 'a'"),
    ],
)
def test_another_question_is_a_misfit(asked, said):
    """By name or by kind, it is said what was expected."""
    with pytest.raises(Misfit, match=said):
        reread(filled("a")).ask(*asked)


def test_another_occurrence_is_a_misfit():
    """The same name may come again, but not instead of another."""
    journal = reread(filled("a", "b", "a"))
    journal.ask("step", "a")
    with pytest.raises(Misfit, match=r"remembers step 'b', .* step 'a' \(number 2 of that name\)"):
        journal.ask("step", "a")


def test_what_was_not_asked_for_is_a_misfit():
    """At the function's end everything remembered was used."""
    journal = reread(filled("a", "b"))
    journal.ask("step", "a")
    with pytest.raises(Misfit, match="never asked for step 'b'"):
        journal.check_spent()


def test_inside_a_step_nothing_is_asked():
    """And after it all is as before."""
    journal = filled()
    with pytest.raises(Misfit, match="inside step 'outer'"), journal.inside("outer"):
        journal.ask("sleep", "sleep")
    assert journal.ask("sleep", "sleep") is None


def test_a_value_has_a_largest_size():
    """One more byte is refused, and leaves nothing behind."""
    journal = filled()
    empty = len(json.dumps({"k": "step", "n": "a", "i": 0, "v": ""}, separators=(",", ":")))
    with pytest.raises(ValueError, match=f"{LARGEST:,}"):
        journal.add("step", "a", v="x" * (LARGEST - empty + 1))
    assert journal.inline() == []
    journal.add("step", "a", v="x" * (LARGEST - empty))


def test_an_item_forgets_what_it_remembered():
    """Names count anew in the next one."""
    journal = filled("before")
    loop = journal.add("each", "each", at=0)
    mark = journal.mark()
    for _ in range(3):
        assert journal.add("step", "draw", v=1)["i"] == 0
        journal.cut(mark)
    assert [entry["n"] for entry in journal.inline()] == ["before", "each"]
    assert journal.inline()[1] == loop


def test_old_entries_overflow_into_pages():
    """Once there are too many bytes of them; what stays is read on after them."""
    journal, pages = filled(), []
    for number in range(200):
        journal.add("step", "a", v=[number, "x" * 1000])
        if page := journal.overflow():
            pages += json.loads(json.dumps(page))
            journal.turn(page)
        assert len(json.dumps(journal.inline())) < UNIT + 2000
    assert len(pages) > 100
    later = reread(journal, pages)
    assert [later.ask("step", "a")["v"][0] for _ in range(200)] == list(range(200))
    assert later.inline() == journal.inline()


def test_its_text_is_what_it_holds():
    """Whatever was added, changed, cut, forgotten and turned to a page meanwhile."""
    journal, page = filled("before"), []

    def check():
        assert json.loads(journal.text(page)) == journal.inline(page)
        assert json.loads(journal.text_of(page)) == page

    signal = journal.add("signal", "yes", until=None)
    signal.update(v={"a": "é"}, done=True)
    check()
    loop = journal.add("each", "each", at=0)
    mark = journal.mark()
    for number in range(3):
        journal.add("step", "a", v="x" * 600 * number)
        check()
        journal.cut(mark)
        loop["at"] += 1
        check()
    loop["done"] = True
    journal.add("step", "a", v="x" * 2000)
    page = journal.overflow()
    assert len(page) == 4
    check()
    journal.turn(page)
    page = []
    journal.add("step", "last", e={})
    check()
    journal.forget_failure()
    check()


def test_an_entry_is_encoded_once(monkeypatch):
    """However many come after it, so that a step costs what it adds."""
    encoded = []
    monkeypatch.setattr(journals, "write_json", lambda one: encoded.append(one) or write_json(one))
    journal = filled()
    for number in range(500):
        journal.add("step", "a", v=number)
        page = journal.overflow()
        journal.text(page)
        journal.turn(page)
    assert len(encoded) == 500


@pytest.mark.parametrize(
    ("kind", "more"), [("each", {"at": 0}), ("map", {"at": 0}), ("signal", {"until": None})]
)
def test_what_may_still_change_stays_in_the_record(kind, more):
    """And all that comes after it, up to a bound; once it is done it moves too."""
    journal = filled("before")
    entry = journal.add(kind, "open", **more)
    for _ in range(4):
        journal.add("step", "a", v="x" * 10_000)
    page = journal.overflow()
    assert [one["n"] for one in page] == ["before"]
    journal.turn(page)
    assert journal.overflow() == []
    entry["done"] = True
    assert [one["n"] for one in journal.overflow()] == ["open", "a", "a", "a", "a"]
    del entry["done"]
    for _ in range(3):
        journal.add("step", "a", v="x" * 10_000)
    with pytest.raises(TooLarge, match=f"{MOST_INLINE:,}"):
        journal.overflow()
    assert len(json.dumps(journal.inline())) <= MOST_INLINE  # what no record holds is forgotten
    assert journal.ask("step", "a") is None


def test_a_loop_that_was_left_moves_too():
    """It will not change any more; should it go on, that is a misfit."""
    journal = filled()
    loop = journal.add("each", "each", at=2)
    mark = journal.mark()
    journal.leave(loop)
    for _ in range(4):
        journal.add("step", "a", v="x" * 10_000)
    journal.turn(journal.overflow())
    with pytest.raises(Misfit, match="a loop that was left"):
        journal.cut(mark)


def test_only_the_last_failure_is_forgotten():
    """One that was caught, and gone on from, stays."""
    journal = filled()
    journal.add("step", "caught", e={})
    journal.add("step", "after", v=1)
    journal.forget_failure()
    journal.add("step", "last", e={})
    journal.forget_failure()
    journal.forget_failure()
    assert [entry["n"] for entry in journal.inline()] == ["caught", "after"]


PLACES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), unique=True)


@given(PLACES)
def test_no_two_places_are_alike(places):
    """A map in an item of a loop in a loop, before or after another loop there."""
    told = set()
    for outer, inner, times in places:
        journal = filled()
        journal.add("each", "each", at=outer)
        if times == 2:
            journal.add("each", "each", at=3, done=True)
        journal.add("each", "each", at=inner)
        for _ in range(times):
            journal.add("map", "leaf")
        told.add(journal.place(journal.add("map", "leaf")))
    assert len(told) == len(places)


def test_a_copy_is_what_json_makes_of_it():
    """Nothing is shared with what was given."""
    given = {"a": [1, (2,)]}
    assert copied(given) == {"a": [1, [2]]}
    assert copied(given)["a"] is not given["a"]
