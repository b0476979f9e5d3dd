"""What a supervisor decides about a part that died."""

import signal

import pytest

from app.supervisor.part import LONGEST_PAUSE, SETTLED_SECONDS, Patience, told


def test_the_first_death_costs_nothing_and_the_next_ones_ever_more() -> None:
    """At once the first time, then with a growing pause that ends at its cap."""
    patience = Patience()
    pauses = [patience.pause(lived=0.1) for _ in range(2000)]
    assert pauses[:7] == [0, 0.25, 0.5, 1, 2, 4, LONGEST_PAUSE]
    assert set(pauses[7:]) == {LONGEST_PAUSE}


def test_a_life_that_was_long_enough_ends_the_pauses() -> None:
    """Who dies once a day is started at once each time."""
    patience = Patience()
    for _ in range(5):
        patience.pause(lived=0.1)
    assert patience.pause(lived=SETTLED_SECONDS) == 0
    assert patience.pause(lived=0.1) == 0.25


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "ended with code 0"),
        (2, "ended with code 2"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-99, "was ended by signal 99"),
    ],
)
def test_a_death_is_told_by_its_signal_or_code(code: int, said: str) -> None:
    """By the signal's name, if it has one."""
    assert told(code) == said
