"""Engines that the adapters are judged by."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engines import dynamo as engine


@pytest.fixture(scope="session")
def dynamo(require: Callable[[Any, str], None]) -> Iterator[str]:
    """The URL of a DynamoDB with a table `records`; every test has collections of its own."""
    with pytest.MonkeyPatch.context() as patch, engine.running(require) as url:
        for name, value in engine.ENVIRON.items():
            patch.setenv(name, value)
        engine.make_table(url, "records")
        yield url
