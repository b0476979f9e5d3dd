"""The peers: an environment of their own with pinned versions, a Redis where one is needed."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.jobs.processes import ROOT, running

PINS = ROOT / "bench" / "peers.txt"
LOCK = ROOT / "bench" / "peers.lock"
HOME = ROOT / "build" / "peers"
REDIS = "redis-server"
START_SECONDS = 10
PEER_SECONDS = 1800

Figures = dict[str, float | str | list[float]]


@dataclass(frozen=True)
class Peer:
    name: str
    module: str
    package: str
    fsync: str | None = None  # of the Redis that it is on
    durable: bool = True  # may no job that was accepted be lost by a power cut, one that runs too?


PEERS = (
    Peer("Huey on SQLite, fsync", "on_huey", "huey", durable=False),  # it keeps none that runs
    Peer("Celery on Redis", "on_celery", "celery", "always"),
    Peer("Celery on Redis, less durable", "on_celery", "celery", "everysec", durable=False),
    Peer("RQ on Redis", "on_rq", "rq", "always"),
    Peer("DBOS on SQLite", "on_dbos", "dbos"),
)


class Missing(Exception):
    """What a peer needs is not on this machine."""


def install() -> None:
    """Make the environment anew when its pins have changed."""
    stamp = HOME / LOCK.name
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return
    print(f"installing {LOCK.relative_to(ROOT)} into {HOME.relative_to(ROOT)}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=True)
    quiet = ("-qq", "--disable-pip-version-check", "--no-input")
    command = (str(_python()), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(LOCK))
    subprocess.run(command, check=True)
    shutil.copy(LOCK, stamp)


def version(peer: Peer) -> str:
    pins = dict(line.split("==") for line in PINS.read_text().splitlines() if "==" in line)
    return pins[peer.package]


def figures(peer: Peer, folder: Path, jobs: int, samples: int) -> Figures:
    """One round of `peer`, all its data in `folder`; Missing where it can't run here."""
    environ = {"BENCH_FOLDER": str(folder)}
    with _redis(folder, peer.fsync) if peer.fsync else nullcontext("") as url:
        command = (str(_python()), "-m", "bench.jobs.peer", peer.module, str(jobs), str(samples))
        with running([command], folder / "peer.log", environ | {"BENCH_REDIS": url}) as started:
            code = started[0].wait(timeout=PEER_SECONDS)
    if code:
        raise RuntimeError(f"{peer.name} failed:\n{_end_of(folder / 'peer.log')}")
    found: Figures = json.loads((folder / "figures.json").read_text())
    if peer.fsync and f"appendfsync={peer.fsync}" not in str(found["durability"]):
        raise RuntimeError(f"{peer.name} ran on a Redis with {found['durability']}")
    return found


@contextmanager
def _redis(folder: Path, fsync: str) -> Iterator[str]:
    """The address of a Redis of this bench alone, which keeps its file in `folder`."""
    if not shutil.which(REDIS):
        raise Missing(f"{REDIS} is not installed: apt-get install {REDIS}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
    how = ("--appendonly", "yes", "--appendfsync", fsync, "--save", "")
    with running([(REDIS, *where, *how)], folder / "redis.log"):
        _until_open(port)
        yield f"redis://127.0.0.1:{port}"


def _until_open(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{REDIS} did not open its port")


def _python() -> Path:
    return HOME / "bin" / "python"


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
