"""Operations that start others, or leave something behind in their process."""

import ctypes
import faulthandler
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.whole.nasty import MB, declare, nasty

__all__ = ["declare"]  # of both modules


@nasty(retries=0)
def child_returns() -> str:
    """Fork, and let the child come back too."""
    if (child := os.fork()) == 0:
        return "child"
    os.waitpid(child, 0)
    return "parent"


@nasty(retries=0)
def child_lives_on() -> int:
    """Leave a child that holds what it inherited."""
    if (child := os.fork()) == 0:
        time.sleep(60)
        os._exit(0)
    return child


@nasty()
def child_survives_crash() -> None:
    """Leave a child, and crash."""
    if (child := os.fork()) == 0:
        time.sleep(60)
        os._exit(0)
    Path("child").write_text(str(child))
    ctypes.string_at(0)


@nasty(retries=0)
def daemon() -> int:
    """Leave a child with a session of its own."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        os.write(write, str(os.getpid()).encode())
        time.sleep(60)
        os._exit(0)
    return int(os.read(read, 20))


@nasty(retries=0)
def pool() -> list[int]:
    """Have others compute, and end them."""
    with multiprocessing.get_context("fork").Pool(2) as workers:
        return workers.map(abs, [-1, -2])


@nasty(retries=0)
def ends_a_program() -> int:
    """Start a program, and end it politely."""
    program = subprocess.Popen(["sleep", "60"])
    program.terminate()
    return program.wait(timeout=5)


@nasty(retries=0)
def thread_lives_on() -> int:
    """Leave a thread that speaks now and then."""

    def speak() -> None:
        for n in range(100):
            print("still here", n)
            time.sleep(0.05)

    threading.Thread(target=speak).start()
    return 1


@nasty(retries=0)
def floods_print() -> int:
    """Print a gigabyte."""
    line = "y" * 10 * MB
    for _ in range(100):
        print(line)
    return 1


@nasty(retries=0)
def floods_output() -> int:
    """Write a gigabyte past Python."""
    piece = b"x" * MB
    for _ in range(1000):
        left = piece
        while left:
            left = left[os.write(1, left) :]
    return 1


@nasty(retries=0, timeout="2s")
def floods_for_ever() -> None:
    """Write without end."""
    while True:
        os.write(1, b"x" * MB)


@nasty(retries=0)
def writes_past_python() -> int:
    """Write as C code does."""
    os.write(1, b"by descriptor\n")
    subprocess.run(["echo", "by a program"], check=True)
    return 1


@nasty(retries=0)
def reads_input() -> str:
    """Ask a person who is not there."""
    return sys.stdin.readline() if sys.stdin else ""


@nasty(retries=0)
def closes_output() -> int:
    """Close its standard output and error."""
    os.close(1)
    os.close(2)
    return 1


@nasty(retries=0)
def turns_around() -> int:
    """Change all that it can of its process."""
    os.chdir("/")
    os.environ.clear()
    os.environ["PATH"] = "nowhere"
    signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
    signal.signal(signal.SIGALRM, lambda *_: os._exit(9))
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    sys.setrecursionlimit(300)
    os.umask(0o777)
    logging.getLogger().handlers.clear()
    logging.disable()
    faulthandler.disable()
    return 1


@nasty(retries=0)
def logs_badly() -> int:
    """Log what does not fit its format."""
    logging.getLogger("nasty").error("%d of %s", "one")
    logging.getLogger("nasty").error("then this")
    return 1
