"""Schedules that the code asks for: `on=[Cron(…), Every(…)]` becomes a schedule by itself.

Its name tells what is declared, so another declaration is another schedule, and versions of the
code that run side by side do not fight over one. Only a clock that knows the declaration makes its
jobs. Who misses one in its own code marks it; who still declares it takes the mark away; what was
marked for an hour goes.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b

from app.ports import Delete, Hint, Ports, Put, Record
from app.room import schedule
from app.room.call import LOCAL
from app.room.errors import Invalid, Stale
from app.room.operation import Operation, Registry
from app.room.schedule import CODE, SCHEDULES, Plan, plan_of, schedule_id
from app.room.strict_json import write_json
from app.room.timing import BadTimes
from app.room.trigger import Cron, Every, described

log = logging.getLogger("manydoors.schedules")

TEND_EVERY = 600.0  # seconds; what is marked by mistake is unmarked long before it goes
GONE = 3600.0  # seconds that a schedule stays which nobody seems to declare
AHEAD = 3600.0  # seconds; a schedule dealt with further ahead than that met a clock that was wrong
PAGE = 200

Timed = Cron | Every


def tend(registry: Registry, ports: Ports, ahead: float = AHEAD) -> None:
    """Makes what is declared and not there, and takes away what was and is not any more; rings
    for what comes due until the next time. To be called at the start and each `TEND_EVERY`.

    `ahead`: how far ahead of now a schedule may have been dealt with, by a clock that is right."""
    now = ports.clock.now()
    for operation, trigger in _declared(registry):
        name = _name(operation, trigger)
        if ports.records.get(SCHEDULES, schedule_id(LOCAL.owner, name)) is None:
            made = schedule.new(name, LOCAL.owner, _plan(operation, trigger), CODE, now)
            with suppress(Stale):  # another process was faster
                ports.records.commit(Put(made, expect=0))
                _check_params(operation)
    for record in _all(ports):
        with suppress(Stale):  # somebody uses it: next time
            kept = _looked_after(registry, ports, record, now, ahead)
            if kept is not None and kept.due is not None and kept.due < now + TEND_EVERY + 60:
                ports.bell.ring(Hint(kept.id, max(0.0, kept.due - now)))


def is_declared(record: Record, registry: Registry) -> bool:
    """Does the code of this process ask for it?"""
    name = plan_of(record).operation
    if name not in registry:
        return False
    operation = registry.get(name)
    return record.body["name"] in {_name(operation, trigger) for trigger in _timed(operation)}


def _check_params(operation: Operation) -> None:
    """A word now, and not only at three in the morning. No more than that: the same operation may
    take what its other triggers bring."""
    try:
        operation.params.load({})
    except Invalid as error:
        wrong = "; ".join(f"{each.pointer}: {each.detail}" for each in error.errors)
        log.warning(
            "a time brings no parameters, and this operation needs some",
            extra={"operation": operation.name, "why": wrong},
        )


def _looked_after(
    registry: Registry, ports: Ports, record: Record, now: float, ahead: float
) -> Record | None:
    changed = _changed(registry, record, now, ahead)
    if changed is None:
        ports.records.commit(Delete(SCHEDULES, record.id, record.version))
        return None
    if changed is record:
        return record
    return ports.records.commit(Put(changed, record.version))[0]


def _changed(registry: Registry, record: Record, now: float, ahead: float) -> Record | None:
    """None: it is to go."""
    if record.body["upto"] > now + ahead:
        with suppress(BadTimes):
            record = schedule.reset(record, now)
    if record.body["source"] != CODE:
        return record
    missed = record.body.get("missed")
    if is_declared(record, registry):
        body = {name: each for name, each in record.body.items() if name != "missed"}
        return record if missed is None else replace(record, body=body)
    if missed is None:
        return replace(record, body=record.body | {"missed": now})
    return None if missed < now - GONE else record


def _all(ports: Ports) -> Iterator[Record]:
    cursor: str | None = None
    while True:
        page = ports.records.list(SCHEDULES, newest_first=False, cursor=cursor, limit=PAGE)
        yield from page.items
        if (cursor := page.next) is None:
            return


def _declared(registry: Registry) -> Iterator[tuple[Operation, Timed]]:
    return ((operation, each) for operation in registry for each in _timed(operation))


def _timed(operation: Operation) -> list[Timed]:
    return [each for each in operation.triggers if isinstance(each, Timed)]


def _plan(operation: Operation, trigger: Timed) -> Plan:
    if isinstance(trigger, Cron):
        return Plan(operation.name, cron=trigger.line, tz=trigger.tz)
    return Plan(operation.name, every=trigger.interval)


def _name(operation: Operation, trigger: Timed) -> str:
    told = blake2b(write_json([operation.name, described(trigger)]), digest_size=4).hexdigest()
    return f"{operation.name[:100]}@{told}"
