"""A pipe by which a part learns that its supervisor is gone, however that ended."""

import os
import signal
import threading
import time
from collections.abc import Callable

LEAVE_SECONDS = 9  # for a part to end by itself, once told to stop


def hold(descriptor: int, let_go: Callable[[], None] = lambda: None) -> None:
    """From now on this process, and its whole group, leaves once its supervisor is gone.

    The supervisor alone holds the end that writes, and never writes. `let_go` is called first.
    """
    os.set_inheritable(descriptor, False)
    thread = threading.Thread(target=_wait, args=(descriptor, let_go), daemon=True)
    thread.start()


def _wait(descriptor: int, let_go: Callable[[], None]) -> None:
    os.read(descriptor, 1)
    let_go()
    # To the main thread: only there a signal wakes what waits for one.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    time.sleep(LEAVE_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
