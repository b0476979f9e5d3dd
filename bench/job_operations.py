"""The operations that bench.jobs runs: MANYDOORS_OPERATIONS=bench.job_operations."""

from app import Run, operation


@operation("bench.nothing", long=True)
def nothing() -> bool:
    """Do nothing, durably."""
    return True


@operation("bench.steps", long=True, timeout="10m")
def steps(run: Run, n: int) -> int:
    """Take `n` durable steps."""
    return sum(run.step("step", same, number) for number in range(n))


def same(number: int) -> int:
    return number
