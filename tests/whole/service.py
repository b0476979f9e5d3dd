"""The real service as a process of its own, for tests that stand outside."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Service:
    process: subprocess.Popen[str]
    address: str  # host and port
    data: Path
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def processes(self) -> list[int]:
        """Its supervisor first, then all that this started, and what those did."""
        return [self.process.pid, *_descendants(self.process.pid)]


@contextmanager
def running(
    data: Path, workers: int = 1, web: int = 1, options: tuple[str, ...] = (), **settings: str
) -> Iterator[Service]:
    """`python -m app up` on a free port, with a store of its own; stopped at the end.

    `options` come last, so that they may name another port.
    """
    clean = {name: value for name, value in os.environ.items() if "MANYDOORS" not in name}
    environ = clean | {"MANYDOORS_DATA": str(data), "PYTHONPATH": str(ROOT)} | settings
    log = (data.parent / f"{data.name}.log").open("w")
    counts = ["--workers", str(workers), "--web", str(web)]
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "up", "--port", "0", *counts, *options],
        stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=environ,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://(\S+)", said)
        assert found, f"it said {said!r}, and {Path(log.name).read_text()}"
        yield Service(process, found[1], data, environ)
    finally:
        process.terminate()
        process.wait(timeout=20)
        log.close()
        if process.stdout:
            process.stdout.close()


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)
