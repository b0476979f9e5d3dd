"""Operations for a service in need."""

import time

from app import Run, operation


@operation("patient", long=True, retries=20, backoff="100ms")
def patient(run: Run, seconds: float) -> str:
    """Take steps for so long."""
    for n in range(int(seconds * 10)):
        run.step(f"s{n}", time.sleep, 0.1)
    return "done"


@operation("quick")
def quick() -> str:
    """Answer."""
    return "at once"
