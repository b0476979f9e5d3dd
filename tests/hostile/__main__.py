"""Sends what nobody should to every door, and judges what comes: python -m tests.hostile

Case after case is told by the seed and its number, so a finding can be tried again. The exit code
is 0 only if no answer was wrong, none took long, nothing was logged as an error, and memory stayed.
"""

import argparse
import faulthandler
import random
import sys
import time

from tests.hostile.fuzzer import Verdict, fuzz

MOST_GROWN = 50 * 1024  # KB, from the middle to the end
HANGS = 60.0  # seconds without a store's worth of progress would be minutes: it tells where it is
SHOWN = 20


def main() -> int:
    asked = _arguments()
    print(f"seed {asked.seed}, {asked.cases:,} cases", flush=True)
    faulthandler.enable()
    began = time.monotonic()
    verdict = fuzz(asked.cases, asked.seed, lambda line: print(line, flush=True))
    _show(verdict, time.monotonic() - began)
    bad = bool(verdict.findings) or verdict.grown > MOST_GROWN
    print(f"seed {asked.seed}: {'red' if bad else 'green'}")
    return int(bad)


def _show(verdict: Verdict, took: float) -> None:
    for each in verdict.findings[:SHOWN]:
        print(f"!! {each}")
    print(f"{len(verdict.findings)} findings in {verdict.cases:,} cases, {took:.0f} s")
    told = sorted(verdict.statuses.items(), key=lambda each: -each[1])
    print(", ".join(f"{status}: {count:,}" for status, count in told))
    silent = sorted(verdict.routes - verdict.answered)
    print(f"{len(verdict.routes)} routes, of which {len(silent)} never said yes: {silent}")
    seconds, number = verdict.slowest
    print(f"slowest case {number}: {seconds:.2f} s; memory grew by {verdict.grown / 1024:.1f} MB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--cases", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
