"""Programs that a benchmark starts: each a group of its own, ended with all its children."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 5


@contextmanager
def running(
    commands: Sequence[Sequence[str]], log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """All of `commands` at once, what they say appended to `log`."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        with log.open("ab") as said:
            for command in commands:
                started.append(_start(command, said.fileno(), environ or {}))  # noqa: PERF401 (what was started is ended even if the next cannot start)
        yield started
    finally:
        for process in started:
            _signal(process, signal.SIGTERM)
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
            _signal(process, signal.SIGKILL)
            process.wait()


def end_on_sigterm() -> None:
    """Leave by an exception, so that what was started is ended too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def _start(command: Sequence[str], log: int, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        start_new_session=True,
    )


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
