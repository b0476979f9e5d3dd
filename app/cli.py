"""`python -m app …`: the commands that a terminal gives."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app import cli_serving, logs, wiring
from app.config import Settings
from app.room.call import Call, Outcome
from app.room.enter import Room
from app.room.errors import BadOperation, BadSetting, Problem
from app.room.strict_json import read_json, write_json

DONE, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Runs one command; gives the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        settings = Settings.read(environ)
        if given.data is not None:
            settings = replace(settings, data=Path(given.data))
        code: int = given.command(given, settings)
    except (BadSetting, BadOperation) as error:
        print(error, file=sys.stderr)
        return USAGE
    except Problem as problem:
        print(problem.detail, file=sys.stderr)
        return FAILED
    return code


def operations(given: argparse.Namespace, settings: Settings) -> int:
    """Lists what can be called."""
    registry = wiring.load_operations(settings)
    if given.json:
        listed = [{"name": each.name, "summary": each.summary} for each in registry]
        print(write_json({"items": listed}).decode())
        return DONE
    width = max((len(each.name) for each in registry), default=0)
    for each in registry:
        print(f"{each.name:{width}}  {each.summary}")
    return DONE


def call(given: argparse.Namespace, settings: Settings) -> int:
    """Calls an operation here, and prints its result or its problem as JSON."""
    logs.set_up("text", "ERROR")
    room = _opened(settings)
    try:
        params, texts = _read_params(given.params)
    except ValueError as error:
        print(error, file=sys.stderr)
        return USAGE
    outcome = room.enter(Call(given.name, params=params, texts=texts, source="cli"))
    return _print(outcome)


def _opened(settings: Settings) -> Room:
    """A room whose store can be reached."""
    room = wiring.make_room(settings)
    room.ports.records.ping()
    return room


def _print(outcome: Outcome) -> int:
    if problem := outcome.problem:
        told = {"kind": problem.kind, "detail": problem.detail, **problem.members}
        print(write_json(told).decode(), file=sys.stderr)
        return FAILED
    print(outcome.json.decode())
    return DONE


def _read_params(
    pairs: Sequence[str],
) -> tuple[dict[str, object], dict[str, list[str]]]:
    """`name=text`, and `name=@file.json` for JSON from a file."""
    params: dict[str, object] = {}
    texts: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"{pair!r}: write name=value, or name=@file.json")
        if name in params:
            raise ValueError(f"{pair!r}: {name} is given twice")
        if text.startswith("@"):
            params[name] = _read_file(pair, text[1:])
        else:
            texts.setdefault(name, []).append(text)
    return params, texts


def _read_file(pair: str, path: str) -> object:
    try:
        return read_json(Path(path).read_bytes())
    except (Problem, OSError) as error:
        raise ValueError(f"{pair!r}: {error}") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"write a whole number from {least} to {most}")
        return int(text)

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.add_argument("--data", help="the folder of the store (default ./var)")
    parser.add_argument("--json", action="store_true", help="print for machines")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    cli_serving.add_to(commands, _whole)

    listing = commands.add_parser("operations", help="list what can be called")
    listing.set_defaults(command=operations)

    calling = commands.add_parser("call", help="call an operation here")
    calling.add_argument("name", help="as `operations` lists it")
    calling.add_argument(
        "params", nargs="*", metavar="name=value", help="a parameter; name=@file.json for JSON"
    )
    calling.set_defaults(command=call)
    return parser
