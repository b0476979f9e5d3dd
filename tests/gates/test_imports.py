"""The import rules hold, and each of them can fail."""

import pytest

from tests.gates.house import Module, modules
from tests.gates.rules import RULES


@pytest.mark.parametrize("name", RULES)
def test_imports_point_inwards(name):
    rule = RULES[name]
    found = [
        f"{module.name}:{breach.line} imports {breach.target}"
        for module in modules()
        for breach in rule.breaches_in(module)
    ]
    assert not found, "\n".join([rule.reason, *found])


@pytest.mark.parametrize(
    ("name", "module", "source"),
    [(name, *text) for name, rule in RULES.items() for text in rule.breaches],
)
def test_a_breach_is_caught(name, module, source):
    assert list(RULES[name].breaches_in(_module(module, source)))


@pytest.mark.parametrize(
    ("name", "module", "source"),
    [(name, *text) for name, rule in RULES.items() for text in rule.fine],
)
def test_what_is_allowed_is_not_caught(name, module, source):
    assert not list(RULES[name].breaches_in(_module(module, source)))


def test_every_rule_shows_what_it_catches_and_what_it_lets_pass():
    assert not [name for name, rule in RULES.items() if not (rule.breaches and rule.fine)]


def test_the_house_is_read():
    """A rule over no files would hold for ever."""
    assert {"app", "app.room.errors", "app.ports", "handlers"} <= {m.name for m in modules()}


def _module(name: str, source: str) -> Module:
    packages = {"app", "handlers", "app.ports", "app.ports.local", "app.doors.console"}
    return Module(name, source, is_package=name in packages)
