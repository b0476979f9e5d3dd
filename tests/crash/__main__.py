"""Breaks a scripted life of jobs at each of its writes: python -m tests.crash [--every 7]

Killed, failed and short of space there, the store is opened again: what was acknowledged must be
there, and every job must end with one result. The exit code is 0 if nothing was wrong.
"""

import argparse
import sys
from collections import Counter
from multiprocessing import Pool

from tests.crash.injected import Point, points, tried

TOLD = 100  # points between two lines of progress


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th point")
    parser.add_argument("--first", type=int, default=0, help="from that one on: the whole in parts")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", default="", help="points whose name has this in it")
    asked = parser.parse_args()
    chosen = [point for point in points() if asked.only in str(point)][asked.first :: asked.every]
    reached: list[Point] = []
    count = 0
    with Pool(asked.processes) as pool:
        for done, one in enumerate(pool.imap_unordered(tried, chosen), 1):
            if done % TOLD == 0:
                print(f"{done} of {len(chosen)} points", file=sys.stderr, flush=True)
            reached += [one.point] * one.reached
            count += bool(one.wrong)
            for each in one.wrong:
                print(f"!! {one.point}: {each}", flush=True)
    _show(reached)
    print(f"{len(reached)} points tried, {count} of them wrong")
    return 1 if count or not reached else 0


def _show(reached: list[Point]) -> None:
    counts = Counter((point.call, point.how) for point in reached)
    hows = sorted({how for _, how in counts})
    print(f"{'call':12}" + "".join(f"{how:>20}" for how in hows))
    for call in sorted({call for call, _ in counts}):
        print(f"{call:12}" + "".join(f"{counts[call, how] or '':>20}" for how in hows))


if __name__ == "__main__":
    sys.exit(main())
