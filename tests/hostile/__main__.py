"""Sends what nobody should to every door, and judges what comes: python -m tests.hostile

Case after case is told by the seed and its number, so a finding can be tried again. The exit code
is 0 only if no answer was wrong, none took long, nothing was logged as an error, and memory stayed.
"""

import argparse
import faulthandler
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hostile.fuzzer import Verdict, fuzz
from tests.hostile.on_wire import fuzz_on_wire

MOST_GROWN = 50 * 1024  # KB, from the middle to the end


def main() -> int:
    asked = _arguments()
    print(f"seed {asked.seed}, {asked.cases:,} cases", flush=True)
    faulthandler.enable()
    began = time.monotonic()
    verdict = fuzz(asked.cases, asked.seed, _tell)
    bad = _show(verdict, time.monotonic() - began)
    if asked.wire:
        began, on_wire = time.monotonic(), Verdict()
        with TemporaryDirectory(prefix="hostile-") as folder:
            fuzz_on_wire(Path(folder), asked.wire, asked.seed, on_wire, _tell)
        bad |= _show(on_wire, time.monotonic() - began)
    print(f"seed {asked.seed}: {'red' if bad else 'green'}")
    return int(bad)


def _tell(line: str) -> None:
    print(line, flush=True)


def _show(verdict: Verdict, took: float) -> bool:
    """Is anything wrong?"""
    print(f"{len(verdict.findings)} findings in {verdict.cases:,} cases, {took:.0f} s")
    told = sorted(verdict.statuses.items(), key=lambda each: -each[1])
    print(", ".join(f"{status}: {count:,}" for status, count in told))
    silent = sorted(verdict.routes - verdict.answered)
    print(f"{len(verdict.routes)} routes, of which {len(silent)} never said yes: {silent}")
    seconds, number = verdict.slowest
    print(f"slowest case {number}: {seconds:.2f} s; memory grew by {verdict.grown / 1024:.1f} MB")
    return bool(verdict.findings) or verdict.grown > MOST_GROWN


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=300_000)
    parser.add_argument("--wire", type=int, default=0, help="so many more, to a real service")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
