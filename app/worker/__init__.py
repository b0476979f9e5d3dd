"""Runs jobs."""

import signal
import threading

from app.config import Settings


def work(settings: Settings) -> None:
    """Runs jobs until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    stopped.wait()
