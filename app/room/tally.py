"""What jobs came to, counted as it happens: for each hour, owner and operation a record of numbers.

Its members are the minutes of the hour, `s07` begun, `k07` succeeded, `f07` failed, `c07`
cancelled, and how long what ended had run: `d42` counts the durations of one bucket of a scale
whose steps are 12 % wide. All are added in the fenced commit that ends the run, so nothing counts
twice, and a bulk of endings costs one write for each record.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from app.ports import Add, Clock, Put, Record, Records
from app.room.errors import Stale
from app.room.job import CANCELLED, FAILED, SUCCEEDED, TERMINAL

STATS = "stats"
KEPT = 2 * 86400.0  # seconds after its hour
HOUR = 3600
OLDEST = 24 * HOUR  # of what is counted still, that a begin may lie back
SHORTEST = 0.0001  # seconds; what is shorter counts as that
STEP = math.log(1.12)
MOST_KNOWN = 10_000  # records that a process remembers to be there

ENDED = {SUCCEEDED: "k", FAILED: "f", CANCELLED: "c"}
BEGUN, RAN = "s", "d"


class Tally:
    """The numbers of one store. To go without costs an engine nothing but its statistics."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock
        self._known: set[str] = set()

    def adds(self, moves: Iterable[tuple[Record, Record]]) -> list[Add]:
        """What goes into the commit that makes the first of each pair the second.

        The records that it adds to are made now, where this process has not made them yet.
        """
        sums: dict[tuple[int, str, str], Counter[str]] = {}
        for before, after in moves:
            for moment, member in _counted(before, after):
                hour, second = divmod(int(moment), HOUR)
                named = (hour, after.owner, after.body["operation"])
                name = member if member[0] == RAN else f"{member}{second // 60:02}"
                sums.setdefault(named, Counter())[name] += 1
        return [Add(STATS, self._made(*named), dict(sum)) for named, sum in sums.items()]

    def forget(self) -> None:
        """A commit was refused; it may be that what was added to is gone."""
        self._known.clear()

    def _made(self, hour: int, owner: str, operation: str) -> str:
        id = tally_id(hour, owner, operation)
        if id not in self._known:
            body = {"operation": operation, "hour": hour}
            expires = max(hour * HOUR, self._clock.now()) + KEPT
            with suppress(Stale):  # another was faster
                fresh = Record(STATS, id, body, owner=owner, expires=expires)
                self._records.commit(Put(fresh, expect=0))
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.add(id)
        return id


def tally_id(hour: int, owner: str, operation: str) -> str:
    """In the order of hours; whose and of what is hashed, for both may be long."""
    named = hashlib.blake2b(f"{owner}\0{operation}".encode(), digest_size=12).hexdigest()
    return f"{hour:08}-{named}"


def _counted(before: Record, after: Record) -> Iterator[tuple[float, str]]:
    """When, and as what, a change counts."""
    body = after.body
    ended = after.label in TERMINAL and before.label not in TERMINAL
    if "slices" not in before.body and ("slices" in body or (ended and after.label == FAILED)):
        now = body.get("finished") or body["slices"][-1][1]
        yield max(body.get("started", now), now - OLDEST), BEGUN
    if ended:
        yield body["finished"], ENDED[after.label]
        if after.label != CANCELLED:
            yield body["finished"], f"{RAN}{bucket(body.get('spent', 0.0))}"


def bucket(seconds: float) -> int:
    """The step of the scale that a duration lies on."""
    return round(math.log(max(seconds, SHORTEST) / SHORTEST) / STEP)


def duration(bucket: int) -> float:
    """The middle of a step, in seconds, to three digits."""
    return float(f"{SHORTEST * math.exp(bucket * STEP):.3g}")


def percentile(buckets: Counter[int], share: float) -> float | None:
    """The duration that this share of all stays within; None of nothing."""
    left = math.ceil(share * buckets.total())
    for step in sorted(buckets):
        left -= buckets[step]
        if left <= 0:
            return duration(step)
    return None
