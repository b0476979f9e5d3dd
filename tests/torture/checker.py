"""Judges a history from outside: each check tells what must not be. It shares nothing with the
engine but the words of the HTTP door.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tests.torture.history import TERMINAL, Effect, Fault, History, Stored

Violations = Iterator[str]

FINE = (0, 200, 202, 503)  # 0: no answer. A store that is busy says so
CONFLICTS = ("/cancel", "/signals/go")  # with a job that has ended meanwhile
BITTEN = 0.25  # of the faults must have hit work, or the run proves nothing
EARLY = 0.02  # seconds that a clock's rounding may cost
DEATH = 30.0  # seconds after a fault within which those hit by it are gone

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
    bitten = sum(bit(history, fault) for fault in history.faults)
    if not bitten or bitten < BITTEN * len(history.faults) or not history.answers:
        return "invalid"
    return "green"


def bit(history: History, fault: Fault) -> bool:
    """Did it hit a job that ran, or an exchange that came to nothing by it?"""
    by_web = "web" in fault.kind or fault.kind.endswith((" all", " supervisor"))
    return any(history.hit_by(fault)) or (by_web and bool(history.broken_by(fault)))


@check
def lost(history: History) -> Violations:
    """Every acknowledged job is there, and has ended."""
    stored = history.by_id()
    for id in {answer.id for answer in history.answers}:
        if id not in stored:
            yield f"{id} was acknowledged and is gone"
        elif stored[id].status not in TERMINAL:
            yield f"{id} never ended: it is {stored[id].status}"


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
    """Sums are exact, maps complete and in order, naps long enough, signals somebody's."""
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
    "nap": lambda given, value, _: value[1] - value[0] >= given["seconds"] - EARLY,
    "square": lambda given, value, _: value == given["number"] ** 2,
    "map": lambda given, value, _: value == [n * n for n in given["numbers"]],
    "signal": lambda given, value, sent: value in sent,
    "refuse": lambda *_: False,
    "doom": lambda *_: False,
}
EXPECTED |= dict.fromkeys(("crash", "fail"), EXPECTED["steps"])


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
def troubles(history: History) -> Violations:
    """The service as a whole starts, stops and keeps its file."""
    yield from history.troubles
    if history.integrity != "ok":
        yield f"integrity_check: {history.integrity}"
