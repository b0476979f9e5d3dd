"""A named function with a schema of what it takes and one of what it gives, and the registry."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from marshmallow import Schema, missing
from marshmallow.fields import Field

from app.room.errors import BadOperation, Invalid, Problem, UnknownOperation
from app.room.policy import Options, Policy, read_policy
from app.room.route import Route, read_route
from app.room.schema.hints import fields_of, result_of
from app.room.schema.params import Params
from app.room.schema.result import Result

if TYPE_CHECKING:
    from app.room.trigger import Trigger

F = TypeVar("F", bound=Callable[..., Any])

RESERVED_NAMES = ("rpc.", "jobs.", "schedules.", "files.", "keys.", "webhooks.", "inbox.")
"""JSON-RPC methods of the service itself, and jobs that it makes, begin so."""

WHOLE = "message"  # the parameter that gets all facts of an event
LONGEST_NAME = 128  # characters

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True)
class Operation:
    name: str
    function: Callable[..., Any]
    summary: str
    description: str
    params: Params
    result: Result
    takes_run: bool
    long: bool
    route: Route | None
    triggers: "tuple[Trigger, ...]"
    policy: Policy
    examples: tuple[Mapping[str, Any], ...]
    where: str  # file and line, for whoever must mend the declaration


class Registry:
    """The operations of one service, by name, in the order of their declaration."""

    def __init__(self, reserved: tuple[str, ...] = RESERVED_NAMES) -> None:
        self._reserved = reserved
        self._operations: dict[str, Operation] = {}
        self._own: dict[str, Callable[[], Operation]] = {}

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations.values())

    def __len__(self) -> int:
        return len(self._operations)

    def __contains__(self, name: str) -> bool:
        return name in self._operations

    def get(self, name: str) -> Operation:
        """The operation of that name, or `UnknownOperation`. Nothing is ever imported by name."""
        try:
            return self._operations[name]
        except KeyError:
            raise UnknownOperation(
                f"There is no operation of that name.{self._near(name)}"
            ) from None

    def keep(self, name: str, make: Callable[[], Operation]) -> None:
        """One of the service's own, made on first use: jobs of it are run, and nobody calls it."""
        self._own.setdefault(name, cache(make))

    def known(self, name: str) -> Operation | None:
        """What runs a job of that name, the service's own too; None where it is not declared."""
        if name in self._own:
            return self._own[name]()
        return self._operations.get(name)

    def _near(self, name: str) -> str:
        """The names that were perhaps meant: every caller may list them all."""
        import difflib  # late: most processes never misspell

        names = self._operations if len(name) <= LONGEST_NAME else ()
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.75)
        return f" Did you mean {' or '.join(near)}?" if near else ""

    def operation(
        self,
        name: str,
        *,
        params: type[Schema] | Schema | None = None,
        result: type[Schema] | Schema | Field[Any] | None = None,
        http: str | None = None,
        on: "Sequence[Trigger]" = (),
        long: bool = False,
        examples: Sequence[Mapping[str, Any]] = (),
        **options: Unpack[Options],
    ) -> Callable[[F], F]:
        """Declares the function below as an operation, and returns it untouched."""
        if callable(name):
            raise BadOperation(f"{_where(name)}: give a name: @operation('cats.speak')")

        def declare(function: F) -> F:
            where = _where(function)
            try:
                declared = Operation(
                    name=_check_name(name, self._reserved),
                    function=_check_function(function),
                    **_documented(function),
                    params=Params.of(fields_of(function, name=name) if params is None else params),
                    result=Result.of(result_of(function, name=name) if result is None else result),
                    takes_run=_takes_run(function),
                    long=(durable := _check_long(long) or _takes_run(function)),
                    route=None if http is None else read_route(http),
                    triggers=_check_triggers(on),
                    policy=read_policy(options, long=durable),
                    examples=_check_examples(examples),
                    where=where,
                )
                _check_fit(declared)
            except (TypeError, ValueError) as error:
                raise BadOperation(f"{where}: {name}: {error}") from None
            self.add(declared)
            return function

        return declare

    def add(self, declared: Operation) -> None:
        """Refuses a second operation of one name, and one that answers another's path."""
        for other in self:
            if other.name == declared.name:
                raise BadOperation(
                    f"{declared.where}: {declared.name}: this name is taken at {other.where}; "
                    "choose another"
                )
            mine, theirs = declared.route, other.route
            if mine and theirs and mine.shape == theirs.shape:
                _check_apart(declared, mine, other, theirs)
        self._operations[declared.name] = declared


def chosen(operation: Operation, facts: dict[str, Any]) -> dict[str, Any]:
    """Those facts that are parameters of the operation, by name; all, as its `message`."""
    names = operation.params.names
    given = {each: fact for each, fact in facts.items() if each in names}
    return {WHOLE: facts} if WHOLE in names and not given else given


REGISTRY = Registry()
"""Where `from app import operation` declares."""


def _check_apart(declared: Operation, mine: Route, other: Operation, theirs: Route) -> None:
    """Two routes of one shape: each has a method of its own, and the parameters' names agree."""
    at = f"{declared.where}: {declared.name}: {mine.method} {mine.path}"
    if mine.method == theirs.method:
        raise BadOperation(
            f"{at} already leads to {other.name} ({other.where}); choose another path"
        )
    if mine.path != theirs.path:  # OpenAPI has one entry for both
        raise BadOperation(
            f"{at} is {theirs.path} of {other.name} ({other.where}) by other names; "
            "name the parameters alike"
        )


def _where(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


def _check_name(name: object, reserved: tuple[str, ...]) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise ValueError(f"{name!r} is no name; write words joined by dots, as in 'cats.speak'")
    if name.startswith(reserved):
        raise ValueError(f"names beginning with {name.split('.')[0]}. are the service's own")
    return name


def _check_function(function: F) -> F:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise ValueError("write `def`, not `async def`: each call has a thread of its own")
    if inspect.isgeneratorfunction(function):
        raise ValueError("a generator gives no one result; return a list")
    return function


def _check_long(long: bool) -> bool:
    if not isinstance(long, bool):
        raise ValueError(f"long={long!r}: choose True or False")
    return long


def _documented(function: Callable[..., Any]) -> dict[str, str]:
    summary, _, description = (inspect.getdoc(function) or "").partition("\n")
    return {"summary": summary.strip(), "description": description.strip()}


def _takes_run(function: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.name != "run":
        return False
    if first.annotation is not first.empty and "Run" not in str(first.annotation):
        raise ValueError("a first parameter called run gets the Run: give yours another name")
    return True


def _check_triggers(on: "Iterable[Trigger]") -> "tuple[Trigger, ...]":
    if on == ():  # most have none, and need not load what they are
        return ()
    from app.room.trigger import Trigger

    if not isinstance(on, list | tuple):
        raise ValueError("on= takes a list: on=[Cron('0 3 * * *')]")
    for trigger in on:
        if not isinstance(trigger, Trigger):
            raise ValueError(f"on=[{trigger!r}]: use Cron, Every, Upload, Topic, Queue or Stream")
    return tuple(on)


def _check_examples(examples: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(examples, list | tuple):
        raise ValueError("examples= takes a list: examples=[{'name': 'Ada'}]")
    return tuple(examples)


def _check_fit(declared: Operation) -> None:
    """The schema, the function's signature, the path and the examples must agree."""
    _check_signature(declared)
    key = declared.policy.key
    if isinstance(key, str) and key not in declared.params.names:
        raise ValueError(
            f"key={key!r} is not in the schema; there are {_listed(declared.params.names)}"
        )
    if declared.route and (stray := set(declared.route.names) - set(declared.params.names)):
        raise ValueError(f"the path's {_listed(stray)} is not in the schema")
    for example in declared.examples:
        try:
            declared.params.load(example)
        except Invalid as error:
            wrong = "; ".join(f"{e.pointer}: {e.detail}" for e in error.errors)
            raise ValueError(f"the example {example!r} is not valid: {wrong}") from None
        except Problem as error:
            raise ValueError(f"the example {example!r} is not valid: {error}") from None


def _check_signature(declared: Operation) -> None:
    """Whatever the schema lets through, the function can be called with."""
    parameters = dict(inspect.signature(declared.function).parameters)
    if declared.takes_run:
        del parameters["run"]
    kinds = {parameter.kind for parameter in parameters.values()}
    named = {name for name, each in parameters.items() if each.kind in _BY_NAME}
    needed = {name for name in parameters if _is_needed(parameters[name])}
    fields = declared.params.schema.load_fields
    taken = {field.attribute or name: field for name, field in fields.items()}
    if inspect.Parameter.POSITIONAL_ONLY in kinds:
        raise ValueError("parameters are passed by name; remove the / from the function's")
    if inspect.Parameter.VAR_KEYWORD not in kinds and (extra := taken.keys() - named):
        raise ValueError(f"the schema's {_listed(extra)} is no parameter of the function")
    if lost := needed - taken.keys():
        raise ValueError(f"the function's {_listed(lost)} is not in the schema")
    optional = {name for name in needed if _may_be_absent(taken[name])}
    if optional and not declared.params.schema._hooks.get("post_load"):
        raise ValueError(
            f"the function needs {_listed(optional)}, but the schema lets it be left out; "
            "make the field required, or give it or the parameter a default"
        )


def _may_be_absent(field: Field[Any]) -> bool:
    return not field.required and field.load_default is missing


def _is_needed(parameter: inspect.Parameter) -> bool:
    variadic = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    return parameter.default is parameter.empty and not variadic


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
