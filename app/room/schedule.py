"""The schedule record: what is asked for, what is owed, and what each change makes of it. Pure.

`next` in its body is when it comes due; the record's own `due` says when a clock has to look, and
is the end of a lease while one does. All that comes due up to `upto` is dealt with, which may lie
ahead; `ahead` has the jobs that were made early, and `done` the last due time of the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from math import floor
from typing import Any, Literal

from app.ports import Body, Record
from app.room.duration import seconds
from app.room.errors import Invalid, Wrong
from app.room.schema.plain import pointer
from app.room.strict_json import write_json
from app.room.timing import (
    DAY,
    BadTimes,
    CronTimes,
    EveryTimes,
    Times,
    cron_times,
    latest,
    upcoming,
)

SCHEDULES = "schedules"
ON, OFF = "on", "off"
CODE = "code"  # the source of those that a declaration asks for

CatchUp = Literal["none", "one", "all"]

LONGEST_NAME = 128
LONGEST_INTERVAL = 36_500 * DAY
SHOWN = 5  # due times to come
LATE = 90.0  # seconds; what is late by no more counts as late, and not as missed
MOST_OWED = 100  # due times that were missed and are run still
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of ids, in which Crockford's numbers sort


@dataclass(frozen=True)
class Plan:
    """What a schedule is asked to do. `every` stays as it was written."""

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    cron: str | None = None
    every: str | float | None = None
    tz: str | None = None
    enabled: bool = True
    catch_up: CatchUp = "one"

    @property
    def when(self) -> tuple[object, ...]:
        return self.cron, self.every, self.tz


def checked(plan: Plan, least: float) -> Plan:
    """The plan with what goes without saying; `Invalid` names what is wrong with its times.

    `least` is the shortest interval, in seconds.
    """
    if (plan.cron is None) == (plan.every is None):
        at = "/cron" if plan.cron is None else "/every"
        raise Invalid(errors=[Wrong(at, "Give a cron line or an interval (every), one of them.")])
    if plan.every is not None:
        _check_every(plan, least)
        return plan
    plan = replace(plan, tz=plan.tz or "UTC")
    try:
        cron_times(plan.cron, plan.tz)
    except BadTimes as error:
        raise Invalid(errors=[Wrong(pointer(error.at), f"{error}.")]) from None
    return plan


def _check_every(plan: Plan, least: float) -> None:
    if plan.tz is not None:
        raise Invalid(errors=[Wrong("/tz", "An interval has no zone; a cron line has.")])
    try:
        interval = seconds(plan.every)
    except ValueError as error:
        raise Invalid(errors=[Wrong("/every", f"{error}.")]) from None
    if interval > LONGEST_INTERVAL:
        raise Invalid(errors=[Wrong("/every", f"Must be at most {LONGEST_INTERVAL / DAY:g}d.")])
    if interval < least:
        told = f"Must be at least {least:g} s." if interval else "Must be more than 0."
        raise Invalid(errors=[Wrong("/every", told)])


def check_name(name: str) -> None:
    """Names stand in paths; what comes from the code has an @."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(errors=[Wrong("/name", f"Must have 1 to {LONGEST_NAME} characters.")])
    if name in (".", "..") or name != name.strip() or not name.isprintable():
        raise Invalid(errors=[Wrong("/name", "Write a printable name, no space around it.")])
    if wrong := {"/", "@", "\\"} & set(name):
        raise Invalid(errors=[Wrong("/name", f"A name has no {min(wrong)}.")])


def new(name: str, owner: str, plan: Plan, source: str, now: float) -> Record:
    body: Body = {"name": name, "created": now, "source": source}
    return _planned(Record(SCHEDULES, schedule_id(owner, name), body, owner=owner), plan, now)


def edited(record: Record, plan: Plan, now: float) -> Record:
    """What came due before stays owed while the times stay the same, unless it is paused.

    The past of another plan is never made up for, and a pause owes nothing.
    """
    return _planned(record, plan, now)


def _planned(record: Record, plan: Plan, now: float) -> Record:
    before = plan_of(record) if "plan" in record.body else None
    upto = max(now, record.body.get("done", now))  # the clock may have been set back since
    if before is not None and before.when == plan.when and before.enabled and plan.enabled:
        upto = min(upto, record.body["upto"])
    body = {**record.body, "plan": _written(plan), "updated": now, "upto": upto}
    body.pop("ahead", None)
    return _due(replace(record, body=body), upto)


def _written(plan: Plan) -> Body:
    return {name: value for name, value in asdict(plan).items() if value is not None}


def plan_of(record: Record) -> Plan:
    return Plan(**record.body["plan"])


def times_of(record: Record) -> Times:
    plan = plan_of(record)
    if plan.every is not None:
        return EveryTimes(seconds(plan.every), float(floor(record.body["created"])))
    return CronTimes(plan.cron or "", plan.tz or "UTC")


def owed(record: Record, now: float, until: float) -> list[float]:
    """The due times that get a job now: those that are late, what `catch_up` says of those that
    were missed, and all that come until `until`. `BadTimes` where the zone is gone."""
    times, upto = times_of(record), record.body["upto"]
    past = latest(times, upto, now, MOST_OWED)
    if past and next(times.after(upto)) < now - LATE:
        past = _caught_up(past, plan_of(record).catch_up, now)
    return past + latest(times, max(upto, now), until, MOST_OWED)


def _caught_up(past: list[float], catch_up: CatchUp, now: float) -> list[float]:
    match catch_up:
        case "all":
            return past
        case "one":
            return past[-1:]
        case "none":
            return [due for due in past[-1:] if due >= now - LATE]


def fired(record: Record, jobs: Sequence[Record], upto: float, now: float) -> Record:
    """After its jobs up to there were made."""
    body = record.body | {"upto": upto}
    dues = body.pop("ahead", {}) | {job.id: job.body["due"] for job in jobs}
    ahead = {id: due for id, due in dues.items() if due > now}
    done = [due for due in dues.values() if due <= now]
    body |= {"ahead": ahead} if ahead else {}
    body |= {"done": max(body.get("done", 0.0), *done)} if done else {}
    body |= {"job": jobs[-1].id} if jobs else {}
    return _due(replace(record, body=body), upto)


def ran(record: Record, job: str) -> Record:
    """With a job that somebody asked for. Whoever looks at it just now begins anew."""
    return replace(record, body=record.body | {"job": job}, due=record.body["next"])


def postponed(record: Record, until: float) -> Record:
    """Nobody can tell now what it owes; somebody looks again then."""
    return replace(record, due=until)


def reset(record: Record, now: float) -> Record:
    """After a clock that ran ahead: it goes on from now."""
    body = record.body | {"upto": now}
    body.pop("done", None)
    return _due(replace(record, body=body), now)


def _due(record: Record, upto: float) -> Record:
    enabled = plan_of(record).enabled
    following = next(times_of(record).after(upto), None) if enabled else None
    body = record.body | {"next": following}
    return replace(record, body=body, label=ON if enabled else OFF, due=following)


def to_come(record: Record, now: float) -> list[float]:
    """What is shown: what is owed still, and what comes; nothing of a paused one."""
    if not plan_of(record).enabled:
        return []
    try:
        return upcoming(times_of(record), max(record.body["upto"], now), SHOWN)
    except BadTimes:
        return []


def revision(record: Record) -> str:
    """Changes whenever somebody writes a schedule, be it as it was, and not as it comes due."""
    return blake2b(write_json([_asked(record), record.body["updated"]]), digest_size=9).hexdigest()


def _asked(record: Record) -> str:
    asked = [record.body["plan"], record.body["created"]]
    return blake2b(write_json(asked), digest_size=9).hexdigest()


def schedule_id(owner: str, name: str) -> str:
    """In the order of names; an owner may be long."""
    return f"{name} {blake2b(owner.encode(), digest_size=12).hexdigest()}"


def job_id(record: Record, due: float) -> str:
    """The one job of a due time, of this plan; a ULID of that time, so that it sorts by it."""
    named = [record.id, _asked(record), record.body["updated"], round(due * 1000)]
    chance = int.from_bytes(blake2b(write_json(named), digest_size=10).digest())
    number = (max(0, round(due * 1000)) << 80) | chance
    return "job_" + "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
