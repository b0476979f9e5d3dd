"""The bill of materials: true to CycloneDX's own schema, to the locks, and the same each time."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from supply.locks import SHIPPED, all_locks, pins
from supply.sbom import bill

ROOT = Path(__file__).parents[2]


def test_it_is_cyclonedx() -> None:
    """By the schema that the standard publishes; one that is not is seen."""
    folder = files("cyclonedx.schema._res")
    names = ("bom-1.6", "spdx", "jsf-0.82")
    documents = [
        json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text()) for name in names
    ]
    base = documents[0]["$id"].rpartition("/")[0]
    registry: Registry[Any] = Registry().with_resources(
        (place, Resource.from_contents(document))
        for name, document in zip(names, documents, strict=True)
        for file in [f"{name}.SNAPSHOT.schema.json"]
        for place in (document["$id"], file, f"{base}/{file}")
    )
    judge = Draft7Validator(documents[0], registry=registry)
    made = bill()
    assert [error.message for error in judge.iter_errors(made)] == []
    assert [*judge.iter_errors(made | {"serialNumber": "none"})]
    assert [*judge.iter_errors(made | {"components": [{"name": "x"}]})]


def test_it_holds_the_locks() -> None:
    """Each package of each lock, with each of its hashes, and what it needs."""
    made = bill()
    there = {each["bom-ref"]: each for each in made["components"]}
    assert len(all_locks()) > 6
    for lock in all_locks():
        found = [*pins(lock)]
        assert found, lock
        for pin in found:
            hashes = there[pin.purl]["externalReferences"][0]["hashes"]
            assert len(hashes) == len(pin.hashes) > 0, pin
    shipped = {pin.purl for pin in pins(ROOT / SHIPPED)}
    assert {ref for ref, each in there.items() if each["scope"] == "required"} == shipped
    needs = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    named = {ref.partition("@")[0] for ref in needs["manydoors"]}
    assert {"pkg:pypi/flask", "pkg:pypi/granian"} <= named
    (flask,) = (ref for ref in shipped if ref.startswith("pkg:pypi/flask@"))
    assert any(ref.startswith("pkg:pypi/werkzeug@") for ref in needs[flask])


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    """To the byte, whatever the seed of hashes and the day."""
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "supply.sbom", tmp_path / seed]
        subprocess.run(command, cwd=ROOT, check=True, env={"PYTHONHASHSEED": seed}, timeout=60)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_what_is_not_pinned_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "any.lock"
    lock.write_text("flask>=3 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(ValueError, match="not pinned"):
        list(pins(lock))
