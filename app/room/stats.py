"""The statistics of an owner's jobs: how many there are, and what the last day brought."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.ports import Body, Record
from app.room.access import check_scope
from app.room.call import Caller
from app.room.engine import Engine
from app.room.job import JOBS, STATUSES, TERMINAL
from app.room.moment import moment
from app.room.tally import BEGUN, ENDED, HOUR, RAN, STATS, percentile
from app.room.walk import walked

DAY = 24 * HOUR
LOOKED = 1000  # of the jobs of each status that have not ended, the newest


@dataclass(frozen=True)
class LastDay:
    """What it brought: of each operation, and of each minute."""

    operations: dict[str, Counter[str]]
    durations: dict[str, Counter[int]]
    minutes: dict[int, Counter[str]]
    since: float


def stats(engine: Engine, caller: Caller) -> Body:
    """Totals are exact and of all time that is kept; the rest is of the last day, of which a
    minute is the smallest part, and what has not ended is looked up to a bound."""
    check_scope(caller, "read")
    day = last_day(engine, caller.owner)
    return {
        "totals": totals(engine, caller.owner),
        "operations": {
            name: _of_one(day.operations[name], day.durations.get(name, Counter()))
            for name in sorted(day.operations)
        },
        "series": _series(day.minutes, int(day.since)),
    }


def last_day(engine: Engine, owner: str | None) -> LastDay:
    """Of one owner, or of all."""
    since = engine.ports.clock.now() // 60 * 60 - DAY + 60
    day = LastDay({}, {}, {}, since)
    for record in _tallies(engine, owner, since):
        name = record.body["operation"]
        counts = day.operations.setdefault(name, Counter())
        for second, member, number in _since(record, since):
            day.minutes.setdefault(second, Counter())[member] += number
            counts[member] += number
        day.durations.setdefault(name, Counter()).update(_durations(record))
    for status in (each for each in STATUSES if each not in TERMINAL):
        for record in _newest(engine, owner, status):
            day.operations.setdefault(record.body["operation"], Counter())[status] += 1
    return day


def totals(engine: Engine, owner: str | None) -> dict[str, int]:
    count = engine.ports.records.count
    return {status: count(JOBS, owner=owner, label=status) for status in STATUSES}


def by_status(counts: Counter[str]) -> dict[str, int]:
    return {status: counts[ENDED.get(status, status)] for status in STATUSES}


def _of_one(counts: Counter[str], durations: Counter[int]) -> Body:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return by_status(counts) | {
        name: percentile(durations, share) for name, share in shares.items()
    }


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


def _tallies(engine: Engine, owner: str | None, since: float) -> Iterator[Record]:
    for record in walked(engine.ports.records, STATS, owner=owner):
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


def _newest(engine: Engine, owner: str | None, status: str) -> Iterator[Record]:
    return walked(engine.ports.records, JOBS, LOOKED, owner=owner, label=status)
