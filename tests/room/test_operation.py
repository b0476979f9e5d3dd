"""Declaring gives the function back untouched, and what cannot work is told at its line."""

import re
from dataclasses import replace
from typing import Annotated

import pytest
from marshmallow import Schema, fields, post_load, validate

from app.room.errors import BadOperation, UnknownOperation
from app.room.operation import RESERVED_NAMES, Registry
from app.room.trigger import Cron, Queue


class Named(Schema):
    name = fields.String(required=True)


class Loose(Schema):
    name = fields.String()


class Filled(Loose):
    @post_load
    def fill(self, data, **_):
        return {"name": "Tom", **data}


class Shown(Named):
    seen = fields.String(dump_only=True)


def plain():
    pass


def greet(name: str):
    pass


def greet_or_not(name: str = "Tom"):
    pass


def untyped(name):
    pass


def any_names(*names: str):
    pass


def any_facts(**facts: str):
    pass


def by_place(name: str, /):
    pass


async def later():
    pass


def many():
    yield 1


async def many_later():
    yield 1


def test_the_function_is_returned_untouched():
    """What was declared is the very same function, which can be called as before."""
    registry = Registry()
    before = dict(vars(greet))
    assert registry.operation("greet")(greet) is greet
    assert vars(greet) == before
    assert registry.get("greet").function is greet


def test_what_is_declared():
    """Name, texts, route, triggers, policy and examples are kept as they were said."""
    registry = Registry()

    @registry.operation(
        "cats.speak",
        http="GET /cats/<name>",
        on=[Cron("0 3 * * *"), Queue("cats")],
        long=True,
        examples=[{"name": "Tom"}],
        retries=5,
        key="name",
    )
    def speak(run, name: str) -> str:
        """Let a cat speak.

        As often as
        it likes.
        """

    declared = registry.get("cats.speak")
    assert (declared.name, declared.long, declared.takes_run) == ("cats.speak", True, True)
    assert declared.summary == "Let a cat speak."
    assert declared.description == "As often as\nit likes."
    assert (declared.route.method, declared.route.path) == ("GET", "/cats/<name>")
    assert declared.triggers == (Cron("0 3 * * *"), Queue("cats"))
    assert (declared.policy.retries, declared.policy.timeout) == (5, 900.0)
    assert declared.examples == ({"name": "Tom"},)
    assert declared.params.names == ("name",)
    assert declared.where.startswith(f"{__file__}:")


GOOD = {
    "no parameter": (plain, {}),
    "a schema": (untyped, {"params": Named}),
    "a schema's instance": (untyped, {"params": Named()}),
    "a dump_only field is no parameter": (untyped, {"params": Shown}),
    "any names by a schema": (any_facts, {"params": Named}),
    "optional in both": (greet_or_not, {"params": Loose}),
    "post_load gives what is needed": (untyped, {"params": Filled}),
    "a tuple of triggers": (plain, {"on": (Queue("q"),)}),
    "one function, twice": (greet, {}),
}


@pytest.mark.parametrize(("function", "options"), GOOD.values(), ids=GOOD)
def test_takes(function, options):
    """Each of these can be called, so it can be declared, also twice by two names."""
    registry = Registry()
    for name in ("one", "two"):
        assert registry.operation(name, **options)(function) is function
    assert [each.name for each in registry] == ["one", "two"]
    assert len(registry) == 2


BAD = {
    "async": (later, {}, "write `def`, not `async def`"),
    "async generator": (many_later, {}, "write `def`, not `async def`"),
    "generator": (many, {}, "a generator gives no one result"),
    "untyped": (untyped, {}, "'name' has no type hint"),
    "variadic": (any_names, {}, "takes any number of arguments"),
    "variadic by name": (any_facts, {}, "takes any number of arguments"),
    "positional-only": (by_place, {}, "positional-only"),
    "positional-only with a schema": (by_place, {"params": Named}, "remove the /"),
    "schema over variadic": (any_names, {"params": Named}, "'name' is no parameter"),
    "schema has more": (plain, {"params": Named}, "schema's 'name' is no parameter"),
    "function has more": (greet, {"params": Schema}, "function's 'name' is not in the schema"),
    "needed, but may be left out": (greet, {"params": Loose}, "needs 'name', but the schema"),
    "many": (greet, {"params": Named(many=True)}, "many=True"),
    "path": (greet, {"http": "GET /cats/<cat>"}, "path's 'cat' is not in the schema"),
    "no path": (greet, {"http": "cats"}, "write 'GET /cats/<name>'"),
    "the service's path": (greet, {"http": "GET /v1/cats"}, "/v1 is the service's own path"),
    "trigger": (plain, {"on": ["0 3 * * *"]}, "use Cron, Every"),
    "no list of triggers": (plain, {"on": Queue("q")}, "on= takes a list"),
    "example": (greet, {"examples": [{"name": 3}]}, "/name: "),
    "example with more": (greet, {"examples": [{"name": "a", "x": 1}]}, "/x: "),
    "example of nothing": (greet, {"examples": [{}]}, "example {} is not valid"),
    "examples as one": (greet, {"examples": {"name": "Tom"}}, "examples= takes a list"),
    "no schema": (greet, {"params": str}, "is no marshmallow schema; write the types as"),
    "option's value": (plain, {"retries": -1}, "retries=-1: give a whole number from 0"),
    "option beyond floats": (plain, {"timeout": 10**400}, "timeout=1"),
    "unknown option": (plain, {"retry": 3}, "no option 'retry'"),
    "key": (greet, {"key": "nam"}, "key='nam' is not in the schema; there are 'name'"),
    "long": (plain, {"long": "yes"}, "long='yes'"),
}


@pytest.mark.parametrize(("function", "options", "said"), BAD.values(), ids=BAD)
def test_refuses(function, options, said):
    """What cannot work is a sentence with file, line and name, and nothing is registered."""
    registry = Registry()
    with pytest.raises(BadOperation) as told:
        registry.operation("tried", **options)(function)
    line = function.__code__.co_firstlineno
    assert str(told.value).startswith(f"{__file__}:{line}: tried: ")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert len(registry) == 0


@pytest.mark.parametrize(
    "name", ["a", "cats.speak", "a.b.c", "A-1_b.2", "x" * 128, "rpc", "jobs-x"]
)
def test_takes_names(name):
    """Words joined by dots."""
    registry = Registry()
    registry.operation(name)(plain)
    assert name in registry


@pytest.mark.parametrize(
    "name",
    [
        *["", ".a", "a.", "a..b", "1a", "a b", "a/b", "a\n", "käse", "_a", "-a", "x" * 129],
        *[f"{prefix}x" for prefix in RESERVED_NAMES],
        *[None, 5, b"a"],
    ],
    ids=lambda name: repr(name)[:30],
)
def test_refuses_names(name):
    """What is no name, or the service's own, is told."""
    with pytest.raises(BadOperation, match=r"is no name; write|service's own"):
        Registry().operation(name)(plain)


def test_a_declaration_without_a_name_is_told():
    """`@operation` without a name would declare nothing at all."""
    with pytest.raises(BadOperation, match=re.escape(f"{__file__}:") + r"\d+: give a name"):
        Registry().operation(plain)


def test_two_of_one_name():
    """The second of a name is told both places; the first stays."""
    registry = Registry()
    registry.operation("greet")(greet)
    with pytest.raises(BadOperation) as told:
        registry.operation("greet")(plain)
    places = [f"{__file__}:{each.__code__.co_firstlineno}" for each in (plain, greet)]
    assert all(place in str(told.value) for place in places)
    assert registry.get("greet").function is greet


@pytest.mark.parametrize(
    ("first", "second", "collide"),
    [
        ("GET /cats/<name>", "GET /cats/<name>", True),
        ("GET /cats/<name>", "GET /cats/<other>", True),
        ("GET /cats/<path:name>", "GET /cats/<path:other>", True),
        ("GET /cats/<name>", "PUT /cats/<name>", False),
        ("GET /cats/<name>", "GET /cats/all/<name>", False),
        ("GET /cats/<name>", "GET /cats/<path:name>", False),
    ],
)
def test_two_of_one_path(first, second, collide):
    """Two operations cannot answer one path, however it names its parameters."""
    registry = Registry()

    def declare(name, http):
        registry.operation(name, http=http, params=Schema.from_dict(both))(any_facts)

    both = {name: fields.String(required=True) for name in ("name", "other")}
    declare("one", first)
    if not collide:
        return declare("two", second)
    with pytest.raises(BadOperation, match=r"already leads to one \(.*choose another path"):
        declare("two", second)
    return None


def test_nothing_is_imported_by_name():
    """A name from outside is looked up, and is unknown when it was not declared."""
    registry = Registry()
    for name in ("os.system", "app.cli.main", "", "__class__"):
        with pytest.raises(UnknownOperation):
            registry.get(name)
        assert name not in registry


def test_an_operation_is_frozen():
    """A declaration does not change; a changed copy is another."""
    registry = Registry()
    registry.operation("greet")(greet)
    declared = registry.get("greet")
    with pytest.raises(AttributeError):
        declared.long = True
    assert replace(declared, long=True) != declared


def test_a_parameter_called_run_is_the_run():
    """One that wants to be something else is told to be called otherwise."""

    def far(run: int) -> int:
        return run

    with pytest.raises(BadOperation, match="another name"):
        Registry().operation("far")(far)


def test_defaults_are_valid():
    """A default that its own type or validator refuses is a bad declaration."""

    def wrong_type(n: int = "five") -> int:  # type: ignore[assignment]
        return n

    def out_of_range(n: Annotated[int, validate.Range(1, 9)] = 10) -> int:
        return n

    for function in (wrong_type, out_of_range):
        with pytest.raises(BadOperation, match="has a default"):
            Registry().operation("n")(function)
