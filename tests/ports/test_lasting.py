"""`lasting`: no garbage is looked for while what stays is made."""

import gc
from collections.abc import Iterator

import pytest

from app.ports.lasting import lasting


@pytest.fixture(autouse=True)
def _nothing_frozen_after() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_made_inside_is_left_alone() -> None:
    """It is counted among what no collection looks at, and collections go on after it."""
    gc.unfreeze()
    with lasting():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)


def test_an_error_inside_ends_it_too() -> None:
    """Else a start that failed once would leave a process that never collects."""
    with pytest.raises(KeyError), lasting():
        raise KeyError
    assert gc.isenabled()


def test_one_in_another() -> None:
    """A client is made while the application is: the inner one's end does not end the outer."""
    with lasting():
        with lasting():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
