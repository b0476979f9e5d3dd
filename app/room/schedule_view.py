"""A schedule as people and programs read it, whichever door they came through."""

from typing import Any

from app.ports import Body, Record
from app.room.moment import moment
from app.room.operation import Registry
from app.room.schedule import CODE, plan_of, to_come
from app.room.schema.secret import MASK, mask
from app.room.standing import is_declared


def described_schedule(record: Record, registry: Registry, now: float) -> Body:
    """The schedule, flat. Secret parameters are masked."""
    plan, body = plan_of(record), record.body
    is_alive = body["source"] != CODE or is_declared(record, registry)
    coming = to_come(record, now) if is_alive else []
    return {
        "name": body["name"],
        "owner": record.owner,
        "source": body["source"],
        "operation": plan.operation,
        "params": shown_params(plan.operation, plan.params, registry),
        "cron": plan.cron,
        "every": plan.every,
        "tz": plan.tz,
        "enabled": plan.enabled,
        "catch_up": plan.catch_up,
        "next_due": moment(coming[0] if coming else None),
        "upcoming": [moment(due) for due in coming],
        "last_job": body.get("job"),
        "created_at": moment(body["created"]),
        "updated_at": moment(body["updated"]),
    }


def shown_params(operation: str, params: Any, registry: Registry) -> Any:
    if operation not in registry:  # nobody knows any more which of them are secret
        return dict.fromkeys(params, MASK)
    declared = registry.get(operation).params
    return mask(declared.schema, params) if declared.secrets else params
