"""The registry keeps what could not be told apart from standing side by side."""

import re

import pytest

from app import BadOperation
from app.room.errors import UnknownOperation
from app.room.operation import Registry


def declare(registry: Registry, name: str, http: str) -> None:
    """An operation at a path, with the path's parameters for its own."""
    names = re.findall(r"<(?:path:)?(\w+)>", http)
    scope: dict[str, object] = {}
    exec(f"def function({', '.join(f'{each}: str' for each in names)}) -> str: ...", scope)
    registry.operation(name, http=http)(scope["function"])  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("GET /a/<b>", "GET /a/<b>", "already leads to one"),
        ("GET /a/<b>", "GET /a/<c>", "already leads to one"),
        ("GET /a", "GET /a", "already leads to one"),
        ("GET /a/<path:b>", "GET /a/<path:c>", "already leads to one"),
        ("GET /a/<b>", "PUT /a/<c>", "name the parameters alike"),
        ("GET /a/<b>/x/<c>", "DELETE /a/<c>/x/<b>", "name the parameters alike"),
    ],
)
def test_routes_that_cannot_stand_together(first: str, second: str, words: str) -> None:
    """A request, or the OpenAPI document, could not tell them apart; both places are named."""
    registry = Registry()
    declare(registry, "one", first)
    with pytest.raises(BadOperation, match=words) as told:
        declare(registry, "two", second)
    assert str(told.value).startswith("<string>:1: two: ")
    assert "one (<string>:1)" in str(told.value)
    assert [operation.name for operation in registry] == ["one"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /a/<b>", "PUT /a/<b>"),
        ("GET /a/<b>", "GET /a/b"),
        ("GET /a/<b>", "GET /a/<b>/c"),
        ("GET /a/<b>", "GET /a/<path:b>"),
        ("GET /a", "POST /a"),
    ],
)
def test_routes_that_can(first: str, second: str) -> None:
    """Another method, a longer path, a fixed segment: the more exact one wins."""
    registry = Registry()
    declare(registry, "one", first)
    declare(registry, "two", second)
    assert len(registry) == 2


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("cats.shet", " Did you mean cats.sheet?"),
        ("dogs", ""),
        ("cats.sheet" * 100_000, ""),
    ],
    ids=["near", "far", "endless"],
)
def test_an_unknown_name_is_told_with_near_ones(asked: str, hint: str) -> None:
    """Here, for every door."""
    registry = Registry()
    registry.operation("cats.sheet")(lambda: None)
    with pytest.raises(UnknownOperation) as told:
        registry.get(asked)
    assert str(told.value) == f"There is no operation of that name.{hint}"
