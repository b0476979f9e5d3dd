"""How often a key may call: right over processes that know of each other by the store alone."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ports import Record, Write
from app.room.errors import Busy, Stale, Unavailable
from app.room.rate import IDLE, RATES, Limit, Rates
from app.testing import OwnClock
from tests.ports.model_records import apply


class Store:
    """What the promises of Records come to on a dict: commits are counted, lose races, and find the
    store away when a test says so."""

    def __init__(self) -> None:
        self._model: dict[str, Record] = {}
        self.commits = self.gets = 0
        self.races = 0
        self.is_away = False

    def get(self, collection: str, id: str) -> Record | None:
        self.gets += 1
        if self.is_away:
            raise Unavailable("The store is away.")
        return self._model.get(id)

    def commit(self, *writes: Write) -> Any:
        if self.is_away:
            raise Unavailable("The store is away.")
        if self.races:
            self.races -= 1
            raise Stale("Another was faster.")
        self.commits += 1
        told = apply(self._model, [*writes])
        if told is Stale:
            raise Stale
        return told


@pytest.fixture
def store() -> Store:
    return Store()


def processes(store: Store, clock: OwnClock, limit: Limit | None, count: int) -> list[Rates]:
    now = lambda work: work()  # noqa: E731 - what is done beside is done at once
    return [Rates(store, clock, limit, now) for _ in range(count)]  # type: ignore[arg-type]


def passes(rates: Rates, key: str = "a") -> bool:
    try:
        rates.spend(key)
    except Busy:
        return False
    return True


def test_a_burst_passes_and_no_more(store):
    """One process may spend the whole of it at once."""
    (rates,) = processes(store, OwnClock(), Limit(10, 200), 1)
    assert sum(passes(rates) for _ in range(1000)) == 200


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("limit", [Limit(100, 200), Limit(20, 5), Limit(5 / 60, 3), Limit(1000, 1)])
def test_five_times_the_rate_is_cut_to_it(store, limit, count):
    """Over any number of processes, to 5 %: no more gets in, and no less."""
    clock, chance = OwnClock(), Random(7)
    all_of_them = processes(store, clock, limit, count)
    seconds = 1000 / limit.rate
    admitted = 0
    for _ in range(5000):
        clock.sleep(seconds / 5000)
        admitted += passes(chance.choice(all_of_them))
    allowed = limit.burst + 1000
    assert 0.95 * allowed <= admitted <= 1.05 * allowed


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 15), st.integers(0, 3), st.integers(1, 60)), min_size=1, max_size=40
    ),
)
@settings(max_examples=60, deadline=None)
def test_no_window_lets_more_in(steps):
    """Whoever calls when: in no window more than the burst, the rate, and the little that silent
    processes held back."""
    limit, clock = Limit(20, 40), OwnClock()
    all_of_them = processes(Store(), clock, limit, 4)
    moments = []
    for pause, which, calls in steps:
        clock.sleep(pause)
        moments += [clock.now() for _ in range(calls) if passes(all_of_them[which])]
    held = 4 * 8
    for first, begin in enumerate(moments):
        for last in range(first, len(moments)):
            most = limit.burst + limit.rate * (moments[last] - begin) + held
            assert last - first + 1 <= most


@pytest.mark.parametrize("limit", [Limit(100, 200), Limit(2, 5), Limit(5 / 60, 3)])
def test_who_comes_back_when_told_passes(store, limit):
    """And who comes before that does not."""
    clock = OwnClock()
    (rates,) = processes(store, clock, limit, 1)
    while passes(rates):
        pass
    for _ in range(5):
        with pytest.raises(Busy) as told:
            rates.spend("a")
        wait = told.value.after
        assert wait <= max(0.2, 1 / limit.rate + 0.001)
        clock.sleep(wait * 0.5)
        assert not passes(rates)
        clock.sleep(wait * 0.5 + 0.001)
        assert passes(rates)
        while passes(rates):
            pass


def test_few_calls_cost_a_write(store):
    """Below the limit, over four processes, one in ten at most; of a flood even fewer."""
    clock, chance = OwnClock(), Random(1)
    four = processes(store, clock, Limit(100, 200), 4)
    for _ in range(2000):
        clock.sleep(0.0125)
        assert passes(chance.choice(four))
    assert store.commits < 2000 / 10
    store.commits = 0
    for _ in range(10_000):
        clock.sleep(0.001)
        passes(chance.choice(four))
    assert store.commits < 10 * 50  # a second has forty looks at most


def test_seldom_calls_are_never_refused(store):
    """What a process takes and does not spend goes back: none of it is lost to the others."""
    clock = OwnClock()
    many = processes(store, clock, Limit(2, 10), 8)
    for turn in range(200):
        clock.sleep(IDLE / 8)
        assert passes(many[turn % 8])
    clock.sleep(60)
    assert sum(passes(many[0]) for _ in range(50)) >= 9


def test_a_slow_store_makes_nobody_wait(store):
    """While more is fetched out of a bucket that had plenty, as many calls again go on; they are
    paid for by what comes."""
    late = list[Any]()
    rates = Rates(store, OwnClock(), Limit(100, 200), late.append)  # type: ignore[arg-type]
    assert passes(rates)
    late.pop()()
    before = store.gets
    assert all(passes(rates) for _ in range(8))
    assert store.gets == before
    assert len(late) == 1
    late.pop()()
    while passes(rates):
        pass
    assert store.get(RATES, "a").body["left"] == 0


def test_keys_do_not_share_a_bucket(store):
    """What one spends, no other misses; and who has no key has no limit."""
    (rates,) = processes(store, OwnClock(), Limit(1, 5), 1)
    while passes(rates):
        pass
    assert sum(passes(rates, "b") for _ in range(9)) == 5
    assert all(passes(rates, "") for _ in range(99))


def test_no_limit_asks_nothing_of_the_store(store):
    (rates,) = processes(store, OwnClock(), None, 1)
    assert all(passes(rates) for _ in range(999))
    assert store.commits == 0


def test_lost_races_are_run_again(store):
    """Another's write between reading and writing costs nobody a call."""
    (rates,) = processes(store, OwnClock(), Limit(10, 50), 1)
    store.races = 5
    assert sum(passes(rates) for _ in range(99)) == 50


def test_without_a_store_each_process_admits_the_rate(store):
    """Calls that need no store go on; a flood is cut all the same."""
    clock = OwnClock()
    (rates,) = processes(store, clock, Limit(50, 100), 1)
    store.is_away = True
    admitted = 0
    for _ in range(5000):
        clock.sleep(0.002)
        admitted += passes(rates)
    assert 0.8 * 500 <= admitted <= 1.3 * 500


def test_clocks_that_differ_add_nothing(store):
    """A machine whose clock is behind gives no second share of the same time."""
    early, late = OwnClock(), OwnClock()
    late.sleep(30)
    limit = Limit(10, 20)
    one, other = processes(store, early, limit, 1) + processes(store, late, limit, 1)
    admitted = 0
    for _ in range(4000):
        early.sleep(0.005)
        late.sleep(0.005)
        admitted += passes(one) + passes(other)
    assert admitted <= 1.05 * (20 + 20 * 10) + 30 * 10 * 0.2


def test_a_clock_that_was_set_back_locks_nobody_out(store):
    """What one wrote that ran ahead by an hour keeps a key waiting for no longer than its rate."""
    clock, limit = OwnClock(), Limit(10, 20)
    clock.sleep(3600)
    (rates,) = processes(store, clock, limit, 1)
    while passes(rates):
        pass
    clock._now -= 3600
    (rates,) = processes(store, clock, limit, 1)  # who had it set back started anew, it may be
    admitted = 0
    for _ in range(100):
        clock.sleep(0.2)
        admitted += passes(rates)
    assert admitted >= 95


def test_a_bucket_is_forgotten_once_it_is_full(store):
    """Its record may be dropped by then, for an absent one is full."""
    clock = OwnClock()
    (rates,) = processes(store, clock, Limit(10, 20), 1)
    passes(rates)
    record = store.get(RATES, "a")
    assert record
    assert record.expires > clock.now() + 20 / 10
