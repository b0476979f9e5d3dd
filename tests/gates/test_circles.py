"""No module needs itself by way of others: each can be read, and tried, after what it stands on."""

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.gates.house import Module, imports, modules


def check_order(house: list[Module]) -> None:
    """Raises `CycleError`. Late imports count, those for types alone do not."""
    known = {module.name: module for module in house}
    needs = {
        module.name: {
            target
            for each in imports(module)
            if not each.for_types
            for target in (each.target, each.source)
            # A package is no more than the place of its modules, but for what it holds itself.
            if target in known and not known[target].is_package and target != module.name
        }
        for module in house
    }
    TopologicalSorter(needs).prepare()


def test_the_house_has_no_circles():
    check_order(modules())


@pytest.mark.parametrize("late", ["from app import a", "def f():\n    from app import a"])
def test_a_circle_is_found(late):
    """Also one that is closed inside a function."""
    with pytest.raises(CycleError):
        check_order([Module("app.a", "from app import b"), Module("app.b", late)])
