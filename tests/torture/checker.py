"""Judges a history from outside: each check tells what must not be. It shares nothing with the
engine but the words of the HTTP door.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from tests.torture.bites import missing
from tests.torture.history import TERMINAL, Effect, History, Stored

Violations = Iterator[str]

FINE = (0, 200, 201, 202, 503)  # 0: no answer. A store that is busy says so
CONFLICTS = ("/cancel", "/signals/go")  # with a job that has ended meanwhile
EARLY = 0.02  # seconds that a clock's rounding may cost
DEATH = 30.0  # seconds after a fault within which those hit by it are gone
CLOCK = ("clock ahead", "clock back")
RIGHT = 20.0  # seconds after a clock was set right, for schedules to follow it

CHECKS: list[Callable[[History], Violations]] = []


def check(function: Callable[[History], Violations]) -> Callable[[History], Violations]:
    CHECKS.append(function)
    return function


def violations(history: History) -> list[str]:
    return [f"{test.__name__}: {wrong}" for test in CHECKS for wrong in test(history)]


def verdict(history: History, wrong: list[str]) -> str:
    """green; red; or invalid, when too few faults hit work for the rest to mean anything."""
    if wrong:
        return "red"
    return "invalid" if any(missing(history)) else "green"


@check
def lost(history: History) -> Violations:
    """Every acknowledged job is there, and each that is there has ended."""
    stored = history.by_id()
    for id in {answer.id for answer in history.answers}:
        if id not in stored:
            yield f"{id} was acknowledged and is gone"
    for job in history.stored:
        if job.status not in TERMINAL:
            yield f"{job.id} never ended: it is {job.status}"


@check
def late(history: History) -> Violations:
    """Peace ends everything in time."""
    yield from (f"{name} had not ended in time" for name in history.late)


@check
def doubled(history: History) -> Violations:
    """One job for each key, always the same."""
    ids: dict[str, set[str]] = defaultdict(set)
    for key, id in [(one.key, one.id) for one in history.answers] + [
        (job.key, job.id) for job in history.stored if job.key
    ]:
        ids[key].add(id)
    yield from (f"{key} made {sorted(made)}" for key, made in ids.items() if len(made) > 1)


@check
def ghosts(history: History) -> Violations:
    """Every job was asked for, with these parameters, by a client or by a job."""
    asked = {one.key: one for one in history.asked}
    stored = history.by_id()
    for job in history.stored:
        if job.parent is not None:
            if job.parent not in stored:
                yield f"{job.id} is a child of {job.parent}, which is not there"
        elif job.schedule is not None:
            if job.schedule not in {plan.name for plan in history.planned}:
                yield f"{job.id} is of {job.schedule}, which nobody made"
        elif job.key is None or job.key not in asked:
            yield f"{job.id} was never asked for"
        elif (job.operation, job.params) != (asked[job.key].operation, asked[job.key].params):
            yield f"{job.id} is not what {job.key} asked for"


@check
def torn_batches(history: History) -> Violations:
    """A batch is there whole or not at all."""
    there = {job.key for job in history.stored}
    batches: dict[str, list[bool]] = defaultdict(list)
    for one in history.asked:
        if one.batch is not None:
            batches[one.batch].append(one.key in there)
    for name, found in batches.items():
        if any(found) and not all(found):
            yield f"of batch {name} there are {sum(found)} of {len(found)}"


@check
def changed(history: History) -> Violations:
    """Once it was seen ended, a job is the same for ever, whoever looks, and in the store."""
    first: dict[str, Any] = {}
    for seen in history.seen:
        if seen.id in first and seen.told != first[seen.id].told:
            yield (
                f"{seen.id} was {first[seen.id].told} to {first[seen.id].by}, "
                f"then {seen.told} to {seen.by}"
            )
        elif seen.status in TERMINAL:
            first.setdefault(seen.id, seen)
    stored = history.by_id()
    for id, seen in first.items():
        if id in stored and stored[id].status != seen.status:
            yield f"{id} was seen {seen.status} and is stored as {stored[id].status}"


@check
def stale(history: History) -> Violations:
    """The recorded result is that of the last claim, by an execution that really returned it."""
    executions, effects = history.executions(), history.effects_of()
    for job in history.stored:
        most = max((effect.claim for effect in effects.get(job.id, ())), default=0)
        if most > job.takes:
            yield f"{job.id} was run by claim {most} of {job.takes}"
        if job.status != "succeeded":
            continue
        for told in job.result if isinstance(job.result, list) else [job.result]:
            lines = executions.get(told["execution"], [])
            if not lines or lines[-1].what != "returned" or lines[0].claim != told["claim"]:
                yield f"{job.id} has a result of {told['execution']}, which never returned it"
            if told["claim"] not in (job.takes, 0):
                yield f"{job.id} has a result of claim {told['claim']}, fenced off by {job.takes}"


@check
def wrong_values(history: History) -> Violations:
    """Sums are exact, maps complete and in order, signals somebody's."""
    sent = defaultdict(list)
    for id, value, _ in history.signals:
        sent[id].append(value)
    for job in history.stored:
        if job.status == "succeeded":
            results = job.result if isinstance(job.params, list) else [job.result]
            params = job.params if isinstance(job.params, list) else [job.params]
            for given, told in zip(params, results, strict=True):
                kind = job.operation.partition(".")[2]
                if not EXPECTED[kind](given, told["value"], sent[job.id]):
                    yield f"{job.id}: {job.operation} of {given} gave {told['value']}"


EXPECTED: dict[str, Callable[[Any, Any, list[Any]], bool]] = {
    "plain": lambda given, value, _: value == 2 * given["number"],
    "add": lambda given, value, _: value == [len(given["numbers"]), sum(given["numbers"])],
    "steps": lambda given, value, _: [*value] == [f"s{n}" for n in range(given["count"])],
    "tick": lambda given, value, _: value == "tick",
    "nap": lambda *_: True,
    "square": lambda given, value, _: value == given["number"] ** 2,
    "map": lambda given, value, _: value == [n * n for n in given["numbers"]],
    "signal": lambda given, value, sent: value in sent,
    "refuse": lambda *_: False,
    "doom": lambda *_: False,
}
EXPECTED |= dict.fromkeys(("crash", "fail"), EXPECTED["steps"])


@check
def woken_early(history: History) -> Violations:
    """Naps are long enough, by a clock that nobody has set meanwhile."""
    for job in history.stored:
        if job.operation == "torture.nap" and job.status == "succeeded":
            began, woke = job.result["value"]
            short = woke - began < job.params["seconds"] - EARLY
            if short and not any(a <= woke and b >= began for a, b in _wrong_clocks(history)):
                yield f"{job.id} slept {woke - began:.3f} s of {job.params['seconds']:g} s"


def _wrong_clocks(history: History) -> list[tuple[float, float]]:
    return [(one.at, one.until) for one in history.faults if one.kind in CLOCK]


@check
def forgotten_steps(history: History) -> Violations:
    """What a step gave is remembered once: in the journal, in the result, for each later run."""
    effects = history.effects_of()
    for job in history.stored:
        lines = effects.get(job.id, [])
        for name, value in job.steps.items():
            if isinstance(value, dict):
                yield from _wrong_step(job, name, value, lines)


def _wrong_step(job: Stored, name: str, value: Any, lines: list[Effect]) -> Violations:
    mine = [line for line in lines if line.name == name]
    if any(line.what == "kept" and line.value != value["number"] for line in mine):
        yield f"{job.id} gave {name} different values"
    if not any(
        (line.what, line.execution, line.value) == ("step", value["by"], value["number"])
        for line in mine
    ):
        yield f"{job.id} remembers a {name} that never ran"
    if again := [line for line in mine if line.what == "step" and line.claim > value["claim"]]:
        yield f"{job.id} ran {name} again, by claim {again[0].claim}, after it was remembered"
    if job.status == "succeeded" and job.result["value"].get(name) != value:
        yield f"{job.id} has a result that does not agree with its {name}"


@check
def skipped(history: History) -> Violations:
    """What succeeded has done all of it: each item and each step has left its line."""
    effects = history.effects_of()
    for job in history.stored:
        if job.status != "succeeded" or isinstance(job.params, list):
            continue
        did = {(line.what, line.name) for line in effects.get(job.id, ())}
        items = {("item", str(place)) for place in range(len(job.params.get("numbers", ())))}
        todo = items if job.operation == "torture.add" else set()
        todo |= {("step", f"s{n}") for n in range(job.params.get("count", 0))}
        if missing := todo - did:
            yield f"{job.id} succeeded without {sorted(missing)}"


@check
def broken_maps(history: History) -> Violations:
    """A map that succeeded has its children, each once, each succeeded; others' have an end."""
    stored, children = history.by_id(), defaultdict(list)
    for job in history.stored:
        if job.parent is not None:
            children[job.parent].append(job)
    for id, found in children.items():
        parent = stored.get(id)
        if any(child.status not in TERMINAL for child in found):
            yield f"children of {id} never ended"
        if parent is None or parent.status != "succeeded":
            continue
        wanted = -(-len(parent.params["numbers"]) // parent.params["batch"])
        if sorted(child.index or 0 for child in found) != [*range(wanted)]:
            yield f"{id} has the children {sorted(child.index or 0 for child in found)}"
        if any(child.status != "succeeded" for child in found):
            yield f"{id} succeeded, and a child of it did not"


@check
def unbounded(history: History) -> Violations:
    """No more attempts than were allowed."""
    effects = history.effects_of()
    for job in history.stored:
        # The claim that finds them used up, and runs nothing, counts as one.
        if job.attempt > job.retries + 1 + (job.status == "failed"):
            yield f"{job.id} had attempt {job.attempt} of {job.retries + 1}"
        begun = sum(effect.what == "begin" for effect in effects.get(job.id, ()))
        if job.operation == "torture.doom" and begun > job.retries + 1:
            yield f"{job.id} was begun {begun} times, and {job.retries + 1} were allowed"


@check
def wrong_endings(history: History) -> Violations:
    """What fails is what must; what is cancelled was asked to be, and stays so."""
    asked = {id for id, _ in history.cancels}
    told = {id for id, status in history.cancels if status == "cancelled"}
    stored = history.by_id()
    for job in history.stored:
        kind = job.operation.partition(".")[2]
        must = {"refuse": "refused", "doom": "crashed"}.get(kind)
        error = (job.error or {}).get("kind")
        if job.status == "failed" and (must is None or error != must):
            yield f"{job.id}, {job.operation}, failed: {job.error}"
        parent = stored.get(job.parent or "")
        orphan = parent is not None and parent.status != "succeeded"
        if job.status == "cancelled" and job.id not in asked and not orphan:
            yield f"{job.id} was cancelled by nobody"
        if job.id in told and job.status != "cancelled":
            yield f"{job.id} was told to be cancelled, and is {job.status}"


@check
def wrong_answers(history: History) -> Violations:
    """No answer but those that the situation allows."""
    wrong = Counter(
        (request.what if request.what.count("/") < 4 else request.what.split("/")[-1], one)
        for request in history.requests
        if (one := request.status) not in FINE
        and not (one == 409 and request.what.endswith(CONFLICTS))
    )
    yield from (f"{times} × {status} to {what}" for (what, status), times in wrong.items())


@check
def unexplained_deaths(history: History) -> Violations:
    """Whatever began has ended by itself, or by a fault, or by a wish to cancel it."""
    cancelled = {id for id, _ in history.cancels}
    hit: dict[int, list[float]] = defaultdict(list)
    for fault in history.faults:
        for pid in fault.pids:
            hit[pid].append(fault.at)
    for name, lines in history.executions().items():
        first, last = lines[0], lines[-1]
        if last.what in ("returned", "left", "crash") or first.job in cancelled:
            continue
        if not any(first.at - DEATH < at and last.at < at + DEATH for at in hit[first.pid]):
            yield f"{name} of {first.job} ended at {last.what} {last.name}, and no fault hit it"


@check
def unexplained_runs(history: History) -> Violations:
    """Nothing runs twice at once, unless the first one, or its hold on the job, was hit."""
    hit: dict[int, list[float]] = defaultdict(list)
    for fault in history.faults:
        for pid in fault.pids:
            hit[pid] += [fault.at, fault.until]
    runs: dict[str, list[list[Effect]]] = defaultdict(list)
    for lines in history.executions().values():
        if lines[0].claim:  # a plain function does not know of its claim, nor of its item
            runs[lines[0].job].append(lines)
    for id, found in runs.items():
        found.sort(key=lambda lines: lines[0].at)
        for one, other in combinations(found, 2):
            begun, again = one[0], other[0]
            if one[-1].at > again.at and not any(
                begun.at - DEATH < at < again.at + EARLY for at in hit[begun.pid]
            ):
                yield f"{id} was run by claim {again.claim} while {begun.claim} ran, without need"


@check
def schedules(history: History) -> Violations:
    """One job for each due time, and none is missed that is owed, but by a clock that was wrong."""
    wrong = [(at - 1, until + RIGHT) for at, until in _wrong_clocks(history)]
    for plan in history.planned:
        made = Counter(round(job.due, 3) for job in history.stored if job.schedule == plan.name)
        yield from (f"{plan.name} made {n} jobs for {due}" for due, n in made.items() if n > 1)
        dues = sorted(made)
        if not dues:
            yield f"{plan.name} never made a job"
        elif off := [due for due in dues if (due - dues[0]) % plan.every]:
            yield f"{plan.name} made jobs for {off[:3]}, which are no due times"
        elif plan.catch_up == "all":
            count = int((plan.seen - dues[0]) / plan.every)
            for due in (dues[0] + n * plan.every for n in range(count)):
                if due not in made and not any(a <= due <= b for a, b in wrong):
                    yield f"{plan.name} made no job for {due}"


@check
def troubles(history: History) -> Violations:
    """The service as a whole starts, stops and keeps its file."""
    yield from history.troubles
    if history.integrity != "ok":
        yield f"integrity_check: {history.integrity}"
