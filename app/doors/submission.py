"""A job to be, as JSON says it: `{operation, params, key?, delay?, due?, priority?,
callback_url?}`."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.doors.http import Request
from app.doors.wishes import LONGEST_KEY, Wishes
from app.room.acceptance import BATCH, UsedKey
from app.room.call import Call, Outcome
from app.room.errors import Invalid, TooLarge, Wrong
from app.room.schema.field import Duration, Moment
from app.room.schema.params import Params
from app.room.strict_json import read_object
from app.room.webhook import BadCallback

LONGEST_DELAY = timedelta.max // timedelta(seconds=1)
OF_THE_WISH = (UsedKey, BadCallback)  # what is wrong beside the operation's parameters


class _Job(Schema):
    operation = fields.String(required=True)
    params = fields.Dict(keys=fields.String())
    key = fields.String(validate=validate.Length(1, LONGEST_KEY))
    delay = Duration(validate=validate.Range(min=timedelta()))
    due = Moment()
    priority = fields.Integer(validate=validate.Range(-100, 100))
    callback_url = fields.String()

    @validates_schema(skip_on_field_errors=False)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        if "delay" in data and "due" in data:
            raise ValidationError("Give a delay or a due time, not both.", "due")


class _Batch(Schema):
    jobs = fields.List(fields.Nested(_Job), required=True)


JOB, _JOBS = Params.of(_Job), Params.of(_Batch)


def read_job(request: Request, wishes: Wishes, now: float) -> Call:
    """The call that the body asks for, to be made a job. Its params are not looked at yet."""
    return _sent(request, call_of(JOB.load(read_object(request.body)), wishes, now))


def read_jobs(request: Request, wishes: Wishes, now: float) -> list[Call]:
    """Of a batch. One Idempotency-Key for all of it gives each job one by its place."""
    body = read_object(request.body)
    jobs = body.get("jobs")
    if isinstance(jobs, list) and len(jobs) > BATCH:
        raise TooLarge(f"At most {BATCH:,} jobs are submitted together.", limit=BATCH)
    return list(_calls(request, _JOBS.load(body)["jobs"], wishes, now))


def _calls(request: Request, jobs: list[Any], wishes: Wishes, now: float) -> Iterator[Call]:
    alone = wishes._replace(key=None)
    for place, job in enumerate(jobs):
        if wishes.key is not None:
            job.setdefault("key", f"{wishes.key}/{place}")
        yield _sent(request, call_of(job, alone, now, f"/jobs/{place}"))


def _sent(request: Request, call: Call) -> Call:
    return call._replace(
        caller=request.caller,
        source="rest",
        request_id=request.request_id,
        prefix=request.prefix,
    )


def call_of(job: Mapping[str, Any], wishes: Wishes, now: float, at: str = "") -> Call:
    """What it asks for, by nobody yet; `at` is where it stands, for pointers to what is wrong."""
    key = job.get("key", wishes.key)
    if wishes.key not in (None, key):
        raise Invalid(errors=[Wrong(f"{at}/key", "The Idempotency-Key header says another.")])
    return Call(
        operation=job["operation"],
        params=job.get("params", {}),
        key=key,
        asynchronous=True,
        wait=wishes.wait,
        due=_due(job, now),
        priority=job.get("priority"),
        callback_url=job.get("callback_url"),
    )


def pointed(outcome: Outcome) -> Outcome:
    """What is wrong with the operation's parameters stands in `params` here."""
    problem = outcome.problem
    if outcome.job or not isinstance(problem, Invalid) or isinstance(problem, OF_THE_WISH):
        return outcome
    moved = [Wrong(f"/params{each.pointer}", each.detail) for each in problem.errors]
    return Outcome(problem=Invalid(problem.detail, errors=moved))


def _due(job: Mapping[str, Any], now: float) -> float | None:
    """None for now. What has passed is now too, for the earlier due is taken first."""
    delay: timedelta | None = job.get("delay")
    due: datetime | None = job.get("due")
    if due is not None:
        moment = due.timestamp()
    elif delay is not None:
        moment = now + delay.total_seconds()
    else:
        return None
    return moment if moment > now else None
