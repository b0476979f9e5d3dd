"""`make audit`: are there known holes in what the locks install? Asks by pip-audit.

What was not looked up was not audited: the number that was is printed, and none is no success. On a
laptop without a source of advisories that is told as a skip (exit 0); in CI it is a failure.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supply.advisories import newest, served
from supply.locks import Pin, all_locks, pins

SOUND, FOUND, UNKNOWN = 0, 1, 2


@dataclass(frozen=True)
class Audit:
    asked: int
    audited: int
    holes: tuple[str, ...]
    why: str = ""  # those that are missing were not looked up

    def sentence(self) -> str:
        told = f"{self.audited} of {self.asked} locked packages were audited"
        if self.holes:
            return f"{told}, and there are {len(self.holes)} known holes:"
        return f"{told}, no hole is known." if self.audited else f"NOT AUDITED: {self.why}"

    def code(self, environ: Mapping[str, str]) -> int:
        if self.holes:
            return FOUND
        if self.audited == self.asked > 0:
            return SOUND
        is_ci = environ.get("CI", "").lower() in ("1", "true")
        return UNKNOWN if is_ci or self.audited else SOUND


def audit(asked: Sequence[Pin], options: Sequence[str]) -> Audit:
    """`options` are pip-audit's: another source of advisories, what is known and accepted."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, told = Path(folder, "requirements.txt"), Path(folder, "told.json")
        wanted.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in asked))
        ran = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json",
             "--progress-spinner", "off", "--output", told, "--requirement", wanted, *options],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = json.loads(told.read_text()) if told.exists() else {"dependencies": []}
    return _judged(len(asked), found["dependencies"], ran.stderr)


def _judged(asked: int, found: Sequence[Mapping[str, Any]], said: str) -> Audit:
    audited = [each for each in found if "skip_reason" not in each]
    skipped = [each["skip_reason"] for each in found if "skip_reason" in each]
    holes = tuple(
        f"{each['name']} {each['version']}: {hole['id']}, mended in "
        f"{', '.join(hole['fix_versions']) or 'no version yet'}"
        for each in audited
        for hole in each["vulns"]
    )
    why = skipped[0] if skipped else (said.strip().splitlines() or ["no package was asked for"])[-1]
    return Audit(asked, len(audited), holes, why)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m supply.audit", description=__doc__)
    parser.add_argument("--advisories", type=Path, help="a checkout of PyPA's advisory database")
    asked, options = parser.parse_known_args()
    if asked.advisories is None:
        return _audited(options)
    print(f"The newest advisory in {asked.advisories} is of {newest(asked.advisories)}.")
    with served(asked.advisories) as url:
        return _audited(["--vulnerability-service", "osv", "--osv-url", url, *options])


def _audited(options: Sequence[str]) -> int:
    each = {pin.purl: pin for lock in all_locks() for pin in pins(lock)}
    # pip-audit takes one version of a package at a time.
    rounds: list[dict[str, Pin]] = []
    for _, pin in sorted(each.items()):
        free = next((one for one in rounds if pin.name not in one), None)
        if free is None:
            rounds.append(free := {})
        free[pin.name] = pin
    parts = [audit([*one.values()], options) for one in rounds]
    whole = Audit(
        sum(part.asked for part in parts),
        sum(part.audited for part in parts),
        tuple(hole for part in parts for hole in part.holes),
        next((part.why for part in parts if part.audited < part.asked), ""),
    )
    print(whole.sentence(), *whole.holes, sep="\n")
    return whole.code(os.environ)


if __name__ == "__main__":
    sys.exit(main())
