"""Breaks a life of the service on AWS at its requests: python -m tests.severed [--every 3]

Each request to AWS that the life makes is broken in every way, by microburst between the service
and DynamoDB Local or ministack, and by a proxy of the tests' own before S3. What was accepted must
be there and be done, nothing twice, and nobody may get a 500. The exit code is 0 if nothing was
wrong.
"""

import argparse
import logging
import os
import sys

from tests.engines import dynamo, ministack
from tests.severed.breaker import HOWS
from tests.severed.trial import Tried, everything, show, sky, tried


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.severed", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th request")
    parser.add_argument("--only", default="", choices=["", *HOWS], help="one way to break alone")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    os.environ.update(dynamo.ENVIRON)
    lives: list[Tried] = []
    with (
        dynamo.running(_needed) as tables, ministack.running(_needed) as stack,
        sky(tables, stack) as over,
    ):  # fmt: skip
        sound = tried(over, [])
        for points in everything(sound.asked, asked.every):
            if points and asked.only in ("", points[0].how):
                lives.append(tried(over, points))
                told = "wrong" if lives[-1].wrong else "well"
                about = f"each request's number {points[0].number}, {points[0].how}"
                print(f"{about}: {told}", file=sys.stderr, flush=True)
    show([sound, *lives])
    return 1 if any(life.wrong for life in [sound, *lives]) else 0


def _needed(found: object, reason: str) -> None:
    if not found:
        raise SystemExit(reason)


if __name__ == "__main__":
    sys.exit(main())
