"""A part of the service, and each process that is it for a while."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

TRY_AGAIN = 75  # the exit code of a part that could not start this time; EX_TEMPFAIL of sysexits
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
SETTLED_SECONDS = 10  # whoever lived so long did not die of its start


@dataclass(frozen=True)
class Part:
    """`argv` is what follows `python -m app`; `descriptors` are open in its process too."""

    name: str
    argv: tuple[str, ...]
    descriptors: tuple[int, ...] = ()
    answers: bool = False  # and says so, by its URL on the descriptor that --ready names


class Process:
    """A part's process, in a session of its own: a terminal's Ctrl-C reaches `up` alone."""

    def __init__(self, part: Part, environ: Mapping[str, str], began: float) -> None:
        self.part, self.began = part, began
        self.leaves_by: float | None = None  # once it has been told to stop
        self.heard, said = os.pipe()  # of the part's URL
        ready = ("--ready", str(said)) if part.answers else ()
        try:
            self._popen = subprocess.Popen(  # noqa: S603  # this program, with its own options
                [sys.executable, "-m", "app", *part.argv, *ready],
                stdin=subprocess.DEVNULL,
                env=environ,
                pass_fds=(*part.descriptors, said) if ready else part.descriptors,
                start_new_session=True,
            )
        except OSError:
            os.close(self.heard)
            raise
        finally:
            os.close(said)

    @property
    def pid(self) -> int:
        return self._popen.pid

    def stop(self, leaves_by: float) -> None:
        if self.leaves_by is None:
            self.leaves_by = leaves_by
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        self.signal_group(signal.SIGKILL)

    def bury(self, code: int) -> None:
        """It has ended, and has been waited for."""
        self._popen.returncode = code
        os.close(self.heard)

    def signal_group(self, number: signal.Signals) -> None:
        """To it and to what it has started; to what it left behind, when it has ended."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class Patience:
    """How long to wait before a part that dies again and again is started again."""

    def __init__(self) -> None:
        self._deaths = 0

    def pause(self, lived: float) -> float:
        """None after the first death; then twice as long each time, while it dies young."""
        self._deaths = 1 if lived >= SETTLED_SECONDS else self._deaths + 1
        if self._deaths == 1:
            return 0.0
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._deaths - 2, 10))


def told(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
