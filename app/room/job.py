"""The job record: its states, and what each transition changes. Pure: a record in, a record out.

queued ──▶ running ──▶ succeeded | failed | cancelled
  ▲           │
  ├───────────┤ another attempt, or out of time: continued
  └─ waiting ◀┘ asleep, waiting for a signal or for children

A job's status is its record's label; when somebody has to look at it again is the record's `due`:
the start while it is queued, the end of the sleep while it waits, the end of the lease while it
runs. So one question to the store, "what is due?", finds new jobs, sleepers and the jobs of dead
workers alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from zlib import crc32

from app.ports import Body, Record
from app.room.errors import Conflict, TooLarge
from app.room.policy import Policy
from app.room.strict_json import write_json

JOBS = "jobs"

QUEUED, RUNNING, WAITING = "queued", "running", "waiting"
SUCCEEDED, FAILED, CANCELLED = "succeeded", "failed", "cancelled"

TERMINAL = frozenset((SUCCEEDED, FAILED, CANCELLED))
STATUSES = (QUEUED, RUNNING, WAITING, SUCCEEDED, FAILED, CANCELLED)

MAY: Mapping[str, frozenset[str]] = {
    QUEUED: frozenset((QUEUED, RUNNING, CANCELLED)),
    RUNNING: frozenset(STATUSES),
    WAITING: frozenset((WAITING, QUEUED, RUNNING, CANCELLED)),
    **dict.fromkeys(TERMINAL, frozenset()),
}
"""What may follow each status. A terminal one is final."""

LONGEST_PAUSE = 300.0  # seconds between two attempts, at most
FURTHEST = 365 * 86400.0  # seconds until somebody looks again, at most, however long it is to wait
REMEMBERED = 24 * 3600.0  # seconds that an idempotency key outlives its job's end
LOST = "lost"  # how a run has ended of which nothing was heard any more
SLICES = 50  # of a job's past that its record keeps
MOST_SLICES = 10_000  # continuations of one job
CALLED_BACK = 5 * 86400.0  # seconds that a job stays after its end for a callback to tell of it
HELD = 400 * 86400.0  # seconds after which a store may drop what a job that never ended holds
CHILDREN_LOOK = 60.0  # seconds until a parent looks after its children, should nobody wake it
SIGNALS = 100  # that wait to be asked for
SIGNAL_BYTES = 16 * 1024
SIGNALS_BYTES = 32 * 1024  # of all that wait, for the record must have room for the run's own


@dataclass(frozen=True)
class Error:
    """Why an attempt failed; `final` when another one cannot help."""

    kind: str
    detail: str
    final: bool = False
    after: float | None = None
    traceback: str = ""
    members: Body = field(default_factory=dict)


@dataclass(frozen=True)
class Wait:
    """What a suspended run waits for."""

    reason: Literal["sleep", "signal", "children", "operation"]
    name: str = ""
    until: float | None = None
    since: float | None = None  # of what may end it: when that began


What = Literal["succeeded", "failed", "cancelled", "waiting", "continued", "returned"]


@dataclass(frozen=True)
class Ending:
    """How a run ended. `own` is what the run alone writes: its journal, state, progress and log.

    continued: out of time, and goes on where it was; returned: it was never begun.
    """

    what: What
    result: Any = None
    error: Error | None = None
    wait: Wait | None = None
    own: Body = field(default_factory=dict)
    ran: float = 0.0  # seconds
    begun: bool = True  # False: decided at the claim, and nothing was run


TOO_OFTEN = Error(
    "internal",
    f"It was continued {MOST_SLICES:,} times: give it longer slices (MANYDOORS_SLICE), or split it "
    "by run.map.",
    final=True,
)


def new(
    id: str,
    *,
    operation: str,
    params: Any,
    owner: str,
    policy: Policy,
    now: float,
    due: float | None = None,
    priority: int | None = None,
    **more: Any,
) -> Record:
    """A job that is queued. `more` goes into its body as it is: source, key, parent …"""
    start = now if due is None else due
    body: Body = {
        "operation": operation,
        "params": params,
        "created": now,
        "due": start,
        "retries": policy.retries,
        "backoff": policy.backoff,
        "keep": policy.keep,
        "free": 0,
    }
    body.update((name, value) for name, value in more.items() if value is not None)
    pressing = policy.priority if priority is None else priority
    return Record(JOBS, id, body, owner=owner, label=QUEUED, due=start, priority=pressing)


def stillborn(record: Record, error: Error, now: float) -> Record:
    """A new job as one that has failed already, for something that cannot be run at all."""
    ending = Ending("failed", error=replace(error, final=True), begun=False)
    return settled(replace(record, label=RUNNING), ending, now)


def attempt(record: Record) -> int:
    """Which attempt this is: how often it was claimed, but for claims that ended in good order.

    So a claim that ends without a word, by a crash, counts with no write of anybody's.
    """
    if "attempt" in record.body:  # it has ended
        return int(record.body["attempt"])
    count = max(0, record.takes - int(record.body["free"]))
    return count + (record.label != RUNNING and "midway" in record.body)


def verdict(record: Record, now: float) -> Ending | None:
    """What is already decided about a job that was just claimed, before it runs."""
    if record.body.get("cancel") is not None:
        return Ending("cancelled", begun=False)
    tries = int(record.body["retries"]) + 1
    if attempt(record) <= tries:
        return None
    text = (
        f"Its process was killed, or the machine stopped, before attempt {tries} of {tries} "
        "had ended."
    )
    return Ending("failed", error=Error("crashed", text, final=True), begun=False)


def settled(record: Record, ending: Ending, now: float) -> Record:
    """The record after a run that ended so. Only a running one is settled, and only once."""
    if record.label != RUNNING:
        raise Conflict(f"The job is {record.label}.", job_status=record.label)
    record = _with(record, **ending.own)
    match ending.what:
        case "succeeded":
            return _ended(record, SUCCEEDED, ending, now, result=ending.result, error=None)
        case "cancelled":
            return _ended(record, CANCELLED, ending, now)
        case "waiting":
            return _suspended(record, ending, now)
        case "continued" | "returned":
            if record.body.get("cancel") is not None:
                return _ended(record, CANCELLED, ending, now)
            if record.body.get("continued", 0) >= MOST_SLICES:
                return _failed(record, replace(ending, error=TOO_OFTEN), now)
            return _midway(record, ending, now)
        case "failed":
            return _failed(record, ending, now)


def _failed(record: Record, ending: Ending, now: float) -> Record:
    error = ending.error or Error("internal", "It failed without a reason.")
    told = {"kind": error.kind, "detail": error.detail, **error.members}
    told |= {"traceback": error.traceback} if error.traceback else {}
    if record.body.get("cancel") is not None:
        return _ended(record, CANCELLED, ending, now, error=told)
    if error.final or attempt(record) > record.body["retries"]:
        return _ended(record, FAILED, ending, now, error=told)
    after = pause(record) if error.after is None else min(error.after, FURTHEST)
    body = _apart(_past(record, ending, now, "retry")) | {"error": told}
    body["wasted"] = body.get("spent", 0.0)  # the next attempt has all its time again
    body["pause"] = round(after, 3)  # why it is not due at once; should the clock be set back
    return _moved(record, QUEUED, body, now + after)


def pause(record: Record) -> float:
    """Seconds until the next attempt: doubled each time, capped, with full jitter.

    The jitter is drawn from the job's id and attempt, so the decision is the record's alone.
    """
    tries = attempt(record)
    longest = min(LONGEST_PAUSE, float(record.body["backoff"]) * 2.0 ** min(tries - 1, 30))
    return longest * crc32(f"{record.id}/{tries}".encode()) / 2**32


def _suspended(record: Record, ending: Ending, now: float) -> Record:
    wait = ending.wait or Wait("sleep", until=now)
    if record.body.get("cancel") is not None:
        return _ended(record, CANCELLED, ending, now)
    if wait.reason == "signal" and wait.name in record.body.get("signals", {}):
        return _midway(record, ending, now)
    due = now + FURTHEST if wait.until is None else wait.until  # a signal alone may wake it
    if wait.reason == "children":
        due = now + CHILDREN_LOOK
    body = _apart(_past(record, ending, now, wait.reason))
    told = {"for": wait.reason, "name": wait.name} | ({"since": wait.since} if wait.since else {})
    body |= {"free": body["free"] + 1, "wait": told}
    return _moved(record, WAITING, body | {"midway": True}, min(due, now + FURTHEST))


def _midway(record: Record, ending: Ending, now: float) -> Record:
    """Goes on at once, as the same attempt."""
    body = _past(record, ending, now, ending.what)
    body["free"] += 1
    if ending.what == "continued":
        body["continued"] = body.get("continued", 0) + 1
    if ending.what != "returned":
        body["midway"] = True
    return _moved(record, QUEUED, body, now)


def _ended(record: Record, status: str, ending: Ending, now: float, **more: Any) -> Record:
    body = _past(record, ending, now, status) | more
    body = {name: value for name, value in body.items() if value is not None or name == "result"}
    body["finished"] = now
    body["attempt"] = attempt(record)
    if not ending.begun:  # claims that only found this out, of which there may have been some
        body["attempt"] = max(body["attempt"] - 1, int("slices" in body))
    body["attempt"] = min(body["attempt"], body["retries"] + 1)
    for done in ("wait", "signals", "midway", "parked"):
        body.pop(done, None)
    moved = _moved(record, status, _apart(body), None)
    return replace(moved, expires=now + _kept(body))


def _apart(body: Body) -> Body:
    """Of a job that gives its place in a lane back."""
    return {name: value for name, value in body.items() if name not in ("lane", "turn")}


def _kept(body: Body) -> float:
    """Seconds that an ended job stays: no less than its idempotency key is to work, and a child
    not so short that its parent may miss it, nor its callback's last attempt."""
    least = REMEMBERED if "key" in body or "parent" in body else 0.0
    return max(float(body["keep"]), CALLED_BACK if "callback_url" in body else least)


def _past(record: Record, ending: Ending, now: float, why: str) -> Body:
    """The body with this run's slice in it."""
    is_run = ending.what != "returned" and ending.begun and record.label == RUNNING
    began = now - ending.ran if is_run else now
    body = _without_lost(record, began)
    for done in ("wait", "run", "pause", *["midway"] * is_run):
        body.pop(done, None)
    if not is_run:
        return body
    body.setdefault("started", began)
    body["spent"] = body.get("spent", 0.0) + ending.ran
    _add_slice(body, began, now, why)
    return body


def _without_lost(record: Record, until: float) -> Body:
    """The body, a run before this one that ended without a word put to its past."""
    body = dict(record.body)
    takes, began = body.get("run", (record.takes, 0.0))
    if takes != record.takes:
        _add_slice(body, began, until, LOST)
    return body


def _add_slice(body: Body, began: float, ended: float, why: str) -> None:
    slices = body.get("slices", [])
    body["slices"] = [*slices[-SLICES + 1 :], [round(began, 3), round(ended, 3), why]]


def _moved(record: Record, status: str, body: Body, due: float | None) -> Record:
    if status not in MAY[record.label]:
        raise Conflict(f"The job is {record.label}.", job_status=record.label)
    return replace(record, label=status, body=body, due=due)


def _with(record: Record, **members: Any) -> Record:
    return replace(record, body=record.body | members) if members else record


# What is asked from outside, while the job may be running anywhere.


def asked_to_cancel(record: Record, now: float) -> Record:
    """Cancelled, or told to stop at its next boundary. `Conflict` once it has ended."""
    _check_open(record)
    if record.label != RUNNING:
        return _ended(record, CANCELLED, Ending("cancelled"), now)
    return record if "cancel" in record.body else _with(record, cancel=now)


def signalled(record: Record, name: str, value: Any, size: int, now: float) -> Record:
    """With a signal that its run takes by `wait_for`; one that comes early is kept until then."""
    _check_open(record)
    signals: dict[str, list[Any]] = record.body.get("signals", {})
    if size > SIGNAL_BYTES:
        raise TooLarge(f"A signal has at most {SIGNAL_BYTES:,} bytes, not {size:,}.")
    if sum(map(len, signals.values())) >= SIGNALS:
        raise Conflict(f"{SIGNALS} signals wait already to be asked for.")
    signals = signals | {name: [*signals.get(name, []), value]}
    if len(write_json(signals)) > SIGNALS_BYTES:
        raise Conflict(f"With this one, over {SIGNALS_BYTES:,} bytes of signals would wait.")
    signalled = _with(record, signals=signals)
    return woken(signalled, now) if waits_for(record, "signal", name) else signalled


def _check_open(record: Record) -> None:
    if record.label in TERMINAL:
        raise Conflict(f"The job has ended: it is {record.label}.", job_status=record.label)


def taken(record: Record, name: str) -> Record:
    """Without the signal that its run has just got."""
    signals = dict(record.body["signals"])
    if rest := signals.pop(name)[1:]:
        signals[name] = rest
    return _with(record, signals=signals)


def waits_for(record: Record, reason: str, name: str | None = None) -> bool:
    """Is it waiting, and for that?"""
    wait = record.body.get("wait", {})
    if record.label != WAITING or wait.get("for") != reason:
        return False
    return name in (None, wait["name"])


def woken(record: Record, now: float) -> Record:
    """A waiting job that has something to go on with."""
    return replace(record, label=QUEUED, due=now)


def is_fading(record: Record, now: float, lease: float) -> bool:
    """Is so much of its lease over that a sign of life has to renew it?"""
    # A lease that is too long is of a clock that was ahead: should its run die, it would linger.
    return record.due is None or not now + 0.6 * lease < record.due <= now + 1.2 * lease


def renewed(record: Record, now: float, lease: float) -> Record:
    """Still at work: the lease goes on."""
    return replace(noted(record, lease), due=now + lease)


def noted(record: Record, lease: float) -> Record:
    """With when the run under way began, by its first lease, so that a crash leaves a trace."""
    if record.body.get("run", (0, 0.0))[0] == record.takes:
        return record
    began = ran_since(record, lease)
    body = _without_lost(record, began)
    body.setdefault("started", began)
    return replace(record, body=body | {"run": [record.takes, round(began, 3)]})


def past(record: Record, lease: float) -> list[tuple[float, float, str]]:
    """Its runs that have ended, the newest of them: when each began, ended, and how."""
    body = record.body
    if record.label == RUNNING:
        body = _without_lost(record, ran_since(record, lease))
    return [(began, ended, why) for began, ended, why in body.get("slices", [])]


def ran_since(record: Record, lease: float) -> float:
    """When the run under way began: as it has noted, or else its lease is still the first."""
    takes, began = record.body.get("run", (0, 0.0))
    if takes == record.takes or record.due is None:
        return float(began or record.body["created"])
    return record.due - lease


def forsaken(record: Record, now: float) -> Record:
    """Its run is dead: due at once, in place of when the lease ends."""
    return replace(record, due=now) if record.label == RUNNING else record


def begun(record: Record, lease: float) -> float | None:
    """When it first ran; of a run under way that has not written yet, by its lease."""
    started: float | None = record.body.get("started")
    if started is None and record.label == RUNNING and record.due is not None:
        return record.due - lease
    return started
