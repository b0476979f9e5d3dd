"""The locks, as data: each package with its hashes, and who asked for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = "requirements.lock"
EXTRAS = ("requirements-data.lock", "requirements-pictures.lock")


@dataclass(frozen=True)
class Pin:
    """One line of a lock, with what belongs to it."""

    name: str
    version: str
    hashes: tuple[str, ...]  # SHA-256, of each archive that may be installed for it
    askers: tuple[str, ...]  # packages that need it; "" for our own requirements
    marker: str = ""

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def all_locks() -> list[Path]:
    """Of the runtime first, then its extras, then those of tools, engines and benches."""
    first = [ROOT / name for name in (SHIPPED, *EXTRAS)]
    found = {*ROOT.glob("*.lock"), *ROOT.glob("tests/engines/*.lock"), *ROOT.glob("bench/*.lock")}
    return first + sorted(found - {*first})


def pins(lock: Path) -> Iterator[Pin]:
    """What a lock asks pip for. ValueError for a line that is no exact version."""
    for entry in re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8")):
        if not entry[:1].isalnum():
            continue
        asked = Requirement(re.split(r"\s\\\n|\n", entry)[0].rstrip("\\ "))
        versions = [one.version for one in asked.specifier if one.operator == "=="]
        if len(versions) != 1 or len(asked.specifier) != 1:
            raise ValueError(f"{lock.name}: {asked} is not pinned")
        yield Pin(
            canonicalize_name(asked.name),
            versions[0],
            tuple(sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))),
            tuple(_askers(entry)),
            str(asked.marker or ""),
        )


def _askers(entry: str) -> Iterator[str]:
    _, _, told = entry.partition("# via")
    for word in (line.strip(" #") for line in told.splitlines()):
        if word.startswith("-"):
            yield ""
        elif word:
            yield str(canonicalize_name(word))
