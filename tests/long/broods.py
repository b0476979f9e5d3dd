"""Maps of many: results in order, memory that does not grow with them, a failure by its policy,
a cancel that leaves none behind, and what it costs to look at them.
"""

import json
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.long.answers import answer_of_gather
from tests.long.client import Client
from tests.torture.service import Service

LITTLE = 1000  # children of the map that the others are compared with
GROWS = 16 * 1024  # KB more than that: SQLite's caches of two connections, a page of results, and
# the allocator's leavings; 100,000 children held at once would be some 300 MB
EACH = 0.01  # seconds that a child may take, and a bound for the bounds: a busy machine is slow
SOON = 30.0  # seconds besides
CANCELLED = 500  # children a second at least, when their parent was cancelled
LOOKS = 5  # at each page; the median counts
SLOWER = 20.0  # times, at a store of many children, and
SLOW = 2.0  # seconds


@dataclass(frozen=True)
class Many:
    """Items by batches; children that are a job each; items of a batch."""

    items: int
    apart: int
    batch: int


@dataclass
class Broods:
    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


class Nursery:
    """The maps of one service, one after another."""

    def __init__(self, service: Service, many: Many) -> None:
        self._service, self._many, self._client = service, many, Client(service)
        self.told = Broods()
        self._little = 0

    def raise_all(self) -> None:
        little = self._gathered("little", LITTLE, 1)
        before = self._looks(little)
        self._gathered("by batches", self._many.items, self._many.batch)
        self._gathered("one by one", self._many.apart // 5, 1)
        self._gathered("one of them failed", LITTLE, 1, {LITTLE // 2: "fails"})
        self._stopped()
        self._cancelled(before)
        self._none_after()

    def _gathered(self, name: str, items: int, batch: int, kinds: Any = None) -> str:
        """A map to its end; its memory is held to that of the first."""
        kinds = kinds or {}
        began = time.monotonic()
        id = self._submitted(items, batch, kinds, collect=bool(kinds))
        job = self._client.ended(id, SOON + items * EACH)
        took = time.monotonic() - began
        expected = answer_of_gather(items, sorted(kinds))
        self._check(name, (job["status"], job["result"]) == ("succeeded", expected), job)
        grew = self._grew(id)
        self._little = grew if name == "little" else self._little
        if grew > self._little + GROWS:
            self.told.wrong.append(f"{name}: it took {grew:,} KB, {self._little:,} for the little")
        self._line(name, items, batch, f"{took:6.1f} s, its process grew by {grew:,} KB")
        return id

    def _stopped(self) -> None:
        """One that failed for good ends the parent, and with it all others."""
        items = self._many.apart // 5
        # The one that works is there to be told; the one that waits would wait for ever.
        id = self._submitted(items, 1, {0: "works", items // 2: "fails"}, held=True)
        job = self._client.ended(id, SOON + items * EACH)
        named = str(job["error"] and job["error"]["detail"])
        self._check(
            "a failure", job["status"] == "failed" and f"Item {items // 2} failed" in named, job
        )
        self._line("stopped by a failure", items, 1, self._emptied(id, items))

    def _cancelled(self, before: dict[str, float]) -> None:
        """While they wait to be run."""
        items = self._many.apart
        id = self._submitted(items, 1, {0: "works"}, held=True)
        end = time.monotonic() + SOON + items * EACH
        while self._client.job(id)["status"] != "waiting" and time.monotonic() < end:
            time.sleep(0.2)
        after = self._looks(id)
        self._compare(before, after, items)
        self._client.cancel(id)
        self._line("cancelled", items, 1, self._emptied(id, items))
        self._check("cancelled", self._client.job(id)["status"] == "cancelled", {})

    def _emptied(self, id: str, items: int) -> str:
        """None that is not terminal, soon."""
        began = time.monotonic()
        bound = SOON + items / CANCELLED
        while open := self._statuses(id)[1]:
            if time.monotonic() > began + bound:
                self.told.wrong.append(f"{open} children are left after {bound:.0f} s")
                break
            time.sleep(0.5)
        counts = ", ".join(f"{many:,} {status}" for status, many in self._statuses(id)[0].items())
        return f"{time.monotonic() - began:6.1f} s until all had ended: {counts}"

    def _none_after(self) -> None:
        """Of a parent that is cancelled while it makes children, all that there are have ended."""
        submitted = self._submitted(self._many.apart, 1, {}, collect=True, held=True)
        while not self._statuses(submitted)[0] and not self._client.job(submitted)["finished_at"]:
            time.sleep(0.05)
        self._client.cancel(submitted)
        self._client.ended(submitted, SOON)
        told = self._emptied(submitted, self._many.apart)
        made = sum(self._statuses(submitted)[0].values())
        time.sleep(2)  # for one that would still make some
        after = sum(self._statuses(submitted)[0].values())
        self._check("children after the end", after == made, {"made": made, "after": after})
        self._line("cancelled at once", made, 1, told)

    # Looks

    def _looks(self, id: str) -> dict[str, float]:
        """Seconds for each page and list, with that many children in the store."""
        paths = {
            "the parent": f"/v1/jobs/{id}",
            "its children": f"/v1/jobs?parent={id}",
            "its queued children": f"/v1/jobs?parent={id}&status=queued",
            "jobs": "/v1/jobs",
            "jobs that are nobody's": "/v1/jobs?parent=none",
            "jobs of its operation": "/v1/jobs?operation=long.gather",
            "statistics": "/v1/stats",
            "console: start": "/",
            "console: jobs": "/jobs",
            "console: succeeded": "/jobs?status=succeeded",
            "console: the parent": f"/jobs/{id}",
        }
        found = {name: self._look(path) for name, path in paths.items()}
        if not json.loads(self._client.ask(paths["jobs of its operation"]))["items"]:
            self.told.wrong.append("the first page of the parents is empty")
        return found

    def _look(self, path: str) -> float:
        times = []
        for _ in range(LOOKS):
            began = time.monotonic()
            self._client.ask(path)
            times.append(time.monotonic() - began)
        return median(times)

    def _compare(self, before: dict[str, float], after: dict[str, float], items: int) -> None:
        self.told.lines.append(f"{'a look, ms':28}{LITTLE:>10,}{items:>10,} children")
        for name, seconds in after.items():
            told = f"{name:28}{1000 * before[name]:10.1f}{1000 * seconds:10.1f}"
            self.told.lines.append(told)
            if seconds > max(SLOW, SLOWER * before[name]):
                self.told.wrong.append(f"a look is slow: {told}")

    # What there is

    def _submitted(
        self, items: int, batch: int, kinds: Any, *, collect: bool = False, held: bool = False
    ) -> str:
        named = {str(n): kind for n, kind in kinds.items()}
        params = {"items": items, "batch": batch, "kinds": named, "collect": collect, "held": held}
        return self._client.submit("long.gather", params)

    def _grew(self, id: str) -> int:
        lines = map(json.loads, (self._service.sink / id).read_text().splitlines())
        return max(line[6] for line in lines if line[4] == "memory")

    def _statuses(self, parent: str) -> tuple[dict[str, int], int]:
        """Of its children, read past the service; and how many have not ended."""
        with sqlite3.connect(f"file:{self._service.data}/manydoors.db?mode=ro", uri=True) as data:
            found = data.execute(
                "SELECT label FROM records WHERE collection = 'jobs' AND id > ? AND id < ?",
                (f"{parent}-", f"{parent}."),
            )
            counts = Counter(label for (label,) in found)
        data.close()
        return counts, counts["queued"] + counts["running"] + counts["waiting"]

    def _check(self, name: str, fits: bool, found: Any) -> None:
        if not fits:
            known = ("status", "result", "error", "progress", "made", "after")
            self.told.wrong.append(f"{name}: { {k: v for k, v in found.items() if k in known} }")

    def _line(self, name: str, items: int, batch: int, told: str) -> None:
        self.told.lines.append(f"{name:22}{items:>8,} by {batch:5,}: {told}")


def raised(service: Service, many: Many) -> Broods:
    """All of it, on a service that is started and stopped for it."""
    service.start()
    nursery = Nursery(service, many)
    nursery.raise_all()
    nursery.told.wrong += service.stop()
    return nursery.told
