"""The judge of long jobs tells right from wrong."""

from tests.long.checks import LATE, story, walk
from tests.torture.history import Effect

STOPPED, KILLED = ("left", "Stopped"), ("", "")


def run_of(items, end, began=0.0, each=0.01):
    """A walk's run, with its last words if it had any."""
    lines = [Effect("job", began, 1, "e", 1, "begin")]
    lines += [
        Effect("job", began + each * place, 1, "e", 1, "item", "", item)
        for place, item in enumerate(items)
    ]
    return lines + ([Effect("job", began, 1, "e", 1, *end)] if end[0] else [])


def steps_of(names, end):
    lines = [Effect("job", 0.0, 1, "e", 1, "step", name) for name in names]
    return lines + ([Effect("job", 0.0, 1, "e", 1, *end)] if end[0] else [])


def test_what_a_kill_undid_may_come_again():
    """Up to a checkpoint's items; also if the next run is killed sooner, or comes less far."""
    runs = [
        run_of(range(18), KILLED),
        run_of(range(10, 12), KILLED),
        run_of([], KILLED),
        run_of(range(10, 17), STOPPED),
        run_of(range(17, 30), ("returned", "")),
    ]
    told, wrong = walk(runs, 10)
    assert wrong == []
    assert told == "10 items again, 8 at most after a kill"


def test_more_than_a_checkpoint_is_wrong():
    """Of those that count items, and of those that save each second."""
    runs = [run_of(range(18), KILLED), run_of(range(7, 20), STOPPED)]
    assert walk(runs, 11)[1] == []
    assert "11 items came again" in walk(runs, 10)[1][0]
    assert walk(runs, 0)[1] == []
    slow = [run_of(range(18), KILLED, each=LATE / 8), run_of(range(7, 20), STOPPED, 100.0)]
    assert "of a checkpoint a second" in walk(slow, 0)[1][0]


def test_nothing_comes_again_after_a_good_end():
    """There the place was saved."""
    runs = [run_of(range(18), STOPPED), run_of(range(17, 20), STOPPED)]
    assert "1 items came again after a run that ended in good order" in walk(runs, 10)[1]


def test_no_item_is_passed_by():
    """Neither between two runs nor within one."""
    assert walk([run_of(range(8), KILLED), run_of(range(9, 12), STOPPED)], 10)[1]
    assert walk([run_of([0, 1, 3], STOPPED)], 10)[1]


def test_a_step_comes_again_only_where_it_was_cut_off():
    """It was the last that a killed run did; else it was remembered."""
    cut, ended = steps_of("ab", KILLED), steps_of("ab", STOPPED)
    assert story([cut, steps_of("bc", STOPPED)], 0) == ("1 of 3 steps again", [])
    assert "step a" in story([cut, steps_of("a", STOPPED)], 0)[1][0]
    assert "step b" in story([ended, steps_of("b", STOPPED)], 0)[1][0]
