"""Schedules under torture: made at the start, seen to go on in peace, then paused."""

import time
from datetime import datetime

from tests.torture.history import History, Planned
from tests.torture.wire import Wire

PLANS = (("all", 1.0), ("one", 2.0), ("none", 3.0))  # what a pause owes; seconds


def make(wire: Wire, history: History) -> None:
    for catch_up, every in PLANS:
        history.planned.append(Planned(f"each-{every:g}-s", every, catch_up))
        if not _put(wire, history.planned[-1], enabled=True):
            history.troubles.append(f"no schedule {history.planned[-1].name} can be made")


def end(wire: Wire, history: History, until: float) -> None:
    """Once each has made a job that came due in peace; then no more are made."""
    peace = time.time()
    for plan in history.planned:
        while not (due := _newest(wire, plan)) or due <= peace:
            if time.monotonic() > until:
                history.late.append(f"the schedule {plan.name} does not go on, and")
                break
            time.sleep(0.2)
        plan.seen = due
        while not _put(wire, plan, enabled=False) and time.monotonic() < until:
            time.sleep(0.2)


def wait_for_all(wire: Wire, history: History, until: float) -> None:
    """Whatever is in the store has ended, asked for by whomever."""
    while open_jobs := _open(wire):
        if time.monotonic() > until:
            history.late += open_jobs
            return
        time.sleep(0.2)


def _put(wire: Wire, plan: Planned, *, enabled: bool) -> bool:
    body = {"operation": "torture.tick", "params": {}, "every": plan.every, "enabled": enabled}
    status, _ = wire.ask("PUT", f"/v1/schedules/{plan.name}", body | {"catch_up": plan.catch_up})
    return status in (200, 201)


def _newest(wire: Wire, plan: Planned) -> float:
    """When the job came due that it made last."""
    status, told = wire.ask("GET", f"/v1/schedules/{plan.name}")
    if status != 200 or not told["last_job"]:
        return 0.0
    status, job = wire.ask("GET", f"/v1/jobs/{told['last_job']}")
    return datetime.fromisoformat(job["due_at"]).timestamp() if status == 200 else 0.0


def _open(wire: Wire) -> list[str]:
    found: list[str] = []
    for status in ("queued", "waiting", "running"):
        answered, page = wire.ask("GET", f"/v1/jobs?limit=200&status={status}")
        found += [job["id"] for job in page["items"]] if answered == 200 else ["an unknown job"]
    return found
