"""Each option is checked where it is declared, and None is as if it were not given."""

import pytest

from app.room.policy import Options, Policy, Rate, read_policy

NAN, INFINITY = float("nan"), float("inf")
by_name = len

GOOD = {
    "retries": [0, 1000],
    "backoff": [0, "500ms", 2.5],
    "timeout": ["1ms", "10h", 0.5],
    "concurrency": [1, 100_000],
    "key": ["name", by_name],
    "singleton": [True, False],
    "debounce": ["2s", 0],
    "rate": ["100/s", "5/m", "1000/h", "1/d"],
    "priority": [-100, 0, 100],
    "keep": ["7d", 0],
    "memory": [1, "1GB", "500MB", "64KB", "1000000"],
    "scope": ["read", "run", "admin"],
    "offload": ["task", "queue"],
}
BAD = {
    "retries": [-1, 1001, 1.0, "3", True, NAN],
    "backoff": [-1, "1", "soon", NAN, INFINITY, True, [], 10**400],
    "timeout": [0, "0s", -1, "forever", NAN, INFINITY, False, {}, 10**400],
    "concurrency": [0, -1, 1.5, "4", True],
    "key": [3, True, ["name"]],
    "singleton": ["yes", 2, []],
    "debounce": ["-1s", {1}],
    "rate": ["0/s", "5", "5/w", "5 / s", "-5/s", "1.5/s", "٣/s", "9999999999/s", "5/s\n", 5, True],
    "priority": [-101, 101, 0.5, "high", True],
    "keep": ["a while", -1],
    "memory": [0, "0KB", "1gb", "1 GB", "1TB", "-1MB", "", 1.5, True, 1 << 60, "9" * 16],
    "scope": ["write", "", 1, ["run"]],
    "offload": ["thread", "", False],
}


def each(table):
    pairs = [(name, value) for name, values in table.items() for value in values]
    return [pytest.param(*pair, id=f"{pair[0]}={pair[1]!r}"[:40]) for pair in pairs]


def test_every_option_is_in_the_tables():
    """A new option comes with its good and its bad values here."""
    assert set(GOOD) == set(BAD) == set(Options.__annotations__)
    assert set(Options.__annotations__) == set(Policy.__dataclass_fields__)


@pytest.mark.parametrize(("name", "value"), each(GOOD))
def test_takes(name, value):
    """Good values make a policy that differs from the default in that one thing at most."""
    policy, default = read_policy({name: value}, long=False), read_policy({}, long=False)
    differing = {one for one in GOOD if getattr(policy, one) != getattr(default, one)}
    assert differing <= {name}


@pytest.mark.parametrize(("name", "value"), each(BAD))
def test_refuses(name, value):
    """A bad value is a ValueError that names the option and the value."""
    with pytest.raises(ValueError, match=f"^{name}=") as told:
        read_policy({name: value}, long=False)
    assert repr(value) in str(told.value)


@pytest.mark.parametrize("name", [name for name in GOOD if name != "singleton"])
def test_none_is_the_default(name):
    """None is as if the option were not given."""
    assert read_policy({name: None}, long=False) == read_policy({}, long=False)


def test_an_unknown_option_is_named():
    """An option that there is not is named, beside the one that was meant."""
    with pytest.raises(ValueError, match=r"no option 'retry'; did you mean retries\?"):
        read_policy({"retry": 3}, long=False)


def test_the_defaults():
    """Three retries from one second on, 30 s for a call and 15 min for a job, kept 30 days."""
    policy = read_policy({}, long=False)
    assert (policy.retries, policy.backoff, policy.timeout) == (3, 1.0, 30.0)
    assert (policy.priority, policy.keep, policy.scope) == (0, 30 * 86_400, "run")
    assert read_policy({}, long=True).timeout == 900.0
    assert read_policy({"timeout": "2h"}, long=True).timeout == 7200.0


def test_a_rate_that_is_no_text_is_told_how_one_is_written():
    """A number alone says no time."""
    with pytest.raises(ValueError, match="10 is not a rate: write 100/s"):
        read_policy({"rate": 10}, long=False)


def test_a_rate_is_calls_in_a_time():
    """5/m is five calls in sixty seconds."""
    assert Rate.read("5/m") == Rate(5, 60.0)
    assert read_policy({"rate": "2/h"}, long=False).rate == Rate(2, 3600.0)


def test_what_a_caller_may_know():
    """A described policy has the members of the contract, ready for JSON."""
    described = read_policy({"key": by_name}, long=False).described()
    named = "retries backoff timeout concurrency priority keep scope offload"
    assert list(described) == named.split()
