"""What is left when all is over, read past the engine: the sinks' lines, the store's rows."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.torture.history import Effect, Stored


def effects(sink: Path) -> Iterator[Effect]:
    """Every line of every sink, each file in the order of writing."""
    for path in sorted(path for path in sink.iterdir() if path.is_file()):
        for line in path.read_text().splitlines():
            yield Effect(path.name, *json.loads(line))


def integrity(data: Path) -> str:
    with sqlite3.connect(data / "manydoors.db") as database:
        return str(database.execute("PRAGMA integrity_check").fetchone()[0])


def stored(data: Path) -> Iterator[Stored]:
    with sqlite3.connect(data / "manydoors.db") as database:
        pages: dict[str, list[Any]] = {}
        found = "SELECT id, body, label, takes FROM records WHERE collection = ? ORDER BY id"
        for id, body, _, _ in database.execute(found, ("journals",)):
            pages.setdefault(id.rpartition("/")[0], []).extend(json.loads(body)["entries"])
        for id, text, label, takes in database.execute(found, ("jobs",)):
            body = json.loads(text)
            journal = [*pages.get(id, []), *body.get("journal", [])]
            yield Stored(
                id, body["operation"], body["params"], body.get("key"), label,
                body.get("result"), body.get("error"), takes, body.get("attempt", 0),
                body["retries"], body.get("parent"), body.get("index"),
                body.get("schedule"), body["due"],
                {entry["n"]: entry["v"] for entry in journal if entry["k"] == "step"},
            )  # fmt: skip
