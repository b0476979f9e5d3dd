"""What an event costs a warm function beside others: python -m bench.warm [--rounds 15]

CPU time of one validated call, by the same event of API Gateway, each in a process of its own; the
rows take turns. None logs, but for one row of ours. The last three have a WSGI application that
does nothing: first called by itself, so that what the others take beyond it is the way from an
event to an application and back.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.on_lambda import events
from tests.engines.environment import installed

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "lambda_peers.lock"
CALLS = 300
MOST_OF_POWERTOOLS = 0.7


@dataclass
class Row:
    name: str
    module: str
    event: dict[str, Any]
    ours: str = ""  # for who runs in our environment, the least level that it logs
    times: list[float] = field(default_factory=list)

    @property
    def micros(self) -> float:
        return median(self.times) * 1e6


def rows() -> list[Row]:
    """As `show` wants them."""
    theirs, routed = events.call(events.THEIRS), events.call(events.THEIRS, events.THEIRS)
    return [
        Row("hand-written for this call alone", "hand_written", theirs),
        Row("AWS Lambda Powertools' resolver, pydantic", "on_powertools", theirs),
        Row("Manydoors", "handlers", events.call(events.OURS), ours="WARNING"),
        Row("Manydoors, with its log line", "handlers", events.call(events.OURS), ours="INFO"),
        Row("Chalice, marshmallow", "on_chalice", routed),
        Row("Mangum, FastAPI, pydantic", "on_mangum", theirs),
        Row("Zappa's handler, flask-restx, marshmallow", "on_zappa", theirs, ours="WARNING"),
        Row("a WSGI application that does nothing", "by_nobody", theirs),
        Row("apig-wsgi, the same nothing behind it", "on_apig_wsgi", theirs),
        Row("Manydoors, the same nothing behind it", "by_our_wsgi", theirs, ours="WARNING"),
    ]


def require(found: Any, reason: str) -> None:
    if not found:
        sys.exit(reason)


@contextmanager
def process(row: Row, folder: str) -> Iterator["subprocess.Popen[str]"]:
    """Ready for numbers of calls."""
    python = sys.executable if row.ours else installed(PEERS, require)
    module = row.module if row.module == "handlers" else f"bench.on_lambda.{row.module}"
    ours = {"MANYDOORS_OPERATIONS": "bench.operations", "MANYDOORS_DATA": folder}
    ours |= {"MANYDOORS_LOG_LEVEL": row.ours or "WARNING", "MANYDOORS_ADMIN_KEY": events.KEY}
    ours |= {"MANYDOORS_RATE": "none"}  # else most are told to come later
    aws = {"AWS_DEFAULT_REGION": "eu-central-1", "POWERTOOLS_SERVICE_NAME": "bench"}
    started = subprocess.Popen(
        [python, "-m", "bench.on_lambda", module],
        cwd=ROOT, env=os.environ | ours | aws | {"PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert started.stdin is not None
    try:
        started.stdin.write(json.dumps(row.event) + "\n")
        taken(started, 20)  # warms up
        yield started
    finally:
        started.kill()
        started.wait(timeout=10)


def taken(started: "subprocess.Popen[str]", calls: int) -> float:
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.write(f"{calls}\n")
    started.stdin.flush()
    told = started.stdout.readline()
    if not told:
        sys.exit(f"{started.args!r} failed: run it by hand")
    return float(told)


def show(played: list[Row]) -> None:
    powertools, ours = played[1].micros, played[2].micros
    print(f"{'median, CPU time of an event':48}{'µs':>8}{'ratio':>8}")
    for row in played:
        print(f"{row.name:48}{row.micros:8.0f}{row.micros / powertools:8.2f}")
    bare, theirs, mine = (row.micros for row in played[-3:])
    print(f"\nManydoors / Powertools: {ours / powertools:.2f} (target: {MOST_OF_POWERTOOLS})")
    print(
        f"The way to a WSGI application and back: {mine - bare:.1f} µs; "
        f"by apig-wsgi: {theirs - bare:.1f} µs (target: no more than that)"
    )


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=15)
    rounds: int = options.parse_args().rounds
    played = rows()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        processes = [stack.enter_context(process(row, folder)) for row in played]
        for _ in range(rounds):
            for row, started in zip(played, processes, strict=True):
                row.times.append(taken(started, CALLS))
    show(played)


if __name__ == "__main__":
    main()
