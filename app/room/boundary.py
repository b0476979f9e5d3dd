"""Where a run may stop: whether it must is asked here, at each step, item, sleep and wait."""

from collections.abc import Callable
from threading import Event
from typing import Literal, NoReturn

from app.ports import Clock
from app.room.duration import FOREVER as FOREVER
from app.room.job import Wait
from app.room.notes import Notes


class Suspended(BaseException):
    """The run has to wait. No `except Exception` of the function's stops it."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(wait.reason)
        self.wait = wait


class Stopped(BaseException):
    """The run ends at a boundary: `cancelled`, or `continued` later."""

    def __init__(self, what: Literal["cancelled", "continued"]) -> None:
        super().__init__(what)
        self.what = what


def _unwatched(moment: str, name: str) -> None:
    """Nobody looks on."""


class Control:
    """What whoever hosts a run tells it from beside, from any thread."""

    def __init__(
        self, until: float = FOREVER, watch: Callable[[str, str], None] = _unwatched
    ) -> None:
        """`until`: when the slice ends, by the monotonic clock. `watch` sees each step, and each
        item of a loop by the loop's note, begin and end: ("begin", its name)."""
        self.until = until
        self.watch = watch
        self.cancelled = Event()
        self.stop = Event()


class Boundary:
    """One run's."""

    def __init__(self, notes: Notes, control: Control, clock: Clock) -> None:
        self._notes, self._control, self._clock = notes, control, clock
        self.parting: BaseException | None = None

    @property
    def remaining(self) -> float:
        return max(0.0, self._control.until - self._clock.monotonic())

    @property
    def cancelled(self) -> bool:
        return self._control.cancelled.is_set() or "cancel" in self._notes.record.body

    def check(self) -> None:
        """Ends the run here if it was asked to stop, or its slice is over.

        A run that has come no further than the one before it goes on beyond its slice, for the
        next would come no further either.
        """
        if self.cancelled:
            self._part(Stopped("cancelled"))
        is_over = self.remaining <= 0 and self._notes.journal.advanced
        if self._control.stop.is_set() or is_over:
            self._part(Stopped("continued"))

    def suspend(self, wait: Wait) -> NoReturn:
        self._part(Suspended(wait))

    def _part(self, parting: Suspended | Stopped) -> NoReturn:
        self.parting = parting
        raise parting
