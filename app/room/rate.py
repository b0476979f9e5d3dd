"""How often each key may call, right over all processes, and seldom a write for it.

A bucket for each key stands in the store: it fills at the key's rate, up to its burst. Processes
take tokens out of it some at a time, and spend them without asking anybody. They fetch more before
they run out, in a thread of its own, so that no caller waits for the store but one whose key is at
its limit.
"""

import logging
import math
from dataclasses import dataclass, field
from threading import Lock

from app.ports import Clock, Put, Record, Records
from app.room.access import Later, in_a_thread
from app.room.errors import Busy, Problem, Stale, Unavailable

RATES = "rates"
FEW, SHARE = 4, 0.25  # tokens that an idle process takes; a busy one: the rate of so many seconds
SOON, IDLE = (
    1.0,
    10.0,
)  # seconds after a fetch: so soon, the next takes more; so late, anew
LOOK_EVERY = 0.1  # seconds between looks into an empty bucket
BLIND = 1.0  # seconds that a process goes on by itself while the store is away
APART = 60.0  # seconds that clocks of machines differ at most
TRIES = 20

log = logging.getLogger("manydoors.keys")


@dataclass(frozen=True)
class Limit:
    """Calls a second, and how many may come at once."""

    rate: float = 100.0
    burst: int = 200


@dataclass
class _Share:
    """What this process has of a key's bucket."""

    left: float = 0.0  # below zero: spent before it was fetched
    size: float = FEW
    fetched: float = -math.inf  # when, by the monotonic clock
    empty_until: float = -math.inf
    is_fetching: bool = False
    had_plenty: bool = False
    turn: Lock = field(default_factory=Lock)  # whose turn it is to ask the store
    lock: Lock = field(default_factory=Lock)  # of the numbers above

    @property
    def is_awaited(self) -> bool:
        """More is on its way, as far as anybody knows."""
        return self.is_fetching and self.had_plenty


class Rates:
    """Of one store. No limit at all is None."""

    def __init__(
        self, records: Records, clock: Clock, limit: Limit | None, later: Later = in_a_thread
    ) -> None:
        self._records, self._clock, self._limit, self._later = records, clock, limit, later
        self._shares: dict[str, _Share] = {}

    def spend(self, key: str) -> None:
        """One call. Raises `Busy`, which says when there is room for the next."""
        if self._limit is None or not key:
            return
        share = self._shares.get(key) or self._shares.setdefault(key, _Share())
        if self._spent(key, share):
            return
        with share.turn:
            if self._spent(key, share, ahead=False):  # another has fetched meanwhile
                return
            if (wait := share.empty_until - self._clock.monotonic()) <= 0:
                wait = self._fetch(key, share, self._limit)
                if self._spent(key, share, ahead=False):
                    return
        raise Busy("This key calls too often.", after=wait)

    def _spent(self, key: str, share: _Share, *, ahead: bool = True) -> bool:
        """Of what is at hand. On credit are the first after a long silence, and those that come
        while more is fetched out of a bucket that had plenty. `ahead`: more is fetched before what
        is at hand runs out."""
        now = self._clock.monotonic()
        with share.lock:
            is_idle = now - share.fetched >= IDLE and not share.is_fetching
            least = 0.0 if is_idle else -share.size if share.is_awaited else 1.0
            if share.left < least:
                return False
            share.left -= 1
            wants_more = is_idle or share.left < share.size / 2
            fetch = ahead and wants_more and not share.is_fetching and now >= share.empty_until
            share.is_fetching = share.is_fetching or fetch
        if fetch:
            self._later(lambda: self._fetch_in_turn(key, share))
        return True

    def _fetch_in_turn(self, key: str, share: _Share) -> None:
        try:
            with share.turn:
                if self._limit is not None:
                    self._fetch(key, share, self._limit)
        except Problem:
            log.warning("the rate of a key could not be written", exc_info=True)
        finally:
            share.is_fetching = False

    def _fetch(self, key: str, share: _Share, limit: Limit) -> float:
        """Takes from the bucket, and gives the seconds until there is something to take."""
        now = self._clock.monotonic()
        since = now - share.fetched
        with share.lock:
            if since >= IDLE:  # the bucket has filled since: what was not spent goes back first
                share.size = FEW
                back, debt = max(0.0, share.left), max(0.0, -share.left)
                share.left = min(0.0, share.left)
            else:
                share.size = _size(limit, share.size * 2 if since < SOON else share.size)
                back, debt = 0.0, max(0.0, -share.left)
        try:
            got, level = self._taken(key, back, debt, debt + _size(limit, share.size), limit)
        except Unavailable:
            got, level = max(1.0, limit.rate * BLIND), -limit.rate * BLIND
        wait = (1 - level) / limit.rate if level < 1 else 0.0
        pause = max(wait, min(LOOK_EVERY, limit.burst / limit.rate / 4))
        with share.lock:
            share.left += got
            share.fetched = now
            share.had_plenty = level >= share.size
            if level < 1:
                share.empty_until = now + pause
        return pause

    def _taken(
        self, key: str, back: float, debt: float, want: float, limit: Limit
    ) -> tuple[float, float]:
        """How many, and what the bucket holds after it. What is owed already is taken even of an
        empty one."""
        for _ in range(TRIES):
            record = self._records.get(RATES, key)
            now = self._clock.now()
            left, at, version = float(limit.burst), now, 0
            if record is not None:
                # Clocks of machines differ: the bucket's own never goes back.
                left, at, version = record.body["left"], record.body["at"], record.version
                at = at if at <= now + APART else now  # of a clock that was wrong, and set back
            filled = left + max(0.0, now - at) * limit.rate + back
            level = min(float(limit.burst), filled)
            got = max(debt, min(want, math.floor(level)))
            if got <= 0 and back <= 0:
                return 0.0, level
            body = {"left": round(level - got, 6), "at": max(at, now)}
            expires = now + 2 * limit.burst / limit.rate + 60  # full by then
            put = Put(Record(RATES, key, body, expires=expires), expect=version)
            try:
                self._records.commit(put)
            except Stale:
                continue
            return got, level - got
        raise Unavailable("The key's rate changes too often to be changed here.")


def _size(limit: Limit, wanted: float) -> float:
    most = max(1.0, math.floor(min(limit.rate * SHARE, limit.burst / 8)))
    return min(most, wanted)
