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


@operation("bench.many", long=True, timeout="1h")
def many(run: Run, n: int, batch: int = 1) -> int:
    """Run `n` jobs and add up what they give."""
    return sum(run.map("bench.one", [{"number": number} for number in range(n)], batch=batch))


@operation("bench.one")
def one(number: int) -> int:
    """Give it back."""
    return number
