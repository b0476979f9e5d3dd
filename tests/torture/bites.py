"""Did a fault hit work that was under way? Faults that hit nothing prove nothing."""

from collections.abc import Iterator

from tests.torture.history import Fault, History

BITTEN = 0.25  # of the faults must have hit work, or the run proves nothing
FOLLOWING = 5.0  # seconds after a fault in which a schedule comes due that misses its clock


def bit(history: History, fault: Fault) -> bool:
    """A job that ran, an exchange under way, a write that was refused, a schedule's due time."""
    if fault.kind in ("kill web", "kill web worker"):
        return any(one.began <= fault.at <= one.ended for one in history.requests)
    if fault.kind.endswith("full disk"):
        return any(
            one.status == 503 and fault.at <= one.ended and one.began <= fault.until
            for one in history.requests
        )
    if fault.kind == "kill clock":
        dues = [job.due - fault.at for job in history.stored if job.schedule]
        return any(0 <= due <= FOLLOWING for due in dues)
    return any(history.hit_by(fault)) or bool(history.broken_by(fault))


def missing(history: History) -> Iterator[str]:
    """What a run lacks for its verdict to mean anything."""
    bitten = [fault.kind for fault in history.faults if bit(history, fault)]
    if not bitten or len(bitten) < BITTEN * len(history.faults):
        yield f"only {len(bitten)} of {len(history.faults)} faults hit work"
    for kind in history.kinds:
        if kind not in bitten:
            yield f"no {kind!r} hit work"
    if not history.answers:
        yield "no job was acknowledged"
