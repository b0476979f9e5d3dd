"""What a job may change of the process that it runs in: the next one finds it as it was."""

import logging
import os
import signal
import sys

CAUGHT = tuple(
    getattr(signal, name)
    for name in "SIGALRM SIGCHLD SIGHUP SIGINT SIGPIPE SIGPROF SIGQUIT SIGTERM SIGUSR1 SIGUSR2 "
    "SIGVTALRM SIGXCPU SIGXFSZ".split()
)
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class Surroundings:
    """As they are when this is made."""

    def __init__(self) -> None:
        self._home = os.open(".", os.O_RDONLY)
        self._environ = dict(os.environ)
        self._handlers = {number: signal.getsignal(number) for number in CAUGHT}
        self._recursion = sys.getrecursionlimit()
        self._streams = sys.stdin, sys.stdout, sys.stderr
        root = logging.getLogger()
        self._logging = root.level, list(root.handlers), logging.root.manager.disable
        self._umask = os.umask(0)
        os.umask(self._umask)

    def restore(self) -> None:
        os.fchdir(self._home)
        os.umask(self._umask)
        if os.environ != self._environ:
            os.environ.clear()
            os.environ.update(self._environ)
        sys.stdin, sys.stdout, sys.stderr = self._streams
        sys.setrecursionlimit(self._recursion)
        self._restore_signals()
        self._restore_logging()

    def _restore_signals(self) -> None:
        for timer in TIMERS:  # first, for without a handler a signal ends the process
            signal.setitimer(timer, 0)
        for number, handler in self._handlers.items():
            if signal.getsignal(number) is not handler and handler is not None:
                signal.signal(number, handler)

    def _restore_logging(self) -> None:
        root = logging.getLogger()
        level, handlers, disabled = self._logging
        if root.handlers != handlers:
            root.handlers[:] = handlers
        if root.level != level:
            root.setLevel(level)
        if root.manager.disable != disabled:
            logging.disable(disabled)
