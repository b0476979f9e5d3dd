"""The loop that every door runs in: whose event is it, what does it ask for, what came of it.

A door is three pure things: `knows(event)`, `asks(event, registry)`, `answer(event, came)`. All
that is done is done here. HTTP's asks for nothing but to be answered: it knows an event by reading
it, so that each is read once. Doors, and what each needs, are loaded by the first event for them: a
cold start pays for no other's.
"""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from app.ports import Hint
from app.ports.lasting import lasting
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.errors import Conflict, Internal, Problem
from app.room.operation import Registry
from handlers.ask import (
    Arrived,
    Ask,
    Came,
    Make,
    Several,
    Tick,
    UnknownEvent,
    Unreadable,
    Visit,
    Work,
)

if TYPE_CHECKING:
    from handlers.http import Front

RESERVE, SHORTEST_RESERVE = 15.0, 2.0  # seconds for a boundary to be saved and a run settled
AHEAD = 60.0  # seconds to the next tick
STUCK = 3600.0  # seconds that a bug may hold up a shard
TRIGGERS = {
    "queue": "pubsub",
    "topic": "pubsub",
    "upload": "datasource",
    "stream": "datasource",
    "schedule": "timer",
}
"""What OpenTelemetry calls the events of each door."""
LEASE_MARGIN = 10.0  # seconds that a claim outlives the platform's own limit

log = logging.getLogger("manydoors.lambda")


class Door(Protocol):
    def knows(self, event: Any) -> bool | Visit | None:
        """Is it one of its events, with all that is read of them? Never raises."""

    def asks(self, event: Any, registry: Registry) -> list[Ask]:
        """Of one that is no visit."""

    def answer(self, event: Any, came: Any) -> Any:
        """In the platform's words, of a list of `Came`; raises `NotDone` where that is one of them.
        Of a visit: of what was `Told`."""


Doors = Mapping[str, Sequence[str]]
"""The modules of those doors that an event with such a member may be for. To look for the member
costs next to nothing; to ask every door about every event took a tenth of a call."""


class Context(Protocol):
    """What of Lambda's context is asked."""

    def get_remaining_time_in_millis(self) -> int: ...


def run(doors: Doors, event: Any, context: Context) -> Any:
    """What the platform gets, from this process's own room."""
    door, known = recognised(doors, event)
    house = House.of_this_process(context)
    try:
        return house.answer(door, known, context)
    finally:
        house.room.ports.tracer.flush()  # the platform freezes this process


def recognised(doors: Doors, event: Any) -> tuple[Door, Any]:
    """The one door that knows the event, and the event as it wants it; or `UnknownEvent`."""
    if type(event) is not dict:
        raise _unknown(event, "No door knows")
    one: tuple[Door, Any] | None = None
    for mark in doors:
        if mark in event:
            for door in map(_loaded, doors[mark]):
                known = door.knows(event)
                if known and one is not None and one[0] is not door:
                    raise _unknown(event, "Several doors know")
                if known:
                    one = door, event if known is True else known
    if one is None:
        raise _unknown(event, "No door knows")
    return one


def _unknown(event: Any, who: str) -> UnknownEvent:
    has = ", ".join(sorted(map(repr, event))) if isinstance(event, dict) else type(event)
    return UnknownEvent(f"{who} this event; it has: {has}"[:500])


@cache
def _loaded(name: str) -> Door:
    with lasting():
        return cast(Door, import_module(f"handlers.{name}"))


class House:
    """A room, with the loop around it."""

    def __init__(self, room: Room, front: "Front", slice: float | None = None) -> None:
        self.room, self.front, self._slice = room, front, slice
        self._monotonic = room.ports.clock.monotonic
        self._tend_at = 0.0  # by that

    @classmethod
    def of_this_process(cls, context: Context) -> "House":
        """Made at the first event, of what the environment says."""
        if _house:
            return _house[0]
        with _first:
            if not _house:
                with lasting():
                    _house.append(_opened(context))
            return _house[0]

    def answer(self, door: Door, event: Any, context: Context) -> Any:
        """What its sender gets, after all that it asks for. `event`: as it was recognised."""
        until = self._until(context)
        if isinstance(event, Visit):
            return door.answer(event, self.front.visited(event, until))
        name = getattr(door, "__name__", "").rpartition(".")[2]
        facts = {
            "faas.trigger": TRIGGERS.get(name, "other"),
            "faas.invocation_id": getattr(context, "aws_request_id", ""),
        }
        with self.room.ports.tracer.span(f"event {name}", "consumer", facts):
            return self._handled(door, event, until)

    def _handled(self, door: Door, event: Any, until: float) -> Any:
        asks = door.asks(event, self.room.registry)
        came: dict[int, Came] = {}
        stopped: set[str] = set()
        for place, ask in sorted(enumerate(asks), key=_is_for_later):
            done = Came(ask, done=False) if ask.line in stopped else self._came(ask, until)
            if ask.line is not None and not done.done:
                stopped.add(ask.line)
            came[place] = done
        return door.answer(event, [came[place] for place in sorted(came)])

    def _until(self, context: Context) -> float:
        """When the last job is to come to a boundary, by the monotonic clock."""
        left = context.get_remaining_time_in_millis() / 1000
        reserve = left / 10
        if not SHORTEST_RESERVE <= reserve <= RESERVE:
            reserve = min(RESERVE, max(SHORTEST_RESERVE, reserve))
        return self._monotonic() + left - reserve

    def _came(self, ask: Ask, until: float) -> Came:
        try:
            if ask.trace is None:
                return Came(ask, done=self._do(ask, until))
            facts = {"messaging.message.id": ask.id, "messaging.operation.type": "process"}
            tracer = self.room.ports.tracer
            with tracer.span(f"process {ask.source}", "consumer", facts, ask.trace):
                return Came(ask, done=self._do(ask, until))
        except Problem as problem:
            log.warning("%s is to be brought again: %s", ask.source, problem.detail)
        except Exception:
            log.exception("%s is to be brought again", ask.source)
        return Came(ask, done=False)

    def _do(self, ask: Ask, until: float) -> bool:
        match ask.what:
            case Make(calls):
                made = [self._made(ask, call) for call in calls]  # each is tried
                return all(made)
            case Work(hint):
                self._work(hint, until)
            case Tick():
                self._tick(until)
            case Unreadable(why):
                self._keep(ask, why)
            case Arrived(file, other):
                if not self.room.shelf.notice(file) and other is not None:
                    return self._do(ask._replace(what=other), until)
            case Several(parts):
                whole = ask._replace(trace=None)  # whose span is open already
                done = [self._came(whole._replace(what=part), until).done for part in parts]
                return all(done)
        return True

    def _made(self, ask: Ask, call: Call) -> bool:
        """Is there a job now, or a trace of why there is none?"""
        problem = self.room.enter(call).problem
        if problem is None:
            return True
        # A conflict here is another's use of the same key in this moment.
        again = problem.retry or isinstance(problem, Conflict | Internal)
        if again and not (isinstance(problem, Internal) and self._is_stuck(ask)):
            log.warning("%s is to be brought again: %s", ask.source, problem.detail)
            return False
        self._keep(ask, problem, call.operation)
        return True

    def _is_stuck(self, ask: Ask) -> bool:
        return ask.since is not None and self.room.ports.clock.now() >= ask.since + STUCK

    def _work(self, hint: str | None, until: float) -> None:
        from handlers.work import work

        runs = work(self.room, until, None if hint is None else 1, self._slice, hint)
        if hint is not None and not runs and self._monotonic() >= until:
            self.room.ports.queue.ring(Hint(hint))  # there was no time to look; the next one has it

    def _tick(self, until: float) -> None:
        """The jobs of the next minute are made now and rung for with a delay, so that each starts
        in its second."""
        from app.room.standing import TEND_EVERY, tend
        from app.room.sweep import sweep
        from app.room.tick import Ticker

        now = self._monotonic()
        if now >= self._tend_at:
            tend(self.room.registry, self.room.ports)
            self._tend_at = now + TEND_EVERY
        Ticker(self.room.registry, self.room.ports).tick(AHEAD)
        sweep(self.room.registry, self.room.ports)
        while self._monotonic() < until and self.room.engine.orphans.sweep():
            pass  # each look is short, and the next goes on

    def _keep(self, ask: Ask, why: Problem, operation: str = "") -> None:
        """A failed job, so that a final failure leaves a trace."""
        from app.room.unreadable import unreadable

        log.error("%s could not be read: %s", ask.source, why.detail)
        made = unreadable(
            self.room.registry,
            why,
            source=ask.source,
            id=ask.id,
            raw=ask.raw,
            operation=operation,
        )
        self.room.engine.submit(made, LOCAL)


def _is_for_later(placed: tuple[int, Ask]) -> bool:
    """What takes long comes behind what only has to be accepted, but where there is an order."""
    return isinstance(placed[1].what, Work) and placed[1].line is None


_first = Lock()
_house: list[House] = []


def _opened(context: Context) -> House:
    from app import logs, wiring
    from app.config import Settings
    from handlers.http import Front

    settings = Settings.read(os.environ)
    logs.set_up(settings.log, settings.log_level)
    # No process renews what a frozen one has claimed: a claim lasts as long as this may run.
    lease = math.ceil(context.get_remaining_time_in_millis() / 1000) + LEASE_MARGIN
    room = wiring.make_room(settings, lease)
    return House(room, Front(room, settings), settings.slice)
