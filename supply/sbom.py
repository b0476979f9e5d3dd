"""`make sbom`: the bill of materials, CycloneDX 1.6, made of the locks alone.

The same locks give the same bytes: no clock, no network, nothing of this machine. What ships is
`required`, the extras are `optional`, and what only tools, tests and benches use is `excluded`.
"""

import json
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

from supply.locks import EXTRAS, ROOT, SHIPPED, Pin, all_locks, pins

SCOPES = {SHIPPED: "required", **dict.fromkeys(EXTRAS, "optional")}
Bill = dict[str, Any]


def bill() -> Bill:
    found: dict[str, tuple[Pin, str]] = {}
    needs: dict[str, set[str]] = {}
    for lock in all_locks():
        here = [*pins(lock)]
        for pin in here:
            found.setdefault(pin.purl, (pin, SCOPES.get(lock.name, "excluded")))
            askers = [each.purl for each in here if each.name in pin.askers]
            if "" in pin.askers and lock.name in SCOPES:
                askers.append(_ourselves()["bom-ref"])
            for asker in askers:
                needs.setdefault(asker, set()).add(pin.purl)
    made: Bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _ourselves()},
        "components": [_component(*found[purl]) for purl in sorted(found)],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(needs.get(ref, ()))}
            for ref in sorted({*found, _ourselves()["bom-ref"]})
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))
    return made | {"serialNumber": f"urn:uuid:{serial}"}


def _ourselves() -> Bill:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "type": "application",
        "bom-ref": told["name"],
        "name": told["name"],
        "version": told["version"],
        "description": told["description"],
        "licenses": [{"license": {"id": told["license"]}}],
    }


def _component(pin: Pin, scope: str) -> Bill:
    archives = {
        "type": "distribution",
        "url": pin.purl,
        "comment": "any one of these archives",
        "hashes": [{"alg": "SHA-256", "content": hash} for hash in pin.hashes],
    }
    made: Bill = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "scope": scope,
        "purl": pin.purl,
        "externalReferences": [archives],
    }
    if pin.marker:
        made["properties"] = [{"name": "python:marker", "value": pin.marker}]
    return made


def main() -> None:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    made = bill()
    target.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{target}: {len(made['components'])} components")


if __name__ == "__main__":
    main()
