"""What a run was, as a table."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from statistics import median

from tests.torture.bites import bit, missing
from tests.torture.history import Fault, History


def show(history: History) -> None:
    print(f"{'fault':24}{'times':>6}{'bitten':>8}   job goes on after (median, longest)")
    kinds: dict[str, list[Fault]] = defaultdict(list)
    for fault in history.faults:
        kinds[fault.kind].append(fault)
    for kind, faults in sorted(kinds.items()):
        bitten = sum(bit(history, fault) for fault in faults)
        waits = [wait for fault in faults for wait in recoveries(history, fault)]
        told = f"{median(waits):6.2f} s {max(waits):6.2f} s" if waits else ""
        print(f"{kind:24}{len(faults):6}{bitten:8}   {told}")
    bitten = sum(bit(history, fault) for fault in history.faults)
    print(f"{'all':24}{len(history.faults):6}{bitten:8}\n")
    for lack in missing(history):
        print(f"?? {lack}")
    _show_jobs(history)
    _show_work(history)
    for plan in history.planned:
        made = sum(job.schedule == plan.name for job in history.stored)
        print(f"{plan.name} (catch_up {plan.catch_up}): {made} jobs")
    print()


def log(history: History) -> None:
    """Each fault, and whom it hit."""
    for fault in history.faults:
        hit = ", ".join(lines[0].job for lines in history.hit_by(fault))
        broken = len(history.broken_by(fault))
        after = fault.at - history.requests[0].began
        print(f"{after:8.2f} s  {fault.kind:24}{broken:3} exchanges broken; hit {hit or 'no job'}")


def recoveries(history: History, fault: Fault) -> Iterator[float]:
    """Seconds until each job that was hit was taken up again."""
    effects = history.effects_of()
    for lines in history.hit_by(fault):
        after = [
            effect.at - fault.at
            for effect in effects[lines[0].job]
            if effect.at > fault.at and effect.execution != lines[0].execution
        ]
        if after:
            yield min(after)


def _show_jobs(history: History) -> None:
    endings = Counter((job.operation, job.status) for job in history.stored)
    statuses = sorted({status for _, status in endings})
    print(f"{'jobs':24}" + "".join(f"{status:>12}" for status in statuses))
    for name in sorted({operation for operation, _ in endings}):
        print(f"{name:24}" + "".join(f"{endings[name, status]:12}" for status in statuses))
    answered = len({answer.key for answer in history.answers})
    silent = {one.key for one in history.asked} - {answer.key for answer in history.answers}
    recovered = len(silent & {job.key for job in history.stored})
    print(
        f"{len(history.asked)} asked for, {answered} acknowledged; of the {len(silent)} others "
        f"{recovered} are there"
    )


def _show_work(history: History) -> None:
    steps = Counter((line.job, line.name) for line in history.effects if line.what == "step")
    items = Counter((line.job, line.name) for line in history.effects if line.what == "item")
    told = Counter(lines[-1].what for lines in history.executions().values())
    died = sum(told.values()) - told["returned"] - told["left"] - told["crash"]
    for what, done in (("steps", steps), ("items", items)):
        print(f"{len(done)} {what}, {sum(done.values()) - len(done)} of them run again")
    print(f"{sum(told.values())} runs: {told['crash']} crashed by themselves, {died} by faults")
    dropped = sum(one.dropped for one in history.requests)
    broken = sum(not one.status and not one.dropped for one in history.requests)
    busy = sum(one.status == 503 for one in history.requests)
    print(
        f"{len(history.requests)} requests: {dropped} answers dropped, {broken} broken, "
        f"{busy} times unavailable, longest silence {silence(history):.1f} s"
    )


def silence(history: History) -> float:
    """The longest time in which nobody got an answer."""
    moments = sorted(one.ended for one in history.requests if one.status)
    return max((b - a for a, b in pairwise(moments)), default=0.0)
