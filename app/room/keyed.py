"""A plain call with an idempotency key: a job, so that it runs once, which whoever took the call
runs at once, for somebody waits and a worker may be busy for hours.
"""

from dataclasses import replace

from app.ports import Record
from app.room.acceptance import Hold, Submission
from app.room.boundary import Control
from app.room.call import Caller
from app.room.deadline import CallTimedOut, deadline
from app.room.engine import Engine
from app.room.job import Ending, Error
from app.room.ledger import Lost
from app.room.notes import Notes
from app.room.policy import Policy

MARGIN = 5.0  # seconds that a claim outlives the time of its run


def runs_here(policy: Policy) -> bool:
    """Has its author no word on where, when, or beside which others it runs?"""
    asks = (policy.concurrency, policy.rate, policy.debounce, policy.memory, policy.offload)
    return not policy.singleton and all(wish is None for wish in asks)


def run_keyed(
    engine: Engine, submission: Submission, caller: Caller, timeout: float, longest: float
) -> Record:
    """The job after its first attempt here; or as it is, where its key was used before.

    One that has more time than the answer may take goes on elsewhere, from its beginning.
    """
    ports = engine.ports
    within = min(timeout, longest)
    hold = Hold(ports.new_id("lease"), ports.clock.now() + within + MARGIN)
    record = engine.submit(replace(submission, hold=hold), caller)
    if record.lease != hold.lease:
        return record
    record = replace(record, version=1)  # as the store has it now
    if ports.clock.now() + within > hold.until:  # it took so long to store; others may have it soon
        return engine.settle([(record, Ending("returned"))])[0] or record
    seen: list[Notes] = []
    control = Control(ports.clock.monotonic() + within)
    try:
        with deadline(within, submission.operation):
            ending = engine.execute(record, control, seen.append, alone=False)
    except CallTimedOut:
        ending = _late(within, is_final=within == timeout)
    except Lost:
        return record
    last = seen[0].record if seen else record
    return engine.settle([(last, ending)])[0] or last


def _late(seconds: float, *, is_final: bool) -> Ending:
    if not is_final:
        return Ending("continued", ran=seconds)
    text = f"It ran longer than its timeout of {seconds:g} s."
    return Ending("failed", error=Error("timeout", text, final=True), ran=seconds)
