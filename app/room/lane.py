"""A lane: what of one operation, or of one key of it, runs now, and how many wait. Pure data.

A job has its place in a lane from its admission until it ends, sleeps, waits, or pauses before
another attempt; a place outlives the crash of a run, for the job's next claim goes on with it.
A call has its place for as long as it may take. A turn is the leave to start that a rate gives to
a job which waited; it counts as a start from then on, and becomes one when the job is claimed.

Whenever a lane is written there is no room, or nobody waits: who frees a place gives it on in the
same commit. What may break that (limits that changed, an index that lags) is mended by whoever
looks at the lane when it is `due`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.ports import Body, Delete, Put, Record, Write
from app.room.job import HELD
from app.room.policy import Policy, Rate
from app.room.window import Starts, count, opens, remembered, with_one

LANES = "lanes"
LOOK = 60.0  # seconds until somebody looks at a lane in which jobs wait, whatever happens
SOON = 1.0  # seconds until an index that lags is asked again
DAY = 86400.0
ENDLESS = 10**9  # places of a lane without a limit
MOST = 3000  # of whom a lane's record names those that have a place
MOST_TURNS = 1000  # and those who may start and have not: one record has to hold all of them
OF_THE_LAST = 0.2  # weight of the last run in how long runs take
LONGEST_AFTER = 3600.0  # seconds that a caller is told to stay away, at most


@dataclass(frozen=True)
class Limits:
    """What a lane lets through."""

    places: int | None
    rate: Rate | None

    @classmethod
    def of(cls, policy: Policy) -> "Limits | None":
        """None for an operation that has none."""
        return cls(policy.concurrency, policy.rate) if policy.is_limited else None


NO_LIMITS = Limits(None, None)


@dataclass(frozen=True)
class Lane:
    id: str
    limits: Limits
    holders: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    """Who has a place: since when; of a call, until when at most."""
    turns: tuple[str, ...] = ()
    starts: Starts = ()
    waiting: int = 0
    took: float | None = None  # seconds that runs take
    record: Record | None = None

    @classmethod
    def read(cls, id: str, record: Record | None, limits: Limits | None, now: float) -> "Lane":
        """As it is at `now`. Without `limits` those that it was last written with."""
        if record is None:
            return cls(id, limits or NO_LIMITS)
        body = record.body
        if limits is None:
            limits = Limits(body["places"], Rate(*body["rate"]) if body["rate"] else None)
        rate, starts = limits.rate, tuple((a, b, n) for a, b, n in body["starts"])
        return cls(
            id,
            limits,
            {
                who: (since, until)
                for who, (since, until) in body["holders"].items()
                if until is None or now < until
            },
            tuple(body["turns"]),
            remembered(starts, rate, now) if rate else (),
            body["waiting"],
            body["took"],
            record,
        )

    @property
    def room(self) -> int:
        """How many more may come in."""
        return max(0, min(self.places_left, self.starts_left, MOST_TURNS - len(self.turns)))

    @property
    def places_left(self) -> int:
        places = self.limits.places
        return ENDLESS if places is None else min(places, MOST) - len(self.holders)

    @property
    def starts_left(self) -> int:
        rate = self.limits.rate
        return ENDLESS if rate is None else rate.calls - count(self.starts) - len(self.turns)

    def entered(
        self, who: str, now: float, *, until: float | None = None, starts: bool = True
    ) -> "Lane":
        """With one who runs from now on. `starts`: it begins, and is not continued."""
        held = {name: held for name, held in self.holders.items() if name != who}
        if self.limits.places is not None:
            held[who] = self.holders.get(who, (now, until))
        lane = replace(self, turns=tuple(each for each in self.turns if each != who), holders=held)
        if self.limits.rate is not None and starts:
            lane = replace(lane, starts=with_one(self.starts, self.limits.rate, now))
        return lane

    def more(self) -> "Lane":
        """One more waits."""
        return replace(self, waiting=self.waiting + 1)

    def fewer(self) -> "Lane":
        return replace(self, waiting=max(0, self.waiting - 1))

    def promised(self, who: str, now: float) -> "Lane":
        """With one who waited, and may start."""
        lane = self.fewer()
        if self.limits.places is not None:
            lane = replace(lane, holders={**self.holders, who: (now, None)})
        return lane if self.limits.rate is None else replace(lane, turns=(*self.turns, who))

    def left(self, who: str, now: float) -> "Lane":
        since = self.holders.get(who, (None,))[0]
        took = self.took
        if since is not None and who not in self.turns:
            last = max(0.0, now - since)
            took = last if took is None else took + OF_THE_LAST * (last - took)
        holders = {name: held for name, held in self.holders.items() if name != who}
        turns = tuple(each for each in self.turns if each != who)
        return replace(self, holders=holders, turns=turns, took=took)

    def opens(self) -> float | None:
        """When there will be more room by the passing of time alone, as far as it is known."""
        ends = [until for _, until in self.holders.values() if until is not None]
        by_place = min(ends, default=None) if self.places_left <= 0 else None
        rate = self.limits.rate
        by_rate = opens(self.starts, rate) if rate and self.starts_left <= 0 else None
        return min((each for each in (by_place, by_rate) if each is not None), default=None)

    def after(self, now: float) -> float:
        """Seconds until one who comes then may find room: what is known of it, else by how long
        runs took of late."""
        seconds = 0.0
        if self.limits.places is not None and self.places_left <= 0:
            seconds = (self.took or 1.0) * (self.waiting + 1) / self.limits.places
        if (rate := self.limits.rate) and (self.starts_left <= 0 or self.waiting):
            opening = opens(self.starts, rate)
            first = now if opening is None or self.starts_left > 0 else opening
            seconds = max(seconds, first - now + self.waiting * rate.per / rate.calls)
        return min(LONGEST_AFTER, max(0.0, seconds))

    def write(self, now: float, *, soon: float = SOON) -> list[Write]:
        """Its record as it is now. `soon`: seconds until somebody looks again, should there be
        room for those who wait."""
        is_empty = not (self.holders or self.turns or self.starts or self.waiting)
        old = self.record
        if is_empty:
            return [] if old is None else [Delete(LANES, self.id, expect=old.version)]
        record = replace(old or Record(LANES, self.id, {}), body=self._body())
        record = replace(record, due=self._due(now, soon), expires=self._expires(now))
        return [Put(record, expect=old.version if old else 0)]

    def _due(self, now: float, soon: float) -> float | None:
        if not self.waiting:
            return None
        due = now + soon if self.room else min(self.opens() or now + LOOK, now + LOOK)
        was = self.record.due if self.record else None
        return was if was is not None and now < was <= due else due  # an index the less is written

    def _expires(self, now: float) -> float:
        """Of nobody's lane only the starts are kept, as long as they count."""
        is_idle = not (self.holders or self.turns or self.waiting)
        kept = DAY + self.limits.rate.per if is_idle and self.limits.rate else HELD
        was = (self.record.expires if self.record else None) or now
        return was if now + kept / 2 < was <= now + kept else now + kept

    def _body(self) -> Body:
        rate = self.limits.rate
        return {
            "places": self.limits.places,
            "rate": [rate.calls, rate.per] if rate else None,
            "holders": {who: [*held] for who, held in self.holders.items()},
            "turns": [*self.turns],
            "starts": [[*each] for each in self.starts],
            "waiting": self.waiting,
            "took": self.took,
        }


def key_of(policy: Policy, arguments: Mapping[str, Any]) -> str:
    """What an operation's `key` says of the parameters; empty without one."""
    if policy.key is None:
        return ""
    return str(arguments[policy.key] if isinstance(policy.key, str) else policy.key(arguments))


def lane_id(operation: str, key: str) -> str:
    """The key is hashed: it may be long, or a secret."""
    if not key:
        return operation
    return (
        f"{operation}/{hashlib.blake2b(key.encode(errors='replace'), digest_size=16).hexdigest()}"
    )
