"""Stores in memory, where there is a folder for it: for tests in which no kill is tried, and a
sync would only cost milliseconds."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.ports.local.records import LocalRecords

MEMORY = Path("/dev/shm")


@contextmanager
def stored_in_memory() -> Iterator[LocalRecords]:
    where = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="manydoors-", dir=where))
    records = LocalRecords(folder / "records.db", floor=1)
    try:
        yield records
    finally:
        records.close()
        shutil.rmtree(folder)
