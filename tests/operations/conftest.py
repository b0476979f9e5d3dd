"""What tests of the operations may ask for."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from app.testing import Testing


@pytest.fixture
def service() -> Iterator[Testing]:
    with Testing() as testing:
        yield testing


@pytest.fixture
def need(require: Callable[[Any, str], None]) -> Callable[[str], None]:
    """`need("duckdb")`: what a lock beside the runtime's brings."""

    def need(package: str) -> None:
        require(find_spec(package), f"{package} is not installed")

    return need
