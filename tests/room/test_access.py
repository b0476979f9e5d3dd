"""admin includes run, run includes read."""

import pytest

from app.room.access import check_scope
from app.room.call import LOCAL, SCOPES, Caller
from app.room.errors import Forbidden

MAY = {"read": {"read"}, "run": {"read", "run"}, "admin": {"read", "run", "admin"}}


@pytest.mark.parametrize("has", SCOPES)
@pytest.mark.parametrize("needs", SCOPES)
def test_a_scope_includes_the_lesser_ones(has, needs):
    """A key may do what its scope and every lesser one lets it do, and nothing more."""
    caller = Caller("ada", has)
    assert caller.may(needs) is (needs in MAY[has])
    if needs in MAY[has]:
        check_scope(caller, needs)
    else:
        with pytest.raises(Forbidden, match=needs):
            check_scope(caller, needs)


def test_an_unknown_scope_lets_nothing_through():
    """A scope that there is not is an error, not a permission."""
    with pytest.raises(ValueError, match="not in"):
        Caller("ada", "root").may("read")
    with pytest.raises(ValueError, match="not in"):
        LOCAL.may("root")
