"""A pipe by which a part learns that its supervisor is gone, however that ended."""

import os
import signal
import threading
import time
from collections.abc import Callable

LET_GO_SECONDS = 1.5  # till a part that was told to stop takes in nothing more
LEAVE_SECONDS = 9  # for it to end by itself


def hold(descriptor: int, let_go: Callable[[], None] = lambda: None) -> None:
    """From now on this process, and its whole group, leaves once its supervisor is gone.

    The supervisor alone holds the end that writes, and never writes. `let_go` is called when what
    the process still does is to end what it has begun.
    """
    os.set_inheritable(descriptor, False)
    thread = threading.Thread(target=_wait, args=(descriptor, let_go), daemon=True)
    thread.start()


def _wait(descriptor: int, let_go: Callable[[], None]) -> None:
    os.read(descriptor, 1)
    # To the main thread: only there a signal wakes what waits for one.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(LET_GO_SECONDS)
    let_go()
    time.sleep(LEAVE_SECONDS - LET_GO_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
