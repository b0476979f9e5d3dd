"""Google's own server as a process of its own, with one function."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.handlers.gateways import KEY, SHOWN

ROOT = Path(__file__).parents[2]
DEADLINE = 20.0  # seconds, for the server to answer and to end


@contextmanager
def deployed(
    source: str, folder: Path, target: str = "gcp_entry_point", **environ: str
) -> Iterator[httpx.Client]:
    """`functions-framework` on a free port of this machine; its log is `folder`/log."""
    port = _free_port()
    clean = {name: value for name, value in os.environ.items() if "MANYDOORS" not in name}
    log = (folder / "log").open("a")
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", "from functions_framework._cli import _cli; _cli()",
         "--source", str(ROOT / source), "--target", target,
         "--host", "127.0.0.1", "--port", str(port)],
        stdout=log, stderr=log, cwd=folder, env=clean | {"MANYDOORS_ADMIN_KEY": KEY} | environ,
    )  # fmt: skip
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE, headers=SHOWN
        ) as client:
            _wait_until_ready(client, process, folder / "log")
            yield client
    finally:
        process.terminate()
        try:
            process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            client.get("/robots.txt")  # the framework answers that itself
        except httpx.TransportError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        else:
            return
