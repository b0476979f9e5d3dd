"""Ports for tests of what stands on them: a clock moved by hand, a queue that tells nobody."""

from dataclasses import dataclass

from app.ports import Hint


@dataclass
class HandClock:
    """Stands still until it is moved; who sleeps moves it."""

    time: float = 1_700_000_000.0
    ahead: float = 0.0  # of the time of day, which may be set

    def now(self) -> float:
        return self.time + self.ahead

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(0.0, seconds)


class Silent:
    """A queue that loses every hint, as any may."""

    def ring(self, *hints: Hint) -> None:
        pass
