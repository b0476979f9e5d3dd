"""A room of the test's own, in this process."""

from collections.abc import Iterator

import pytest

from app.room.operation import Registry
from app.testing import Testing


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def testing() -> Iterator[Testing]:
    registry = Registry()
    registry.operation("nothing", long=True, timeout="1m", retries=3, backoff="1s")(nothing)
    registry.operation("lean", long=True, timeout="1m", memory=1000)(nothing)
    with Testing(registry) as service:
        yield service
