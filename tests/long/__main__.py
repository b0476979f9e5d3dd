"""Jobs of many slices and of many children, on the real service: python -m tests.long

First three jobs of 200 slices are killed at random, with their workers and with the whole service;
then maps of up to 100,000 items are made, looked at, failed and cancelled. The exit code is 0 if
all is as promised, 1 if not, 3 if no kill hit work. `--short` does the same with less.
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.long.broods import Many, raised
from tests.long.journey import Size, travelled
from tests.torture.service import Service

FULL = Size(slices=200, slice=2.0, items=100_000, rounds=150, nap=0.5, kills=20)
SHORT = Size(slices=12, slice=0.5, items=1500, rounds=6, nap=0.1, kills=3)
MANY = Many(items=100_000, apart=100_000, batch=1000)
FEW = Many(items=20_000, apart=600, batch=1000)
SHOWN = 20


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    size, many = (SHORT, FEW) if asked.short else (FULL, MANY)
    print(f"seed {asked.seed}: {size.slices} slices of {size.slice:g} s", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="long-"))
    wrong: list[str] = []
    told = ""
    if asked.only in (None, "journey"):
        journey_wrong, bitten = _journey(folder / "journey", size, asked.seed)
        wrong += journey_wrong
        told = "" if bitten else "invalid"
    if asked.only in (None, "broods"):
        wrong += _broods(folder / "broods", many, size.slice)
    for each in wrong[:SHOWN]:
        print(f"!! {each}")
    told = "red" if wrong else told or "green"
    if told == "green":
        shutil.rmtree(folder)
    else:
        print(f"{len(wrong)} violations; the sinks, the stores and the logs are in {folder}")
    print(f"seed {asked.seed}: {told}")
    return {"green": 0, "red": 1, "invalid": 3}[told]


def _journey(folder: Path, size: Size, seed: int) -> tuple[list[str], bool]:
    """What was wrong, and whether kills hit work."""
    service = _service(folder, size.slice)
    try:
        journey = travelled(service, size, seed)
    finally:
        service.destroy()
    kills = ", ".join(f"{many} × {kind}" for kind, many in journey.kills.items())
    print(f"{journey.took:.0f} s; killed: {kills or 'nobody'}")
    print("\n".join(journey.lines), flush=True)
    return journey.wrong, journey.bitten > 0


def _broods(folder: Path, many: Many, slice: float) -> list[str]:
    service = _service(folder, slice)
    try:
        broods = raised(service, many)
    finally:
        service.destroy()
    print("\n".join(broods.lines), flush=True)
    return broods.wrong


def _service(folder: Path, slice: float) -> Service:
    folder.mkdir()
    return Service(folder, "tests.long.operations", MANYDOORS_SLICE=f"{slice:g}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--short", action="store_true", help="seconds in place of minutes")
    parser.add_argument("--only", choices=("journey", "broods"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
