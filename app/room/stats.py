"""The statistics of an owner's jobs: how many there are, and what the last day brought."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from app.ports import Body, Record
from app.room.access import check_scope
from app.room.call import Caller
from app.room.engine import Engine
from app.room.job import JOBS, STATUSES, TERMINAL
from app.room.moment import moment
from app.room.tally import BEGUN, ENDED, HOUR, RAN, STATS, percentile

DAY = 24 * HOUR
LOOKED = 1000  # of the jobs of each status that have not ended, the newest
PAGE = 200

Operations = dict[str, Counter[str]]


def stats(engine: Engine, caller: Caller) -> Body:
    """Totals are exact and of all time that is kept; the rest is of the last day, of which a
    minute is the smallest part, and what has not ended is looked up to a bound."""
    check_scope(caller, "read")
    since = engine.ports.clock.now() // 60 * 60 - DAY + 60
    operations: Operations = {}
    durations: dict[str, Counter[int]] = {}
    minutes: dict[int, Counter[str]] = {}
    for record in _tallies(engine, caller.owner, since):
        name = record.body["operation"]
        counts = operations.setdefault(name, Counter())
        for second, member, number in _since(record, since):
            minutes.setdefault(second, Counter())[member] += number
            counts[member] += number
        durations.setdefault(name, Counter()).update(_durations(record))
    for status in (each for each in STATUSES if each not in TERMINAL):
        for record in _newest(engine, caller.owner, status):
            operations.setdefault(record.body["operation"], Counter())[status] += 1
    return {
        "totals": _totals(engine, caller.owner),
        "operations": {
            name: _of_one(operations[name], durations.get(name, Counter()))
            for name in sorted(operations)
        },
        "series": _series(minutes, int(since)),
    }


def _totals(engine: Engine, owner: str) -> Body:
    count = engine.ports.records.count
    return {status: count(JOBS, owner=owner, label=status) for status in STATUSES}


def _of_one(counts: Counter[str], durations: Counter[int]) -> Body:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    told = {status: counts[ENDED.get(status, status)] for status in STATUSES}
    return told | {name: percentile(durations, share) for name, share in shares.items()}


def _series(minutes: dict[int, Counter[str]], since: int) -> list[Any]:
    """Each minute of the day, also those in which nothing happened."""
    none: Counter[str] = Counter()
    return [
        {
            "minute": moment(second),
            "started": (counts := minutes.get(second, none))[BEGUN],
            "succeeded": counts[ENDED["succeeded"]],
            "failed": counts[ENDED["failed"]],
        }
        for second in range(since, since + DAY, 60)
    ]


def _tallies(engine: Engine, owner: str, since: float) -> Iterator[Record]:
    for record in _listed(engine, STATS, owner):
        if (record.body["hour"] + 1) * HOUR <= since:
            return
        yield record


def _since(tally: Record, since: float) -> Iterator[tuple[int, str, int]]:
    """Its minutes that are not too long ago: when each began, what was counted, how often."""
    for name, number in tally.body.items():
        if name[0] in {BEGUN, *ENDED.values()} and name[1:].isdigit():
            second = tally.body["hour"] * HOUR + int(name[1:]) * 60
            if second >= since:
                yield second, name[0], number


def _durations(tally: Record) -> Counter[int]:
    members = tally.body.items()
    return Counter({int(n[1:]): v for n, v in members if n[0] == RAN and n[1:].isdigit()})


def _newest(engine: Engine, owner: str, status: str) -> Iterator[Record]:
    for place, record in enumerate(_listed(engine, JOBS, owner, status)):
        if place == LOOKED:
            return
        yield record


def _listed(
    engine: Engine, collection: str, owner: str, label: str | None = None
) -> Iterator[Record]:
    cursor: str | None = None
    while True:
        page = engine.ports.records.list(
            collection, owner=owner, label=label, cursor=cursor, limit=PAGE
        )
        yield from page.items
        if (cursor := page.next) is None:
            return
