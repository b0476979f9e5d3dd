"""What every test may ask for."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.whole.service import Service, running


@pytest.fixture(scope="session")
def require() -> Callable[[Any, str], None]:
    """`require(shutil.which("chromium"), "chromium is not installed")`, before a test needs it.

    Without it a laptop skips and says why; CI fails, for there a skipped engine hides a breakage.
    """

    def require(found: Any, reason: str) -> None:
        if found:
            return
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(
                f"{reason}; CI must have it: .ci/run installs what is needed", pytrace=False
            )
        pytest.skip(reason)

    return require


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service, with a fresh store; the tests of a module share it."""
    with running(tmp_path_factory.mktemp("service") / "data") as up:
        yield up
