"""An operation's form: its controls with what they hold, and what is wrong with each."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.doors.console.control import Control, Reading, controls, read, text_of
from app.room.call import Call, Caller
from app.room.errors import Invalid, Problem
from app.room.operation import Operation
from app.room.schema.secret import mask
from app.room.schema.text import read_text
from app.room.strict_json import write_json

Texts = Mapping[str, list[str]]

_GOOD_NAME = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True)
class Field:
    """A control in a form."""

    id: str
    control: Control
    value: str
    errors: tuple[str, ...] = ()

    @property
    def described_by(self) -> str:
        """The ids of what is said about it."""
        hints = [f"{self.id}.hint"] if self.control.hint or self.control.description else []
        return " ".join(hints + ([f"{self.id}.error"] if self.errors else []))


@dataclass(frozen=True)
class Form:
    operation: Operation
    fields: tuple[Field, ...]
    problem: Problem | None = None
    elsewhere: tuple[str, ...] = ()  # what is wrong with no field of the form

    @property
    def takes_files(self) -> bool:
        return any(field.control.upload for field in self.fields)

    @property
    def group(self) -> str:
        return self.operation.name.partition(".")[0]


def fresh(operation: Operation) -> Form:
    """Filled with the operation's first example, or else with its defaults."""
    example = operation.examples[0] if operation.examples else {}
    fields = (
        _field(operation, n, each, text_of(each, example[each.name]))
        if each.name in example and not each.upload  # an example's file is nobody's
        else _field(operation, n, each, each.default)
        for n, each in enumerate(controls(operation))
    )
    return Form(operation, tuple(fields))


def filled(operation: Operation, given: Texts, problem: Problem | None, reading: Reading) -> Form:
    """As it was sent, secrets aside; each wrong field says so."""
    known = controls(operation)
    wrong = _by_field(problem, reading)
    fields = (
        _field(operation, n, each, _kept(each, given), wrong.pop(each.name, ()))
        for n, each in enumerate(known)
    )
    made = tuple(fields)
    rest = (f"{name}: {text}" if name else text for name, texts in wrong.items() for text in texts)
    return Form(operation, made, problem, tuple(rest))


def call_of(
    operation: Operation, given: Texts, caller: Caller, request_id: str
) -> tuple[Call, Reading]:
    reading = read(controls(operation), given)
    call = Call(
        operation.name,
        reading.params,
        reading.texts,
        caller=caller,
        source="console",
        request_id=request_id,
    )
    return call, reading


def elsewhere_of(
    operation: Operation, reading: Reading, root: str, *, keyed: bool
) -> dict[str, str]:
    """The same call through the other doors; secrets are left for the reader to fill in, the key
    that it may need to the shell."""
    schema = operation.params.schema
    params = mask(schema, {**reading.params, **read_text(schema, reading.texts)})
    body = write_json(params).decode()
    url = f"{root}/v1/operations/{operation.name}"
    message = {"jsonrpc": "2.0", "method": operation.name, "params": params, "id": 1}
    said = write_json(message).decode()
    key = ' -H "Authorization: Bearer $KEY"' if keyed else ""
    return {
        "REST": f"curl {url}{key} --json {shlex.quote(body)}",
        "JSON-RPC": f"curl {root}/rpc{key} --json {shlex.quote(said)}",
    }


def _field(
    operation: Operation, n: int, control: Control, value: str, errors: Iterable[str] = ()
) -> Field:
    if "\n" in value and (control.element, control.type) == ("input", "text"):
        control = replace(control, element="textarea")  # an input would drop the line ends
    name = control.name if _GOOD_NAME.fullmatch(control.name) else str(n)
    return Field(f"{operation.name}:{name}", control, value, tuple(errors))


def _kept(control: Control, given: Texts) -> str:
    return "" if control.secret else "\n".join(given.get(control.name, ()))


def _by_field(problem: Problem | None, reading: Reading) -> dict[str, list[str]]:
    """What is wrong, by the name of the field; deeper places are named in the text."""
    wrong: dict[str, list[str]] = {}
    if not isinstance(problem, Invalid):
        return wrong
    for each in problem.errors:
        name, *deeper = (_unescaped(step) for step in each.pointer.split("/")[1:] or [""])
        remark = reading.remarks.get(name)
        texts = wrong.setdefault(name, [])
        place = f"{_place(deeper, name, reading)}: " if deeper else ""
        text = remark or place + each.detail
        if text not in texts:
            texts.append(text)
    return wrong


def _place(deeper: list[str], name: str, reading: Reading) -> str:
    if len(deeper) == 1 and deeper[0].isdigit() and name in reading.texts:
        return f"Line {int(deeper[0]) + 1}"
    return "/".join(deeper)


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")
