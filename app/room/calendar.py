"""The schedules of a store: made, changed and told of by whoever owns them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from app.ports import Body, Delete, Hint, Page, Ports, Put, Record, Write
from app.room import job, schedule
from app.room.acceptance import Submission
from app.room.access import check_scope
from app.room.call import Caller
from app.room.claim import Claims
from app.room.engine import Engine
from app.room.errors import Conflict, Invalid, Precondition, Stale, TooLarge, Unknown, Wrong
from app.room.file_uses import note_schedule
from app.room.job import JOBS, QUEUED
from app.room.ledger import TRIES
from app.room.operation import Registry
from app.room.schedule import CODE, ON, SCHEDULES, Plan, checked, plan_of, revision, schedule_id
from app.room.schedule_view import described_schedule, shown_params
from app.room.schema.secret import MASK
from app.room.strict_json import write_json
from app.room.walk import walked

LARGEST_PARAMS = 102_400  # encoded bytes, as of a job
SHORTEST = 1.0  # seconds of an interval
MOST = 1000  # schedules of one owner

Expected = Callable[[Record | None], bool]
"""Is what is there what the caller has seen?"""


def whatever(found: Record | None) -> bool:
    return True


class Calendar:
    """Of one service. `least`: the shortest interval, in seconds. `most`: schedules of one owner;
    those that are made at the same moment may pass it."""

    def __init__(self, registry: Registry, ports: Ports, engine: Engine) -> None:
        self.registry, self.ports, self.engine = registry, ports, engine
        self._claims = Claims(ports)
        self.least, self.most = SHORTEST, MOST

    def get(self, name: str, caller: Caller) -> Record:
        """The schedule; `Unknown` also when it is somebody else's."""
        found = self._find(name, caller)
        if found is None:
            raise Unknown("There is no such schedule.")
        return found

    def list(self, caller: Caller, *, cursor: str | None = None, limit: int = 50) -> Page:
        """In the order of names."""
        check_scope(caller, "read")
        return self.ports.records.list(
            SCHEDULES, owner=caller.owner, newest_first=False, cursor=cursor, limit=limit
        )

    def put(
        self, name: str, plan: Plan, caller: Caller, source: str, expected: Expected = whatever
    ) -> tuple[Record, bool]:
        """The schedule as it is from now on, and whether it is new.

        What was asked of it before this returns and comes due later, nobody runs any more.
        `Precondition` when it is not as `expected`.
        """
        for _ in range(TRIES):
            found = self._find(name, caller)
            made = self._planned(name, plan, caller, source, found)
            _check(expected, found)
            try:
                return self._commit(found, made), found is None
            except Stale:
                continue
        raise Stale("The schedule changes too often to be changed here.")

    def enable(self, name: str, enabled: bool, caller: Caller, source: str) -> Record:
        """The schedule, paused or going on; of one that stands so already nothing changes. It can
        be paused whatever has become of its operation."""
        check_scope(caller, "run")
        for _ in range(TRIES):
            found = self.get(name, caller)
            plan = replace(plan_of(found), enabled=enabled)
            if plan == plan_of(found):
                return found
            with suppress(Precondition, Stale):  # changed meanwhile
                if not enabled:
                    return self._commit(found, schedule.edited(found, plan, self._now()))
                seen = has_revision(revision(found))
                return self.put(name, plan, caller, source, seen)[0]
        raise Stale("The schedule changes too often to be changed here.")

    def enabled(self, owner: str) -> Iterator[Record]:
        """Those that come due, but for what the code asks for."""
        how: dict[str, Any] = {"owner": owner, "label": ON, "newest_first": False}
        found = walked(self.ports.records, SCHEDULES, **how)
        return (each for each in found if each.body["source"] != CODE)

    def pause_all(self, owner: str, source: str) -> int:
        """What is enabled of them; says how many that were."""
        caller, paused = Caller(owner, "run"), 0
        for each in self.enabled(owner):
            with suppress(Unknown):  # it was deleted meanwhile
                self.enable(each.body["name"], False, caller, source)
                paused += 1
        return paused

    def preview(
        self, name: str, plan: Plan, caller: Caller, source: str, expected: Expected = whatever
    ) -> Record:
        """What `put` would write; raises what it would raise."""
        found = self._find(name, caller)
        made = self._planned(name, plan, caller, source, found)
        _check(expected, found)
        return made

    def delete(self, name: str, caller: Caller, expected: Expected = whatever) -> None:
        check_scope(caller, "run")
        for _ in range(TRIES):
            found = self.get(name, caller)
            if found.body["source"] == CODE:
                raise Conflict(_OF_CODE)
            _check(expected, found)
            with suppress(Stale):
                self.ports.records.commit(
                    Delete(SCHEDULES, found.id, found.version), *self._called_off(found)
                )
                return
        raise Stale("The schedule changes too often to be deleted here.")

    def run(self, name: str, caller: Caller, source: str, **how: Any) -> Record:
        """A job of it now, beside those of its due times; also of a paused one."""
        check_scope(caller, "run")
        found = self.get(name, caller)
        plan = plan_of(found)
        params = self._check_call(plan, caller)
        made = self.engine.submit(Submission(plan.operation, params, source=source, **how), caller)
        with suppress(Stale):  # it came due meanwhile, and has a later job
            self.ports.records.commit(Put(schedule.ran(found, made.id), found.version))
        return made

    def view(self, record: Record) -> Body:
        return described_schedule(record, self.registry, self.ports.clock.now())

    def _planned(
        self, name: str, plan: Plan, caller: Caller, source: str, found: Record | None
    ) -> Record:
        now = self.ports.clock.now()
        if found is not None:
            plan = self._with_secrets(plan, found)
        if found is not None and found.body["source"] == CODE:
            _check_pause_only(plan_of(found), plan)
            plan = replace(plan_of(found), enabled=plan.enabled)
            return schedule.edited(found, checked(plan, 0.0) if plan.enabled else plan, now)
        schedule.check_name(name)
        plan = checked(plan, self.least)
        self._check_call(plan, caller)
        operation = self.registry.get(plan.operation)
        plan = replace(plan, params=self._claims.closed(plan.params, caller.owner, operation))
        if found is None:
            self._check_room(caller.owner)
            return schedule.new(name, caller.owner, plan, source, now)
        return schedule.edited(found, plan, now)

    def _check_room(self, owner: str) -> None:
        there = self.ports.records.count(SCHEDULES, owner=owner)
        if there >= self.most:
            raise Conflict(
                f"You have {there:,} schedules, and may have {self.most:,} "
                "(MANYDOORS_MAX_SCHEDULES): delete some that you need no more.",
                limit=self.most,
            )

    def _now(self) -> float:
        return self.ports.clock.now()

    def _find(self, name: str, caller: Caller) -> Record | None:
        check_scope(caller, "read")
        if not 1 <= len(name) <= schedule.LONGEST_NAME:
            return None
        return self.ports.records.get(SCHEDULES, schedule_id(caller.owner, name))

    def _commit(self, found: Record | None, made: Record) -> Record:
        note_schedule(self.ports, made)
        put = Put(made, expect=found.version if found else 0)
        stored = self.ports.records.commit(put, *(self._called_off(found) if found else ()))[0]
        if stored is None:
            raise TypeError("a put stores a record")
        if stored.due is not None:
            now = self.ports.clock.now()
            self.ports.bell.ring(Hint(stored.id, max(0.0, stored.due - now)))
        return stored

    def _called_off(self, found: Record) -> Sequence[Write]:
        """Its jobs that were made ahead of their time, for a plan that is no more."""
        now = self.ports.clock.now()
        made = [self.ports.records.get(JOBS, id) for id in found.body.get("ahead", ())]
        return [
            Put(job.asked_to_cancel(each, now), expect=each.version)
            for each in made
            if each is not None and each.label == QUEUED and (each.due or 0.0) > now
        ]

    def _check_call(self, plan: Plan, caller: Caller) -> dict[str, Any]:
        """Could this caller make the call of it? The parameters, then, as they were given."""
        check_scope(caller, "run")
        operation = self.registry.get(plan.operation)
        check_scope(caller, operation.policy.scope)
        if (size := len(write_json(plan.params))) > LARGEST_PARAMS:
            told = f"The parameters have {size:,} bytes, and a schedule keeps {LARGEST_PARAMS:,}."
            raise TooLarge(told, limit=LARGEST_PARAMS)
        try:
            params = dict(self._claims.opened(plan.params, caller.owner, operation))
            operation.params.load(params)
        except Invalid as error:
            wrongs = [Wrong(f"/params{each.pointer}", each.detail) for each in error.errors]
            raise Invalid(error.detail, errors=wrongs) from None
        return params

    def _with_secrets(self, plan: Plan, found: Record) -> Plan:
        """Who sends back what was shown means what is behind it."""
        before = plan_of(found)
        if plan.operation != before.operation or plan.params == before.params:
            return plan
        shown = shown_params(before.operation, before.params, self.registry)
        return replace(plan, params=_unmasked(plan.params, shown, before.params))


def _unmasked(given: Any, shown: Any, kept: Any) -> Any:
    """`given`, with what it has of `shown` that is masked as it is kept."""
    if given == MASK and shown == MASK:
        return kept
    if isinstance(given, Mapping) and isinstance(shown, Mapping):
        return {
            name: _unmasked(each, shown[name], kept[name]) if name in shown else each
            for name, each in given.items()
        }
    if isinstance(given, list) and isinstance(shown, list) and len(given) == len(shown):
        return [_unmasked(*each) for each in zip(given, shown, kept, strict=True)]
    return given


_OF_CODE = (
    "It comes from the code (on=[…] of its operation): change or remove it there. It can be paused."
)


def _check_pause_only(is_now: Plan, asked: Plan) -> None:
    asked = replace(asked, enabled=is_now.enabled, tz=asked.tz or is_now.tz)
    if asked != is_now:
        raise Conflict(_OF_CODE)


def _check(expected: Expected, found: Record | None) -> None:
    """After all else: what could not be done anyway has no precondition (RFC 9110, 13.2.1)."""
    if not expected(found):
        raise Precondition()


def has_revision(*tags: str) -> Expected:
    """One of these is the revision of what is there."""
    return lambda found: found is not None and revision(found) in tags
