"""Signals as something to read, so that one `select` waits for them and for all else."""

import os
import signal
from contextlib import suppress

STOPS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """While it is open, the signals that matter to a supervisor do nothing but arrive here."""

    def __enter__(self) -> "Signals":
        self._heard, self._said = os.pipe()
        for end in (self._heard, self._said):
            os.set_blocking(end, False)
        wanted = [*STOPS, signal.SIGCHLD]
        # Under nohup a terminal that closes is to stop nothing.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, lambda *_: None) for number in wanted}
        self._woke = signal.set_wakeup_fd(self._said, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._woke)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._heard)
        os.close(self._said)

    def fileno(self) -> int:
        return self._heard

    def read(self) -> list[signal.Signals]:
        """Those that have come since."""
        with suppress(BlockingIOError):
            return [signal.Signals(number) for number in os.read(self._heard, 1024)]
        return []
