"""What a room is made of: each part when it is first asked for.

A call that needs no store asks for no part of what jobs, schedules and files are made of, and to
load all that took a third of its cold start.
"""

from collections.abc import Callable
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from app.ports import Ports
from app.room.access import Access
from app.room.operation import Registry
from app.room.rate import Limit, Rates

if TYPE_CHECKING:
    from app.room.calendar import Calendar
    from app.room.claim import Claims
    from app.room.engine import Engine
    from app.room.shelf import Shelf

DEFAULT_LIMIT = Limit()

Made = TypeVar("Made")


class _Part(Generic[Made]):
    """Made once, whichever threads ask first; `functools.cached_property` locks up to 3.11 only."""

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make, self._name = make, make.__name__

    def __get__(self, room: "Parts", kind: type["Parts"]) -> Made:
        with room.making:
            made: Made
            if self._name not in vars(room):
                vars(room)[self._name] = self._make(room)  # asked next, Python finds it there
            made = vars(room)[self._name]
        return made


class Parts:
    def __init__(
        self,
        registry: Registry,
        ports: Ports,
        lease: float | None = None,
        *,
        counts: bool = True,
        limit: Limit | None = DEFAULT_LIMIT,
        admin_key: str = "",
        shortest: float | None = None,
        most_queued: int | None = None,
        most_schedules: int | None = None,
        deliveries: int | None = None,
    ) -> None:
        """`lease`: seconds of a claim; as long as a platform may run, where none are renewed.
        `counts`: are there statistics? They make of each ending a commit of several records.
        `limit`: how often each key may call. `admin_key`: one that is good beside the store's.
        `shortest`: seconds of a schedule's interval. `most_queued`, `most_schedules`: of one owner.
        `deliveries`: how many callbacks are sent at once."""
        self.registry, self.ports, self.making = registry, ports, RLock()
        self.closing = Event()  # set once this process is to end: who waits here is answered
        self.access = Access(ports, admin_key)
        self.rates = Rates(ports.records, ports.clock, limit)
        self._lease, self._counts = lease, counts
        self._shortest, self._most_queued = shortest, most_queued
        self._most_schedules = most_schedules
        self._deliveries = deliveries

    @_Part
    def claims(self) -> "Claims":
        from app.room.claim import Claims

        return Claims(self.ports)

    @_Part
    def engine(self) -> "Engine":
        from app.room.callback import AT_ONCE
        from app.room.engine import LEASE, Engine
        from app.room.tally import Tally

        tally = Tally(self.ports.records, self.ports.clock) if self._counts else None
        at_once = AT_ONCE if self._deliveries is None else self._deliveries
        made = Engine(self.registry, self.ports, self._lease or LEASE, tally, at_once)
        made.closing = self.closing
        if self._most_queued is not None:
            made.acceptance.brim.most = self._most_queued
        return made

    @_Part
    def shelf(self) -> "Shelf":
        from app.room.shelf import Shelf
        from app.room.uploads import Uploads

        listeners = Uploads(self.registry, self.ports, self.engine.acceptance.accept)
        return Shelf(self.ports, listeners)

    @_Part
    def calendar(self) -> "Calendar":
        from app.room.calendar import Calendar

        made = Calendar(self.registry, self.ports, self.engine)
        if self._shortest is not None:
            made.least = self._shortest
        if self._most_schedules is not None:
            made.most = self._most_schedules
        return made
