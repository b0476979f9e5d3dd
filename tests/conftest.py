"""What every test may ask for."""

import logging
import os
import resource
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from tests.engines import ministack as engine
from tests.engines.ministack import Ministack
from tests.whole.service import Service, running

MOST_FILES = 16_384  # that a process of the suite may have open: rooms of a thousand tests


def pytest_configure() -> None:
    """The usual limit of 1,024 is each user's own to raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


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


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A program sets its process's logging up once; here many stand in for programs."""
    ours, root = logging.getLogger("manydoors"), logging.getLogger()
    before = [(each, each.level, each.propagate, [*each.handlers]) for each in (ours, root)]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers[:] = propagate, handlers


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service, with a fresh store; the tests of a module share it."""
    with running(tmp_path_factory.mktemp("service") / "data") as up:
        yield up


@pytest.fixture(scope="session")
def one_ministack(require: Callable[[Any, str], None]) -> Iterator[Ministack]:
    """The one that `ministack` empties for each test."""
    with engine.running(require) as stack:
        yield stack


@pytest.fixture
def ministack(one_ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> Ministack:
    """An AWS with nothing in it; this process's environment points to it."""
    one_ministack.reset()
    for name, value in one_ministack.environ.items():
        monkeypatch.setenv(name, value)
    return one_ministack


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Side by side, what was said of a test is sent as UTF-8, which has no half characters."""
    return _sendable((yield))


def _sendable(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode(errors="backslashreplace").decode()
    if isinstance(told, dict):
        return {_sendable(name): _sendable(each) for name, each in told.items()}
    if isinstance(told, list | tuple):
        return type(told)(map(_sendable, told))
    return told
