"""Puts seeded bugs into copies of the checkout, one into each: python -m tests.mutants fence tick

Each word chooses the mutants with that in their name; without any, all are tried. The tests of all
are run once without a bug first, and must be green. The exit code is 0 when at least 19 of 20 are
caught, 1 when fewer are, and 3 when a trial is broken: then nothing is told of that mutant.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.trial import Checkout, Judged, Ran, Verdict, judge, run_tests

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 0.95  # of the mutants
MOST_TOGETHER = 2  # trials at once


def main() -> int:
    asked = _arguments()
    mutants = _chosen(asked.words)
    if asked.list:
        for mutant in mutants:
            print(f"{mutant.name:28} {mutant.harm}")
        return 0
    began = time.monotonic()
    judged = trials(mutants, Checkout.of(ROOT), asked.together)
    print(*table(judged), sep="\n")
    caught, broken = count(judged, "caught"), count(judged, "broken")
    trouble = f"; {broken} trials are broken" if broken else ""
    minutes = (time.monotonic() - began) / 60
    print(f"\ncaught {caught} of {len(judged)}, in {minutes:.0f} minutes{trouble}")
    return code(judged)


def count(judged: Sequence[Judged], verdict: Verdict) -> int:
    return sum(each.verdict == verdict for each in judged)


def code(judged: Sequence[Judged]) -> int:
    """What the program exits with."""
    if count(judged, "broken"):
        return 3
    return 0 if count(judged, "caught") >= ENOUGH * len(judged) else 1


def trials(mutants: Sequence[Mutant], checkout: Checkout, together: int) -> list[Judged]:
    """Of each, in their order; of one whose tests are not green without it there is no trial."""
    judged: list[Judged] = []
    pool = ThreadPoolExecutor(together)
    try:
        with checkout.copied() as clean:
            start = replace(checkout, root=clean)  # whatever is edited meanwhile
            red = _red(pool, clean, sorted({test for mutant in mutants for test in mutant.tests}))
            sound = []
            for mutant in mutants:
                if why := [red[test] for test in mutant.tests if test in red]:
                    judged.append(Judged(mutant, "broken", f"without the bug, {why[0]}"))
                else:
                    sound.append(pool.submit(judge, mutant, start, clean))
            for future in as_completed(sound):
                judged.append(future.result())
                _tell(judged[-1].verdict, judged[-1].mutant.name, judged[-1].seconds)
    finally:
        pool.shutdown(cancel_futures=True)
    order = [mutant.name for mutant in mutants]
    return sorted(judged, key=lambda each: order.index(each.mutant.name))


def _red(pool: ThreadPoolExecutor, clean: Path, tests: Sequence[str]) -> dict[str, str]:
    """Why those of the tests that are not green without a bug are not."""
    red = {}

    def run(test: str) -> Ran:
        ran = run_tests(clean, [test])
        _tell("green" if ran.is_green else "red", test, ran.seconds)
        return ran

    for test, ran in zip(tests, pool.map(run, tests), strict=True):
        if not ran.is_green:
            red[test] = ran.told
    return red


def table(judged: Sequence[Judged]) -> list[str]:
    """In Markdown."""
    lines = ["| mutant | where | what it would do to a user | caught by | seconds |"]
    lines.append("| --- | --- | --- | --- | ---: |")
    for each in judged:
        mutant = each.mutant
        if each.verdict == "caught":
            by = each.by.replace("|", "\\|")
        else:
            by = f"**{each.verdict}** {' '.join(each.by.split())}".replace("|", "\\|").strip()
        where = f"{mutant.file}:{each.line}" if each.line else mutant.file
        lines.append(f"| {mutant.name} | {where} | {mutant.harm} | {by} | {each.seconds:.0f} |")
    return lines


def _tell(what: str, name: str, seconds: float) -> None:
    print(f"{what:7} {name}, {seconds:.1f} s", file=sys.stderr, flush=True)


def _chosen(words: Sequence[str]) -> list[Mutant]:
    if strange := [word for word in words if not any(word in each.name for each in MUTANTS)]:
        raise SystemExit(f"No mutant has {strange[0]!r} in its name; --list shows them all.")
    return [each for each in MUTANTS if not words or any(word in each.name for word in words)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of the names of those that are tried")
    parser.add_argument("--list", action="store_true", help="say which there are, and try none")
    parser.add_argument(
        "--together", type=int, default=MOST_TOGETHER, choices=range(1, MOST_TOGETHER + 1)
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
