"""A fresh home for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "data")
    yield made
    made.ports.records.close()
