"""A plugin for pytest that writes down what it saw: `python -m pytest -p tests.mutants.witness`.

The exit code alone does not tell a failing test from a fixture that cannot even begin, nor a bug
that a test caught from a mutant that is no Python.
"""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

WITNESS = "MUTANTS_WITNESS"  # the environment's name for where it writes to

_seen: dict[str, Any] = {"passed": 0, "failed": None, "stranger": None}


def pytest_configure() -> None:
    """That a property fails is all that is asked: its shortest example would take a minute."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    settings.register_profile("witness", settings.default, phases=phases)
    settings.load_profile("witness")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.passed and report.when == "call":
        _seen["passed"] += 1
    if report.failed and _seen["failed"] is None and call.excinfo is not None:
        kinds = [kind.__name__ for kind in call.excinfo.type.__mro__]
        why = " ".join(str(call.excinfo.value).split())
        _seen["failed"] = {"test": item.nodeid, "when": report.when, "kinds": kinds, "why": why}
    return report


def pytest_sessionfinish() -> None:
    app = getattr(sys.modules.get("app"), "__file__", None)
    if app is not None and not Path(app).is_relative_to(Path.cwd()):
        _seen["stranger"] = app  # the tests ran on another checkout's program
    Path(os.environ[WITNESS]).write_text(json.dumps(_seen), encoding="utf-8")
