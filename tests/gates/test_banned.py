"""What turns data into code, or switches a protection off, has no place in the program."""

import ast

import pytest

from tests.gates.house import ROOT, Module, files, imports, within

MODULES = ("pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle")
BUILTINS = ("eval", "exec", "compile")
CALLS = (
    *("os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"),
    *("tempfile.mktemp", "ssl._create_unverified_context", "runpy.run_path", "runpy.run_module"),
)
WORDS = {"shell": True, "verify": False, "allow_pickle": True}  # keyword arguments of any call
BUILT_IN = tuple(f"builtins.{name}" for name in BUILTINS)
IMPORTERS = ("import_module", "__import__", "find_spec", "spec_from_file_location")
LOOKED_AT = IMPORTERS[:3]  # with a name that stands in the code

# Each that is there all the same: where, what, and why it harms nobody.
ALLOWED = {
    ("app/wiring.py", "import_module"): (
        "the modules of operations, which the operator names in the environment; a name is dotted "
        "identifiers and nothing of a request"
    ),
    ("app/supervisor/sources.py", "find_spec"): (
        "the same modules, whose files `--reload` watches in development; it only looks for them"
    ),
    ("app/__init__.py", "import_module"): (
        "modules of this program by a table that stands there: late, for a cold start's sake"
    ),
    ("handlers/door.py", "import_module"): (
        "the doors by the table that stands in handlers, which no event can add to"
    ),
    ("app/server.py", "import_module"): (
        "the web server's own application, which this program names for its worker processes"
    ),
}


def test_nothing_banned_is_used():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files()
        for line in banned(path.read_text(encoding="utf-8"))
        if (path.relative_to(ROOT).as_posix(), line.partition(" ")[2]) not in ALLOWED
    ]
    assert not found


def test_each_exception_is_still_there():
    """And says why: one that is needed no more goes."""
    for (path, what), why in ALLOWED.items():
        lines = [*banned((ROOT / path).read_text(encoding="utf-8"))]
        assert what in {line.partition(" ")[2] for line in lines}, path
        assert len(why.split()) > 5


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from marshal import loads",
        "def f():\n    import shelve",
        "__import__('pickle')",
        "eval('1')",
        "run = exec",
        "import builtins\nbuiltins.eval('1')",
        "import yaml\nyaml.load(text)",
        "import yaml as y\ny.load(text, Loader=y.Loader)",
        "from yaml import load",
        "import os\nos.system('ls')",
        "from os import system",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import subprocess\nsubprocess.run('ls', **{'shell': True})",
        "client('s3', verify=False)",
        "client('s3', **{'verify': False})",
        "import numpy\nnumpy.load(file, allow_pickle=True)",
        "import tempfile\ntempfile.mktemp()",
        "from tempfile import mktemp",
        "compile(text, 'a', 'exec')",
        "import builtins as b\nb.exec('1')",
        "from builtins import eval",
        "import ssl\nssl._create_unverified_context()",
        "import importlib\nimportlib.import_module(name)",
        "from importlib import import_module as load\nload(name)",
        "__import__(name)",
        "from importlib.util import spec_from_file_location\nspec_from_file_location('a', path)",
    ],
)
def test_a_banned_thing_is_caught(source):
    assert list(banned(source))


@pytest.mark.parametrize(
    "source",
    [
        "import json, marshmallow\njson.load(file)",
        "import yaml\nyaml.safe_load(text)",
        "import subprocess\nsubprocess.run(['ls'], shell=False)",
        "registry.load(name)",
        "client('s3', verify=True)",
        "cursor.execute('select 1')",
        "import re\nre.compile('a')",
        "import importlib\nimportlib.import_module('json')",
        "from importlib.util import find_spec\nfind_spec('duckdb')",
    ],
)
def test_its_harmless_neighbour_is_not(source):
    assert not list(banned(source))


def banned(source: str):
    tree = ast.parse(source)
    for found in imports(Module("app.some", source)):
        if any(within(found.target, name) for name in (*MODULES, *CALLS, *BUILT_IN)):
            yield f"{found.line} {found.target}"
    aliases = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    aliases |= {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("importlib")
        for alias in node.names
    }
    for node in ast.walk(tree):
        yield from (f"{getattr(node, 'lineno', 0)} {name}" for name in used(node, aliases))


def used(node: ast.AST, aliases: dict[str, str]):
    """The banned names and arguments that one node uses."""
    match node:
        case ast.Name(id=name) if name in BUILTINS:
            yield name
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            dotted = f"{aliases.get(owner, owner)}.{name}"
            if dotted in CALLS or dotted in {f"builtins.{word}" for word in BUILTINS}:
                yield dotted
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
            called = aliases.get(name, name)
            is_told = bool(args) and isinstance(args[0], ast.Constant)
            if called in IMPORTERS and not (is_told and called in LOOKED_AT):
                yield called
        case ast.keyword(arg=str(word), value=ast.Constant(value=value)):
            if word in WORDS and value is WORDS[word]:
                yield f"{word}={value}"
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                match key, value:
                    case ast.Constant(value=str(word)), ast.Constant(value=given):
                        if word in WORDS and given is WORDS[word]:
                            yield f"{word}={given}"
