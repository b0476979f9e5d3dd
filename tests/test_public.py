"""What users import is sorted, there, and what the contract names."""

import importlib
import inspect

import pytest

import app
from app.room.errors import ManydoorsError
from app.room.operation import REGISTRY

CONTRACT = """operation records File FileField Secret Cron Every Upload Topic Queue Stream
Refused Retry Run TimedOut""".split()


def test_all_is_sorted_and_names_each_once():
    """Capitals first, as sorted() has it: one place for each new name."""
    assert app.__all__ == sorted(set(app.__all__))


@pytest.mark.parametrize("name", app.__all__)
def test_every_name_is_there(name):
    """Each name can be imported, and comes from within."""
    value = getattr(importlib.import_module("app"), name)
    assert inspect.getmodule(value).__name__.startswith("app.")


def test_it_is_the_contract():
    """The contract's names and the errors, nothing else."""
    errors = {
        name
        for name in app.__all__
        if inspect.isclass(getattr(app, name)) and issubclass(getattr(app, name), ManydoorsError)
    }
    assert set(app.__all__) == set(CONTRACT) | errors
    assert {"ManydoorsError", "Problem", "Invalid", "Unknown", "BadOperation"} <= errors


def test_operation_declares_in_the_service():
    """`from app import operation` is the service's own registry."""
    assert app.operation == REGISTRY.operation
