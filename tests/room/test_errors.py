"""The tree of errors is drawn as it is, and every door can say every kind."""

import math
import re

import pytest

from app.doors import http, rpc
from app.doors.mcp import message as mcp
from app.room import errors
from app.room.errors import ManydoorsError, Problem, Refused, Retry, kinds
from app.room.strict_json import read_json, write_json

TREE = {
    (len(indent) // 4, name)
    for indent, name in re.findall(r"^([ │├└─]*)(\w+)", errors.__doc__.split("\n\n")[1], re.M)
}
HELPS = {"busy", "internal", "unavailable", "timeout"}  # DESIGN: another try helps


def family(error: type[ManydoorsError], depth: int = 0):
    yield depth, error
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child, depth + 1)


CLASSES = [each for _, each in family(ManydoorsError)]
PROBLEMS = [each for each in CLASSES if issubclass(each, Problem) and each is not Problem]


def test_the_tree_on_top_is_the_tree():
    """The module's docstring draws each class, below its parent, and no other."""
    assert {(depth, each.__name__) for depth, each in family(ManydoorsError)} == TREE
    drawn = re.findall(r"(\w+)(?:  |\n|$)", errors.__doc__.split("\n\n")[1])
    order = [name for name in drawn if name in {each.__name__ for each in CLASSES}]
    assert order == [each.__name__ for each in CLASSES]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.__name__)
def test_a_problem_has_a_kind_a_title_and_says_whether_a_retry_helps(problem):
    """Without any argument a problem can be told, and it knows if another try helps."""
    made = problem()
    assert made.kind in kinds()
    assert str(made) == made.detail == made.title
    assert made.title.endswith(".")
    assert made.retry is (made.kind in HELPS)


def test_one_kind_has_one_title():
    """A child of a kind is told as its parent is, so that clients know no more than kinds."""
    assert len({(each.kind, each.title, each.retry) for each in PROBLEMS}) == len(kinds())


@pytest.mark.parametrize("table", [http.STATUS, rpc.CODES, mcp.CODES], ids=["HTTP", "RPC", "MCP"])
def test_every_door_can_say_every_kind(table):
    """Each door's table has a number for each kind, and for no other."""
    assert set(table) == set(kinds())


def test_kinds_are_closed():
    """What a user derives has a kind of the tree's, and adds none to what the doors must say."""
    before = kinds()

    class NoMoney(Refused):
        """The account is empty."""

    class Odd(Problem):
        kind, title = "odd", "Odd."

    assert NoMoney("no").kind == "refused"
    assert kinds() == before


def test_an_error_holds_no_number_of_a_door():
    """HTTP statuses and RPC codes belong to the doors."""
    numbers = {
        name
        for each in PROBLEMS
        for name, value in [*vars(each()).items(), *vars(each).items()]
        if isinstance(value, int) and not isinstance(value, bool)
    }
    assert numbers <= {"__firstlineno__"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Not today.", "Not today."),
        ("", Refused.title),
        (ValueError("no such colour"), "no such colour"),
        (42, "42"),
        ("half \ud800", "half ?"),
        ("a\0b", "a?b"),
    ],
)
def test_a_detail_is_text_that_can_be_written(given, told):
    """Whatever is given as the detail, what is told is text that JSON's readers take."""
    problem = Refused(given)
    assert problem.detail == str(problem) == told
    assert read_json(write_json(problem.detail)) == told


@pytest.mark.parametrize(("after", "seconds"), [(None, None), (0, 0.0), (1.5, 1.5), ("15m", 900.0)])
def test_after_is_a_duration(after, seconds):
    """The time until another try is written as every duration is."""
    assert Retry(after=after).after == seconds


@pytest.mark.parametrize("after", [-1, math.nan, math.inf, "soon", True, [], 10**400])
def test_after_is_no_other_thing(after):
    """A time that no door could say is told where it is written."""
    with pytest.raises(ValueError, match="is not a duration"):
        Retry(after=after)


@pytest.mark.parametrize("name", ["type", "title", "status", "detail", "instance", "kind"])
def test_members_do_not_take_the_place_of_a_problems_own(name):
    """A member named as one that every problem has is told where it is written."""
    with pytest.raises(ValueError, match=name):
        Refused("no", **{name: 1})
    assert Refused("no", left=3).members == {"left": 3}
