"""The audit says how many packages it has looked up, and that none is no success."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from supply.advisories import affecting, newest, served
from supply.audit import FOUND, SOUND, UNKNOWN, Audit, audit
from supply.locks import Pin

PINS = [Pin("holy", "1.0", (), ()), Pin("sound", "2.0", (), ())]
HOLE = """\
id: PYSEC-1
details: a hole
affected:
- package: {name: holy, ecosystem: PyPI}
  ranges:
  - type: GIT
    events: [{introduced: "0"}, {fixed: 517cac5a804e8c4dc4ed038bb20dacd038e7a9f1}]
  - type: ECOSYSTEM
    events: [{introduced: "0.9"}, {fixed: "1.1"}, {introduced: "2.0"}, {last_affected: "2.2"}]
  versions: ["0.9", 1.0, "3.0.post1"]
modified: "2024-10-10T17:35:05Z"
"""


@pytest.fixture
def advisories(tmp_path: Path) -> Path:
    """In the form of PyPA's database: one package has a hole."""
    written = tmp_path / "vulns" / "holy" / "PYSEC-1.yaml"
    written.parent.mkdir(parents=True)
    written.write_text(HOLE)
    return tmp_path


@pytest.fixture
def source(advisories: Path) -> Iterator[str]:
    with served(advisories) as url:
        yield url


def test_a_hole_is_found(source: str) -> None:
    """And named, with the version that mends it."""
    found = audit(PINS, ["--vulnerability-service", "osv", "--osv-url", source])
    assert (found.asked, found.audited) == (2, 2)
    assert found.holes == ("holy 1.0: PYSEC-1, mended in 1.1",)
    assert (found.code({}), found.code({"CI": "true"})) == (FOUND, FOUND)


def test_a_source_out_of_reach() -> None:
    """Is a skip that says so on a laptop, and a failure in CI."""
    found = audit(PINS, ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9"])
    assert (found.audited, found.sentence()[:12]) == (0, "NOT AUDITED:")
    assert (found.code({}), found.code({"CI": "true"})) == (SOUND, UNKNOWN)


def test_all_looked_up_and_none_found() -> None:
    sound = Audit(3, 3, ())
    assert sound.sentence() == "3 of 3 locked packages were audited, no hole is known."
    assert sound.code({"CI": "true"}) == SOUND


def test_what_was_not_looked_up_does_not_count() -> None:
    """Some that the source does not know are no success, and nothing asked for is none."""
    assert Audit(3, 2, (), "x").code({}) == UNKNOWN
    assert Audit(0, 0, (), "x").code({"CI": "1"}) == UNKNOWN


@pytest.mark.parametrize(
    ("version", "affected"),
    [("0.8", False), ("0.9", True), ("1.0.5", True), ("1.1", False), ("2.0", True), ("2.2", True),
     ("2.3", False), ("3.0.post1", True)],
)  # fmt: skip
def test_which_versions_a_hole_is_in(advisories: Path, version: str, affected: bool) -> None:
    """Those that are listed, and those between an introduction and what ends it."""
    assert [each["id"] for each in affecting(advisories, "Holy", version)] == ["PYSEC-1"] * affected


def test_how_old_the_advisories_are(advisories: Path, tmp_path: Path) -> None:
    """Is told; a folder without any is an error, and no sound audit."""
    assert newest(advisories) == "2024-10-10"
    with pytest.raises(SystemExit, match="has no advisories"):
        newest(tmp_path / "elsewhere")
