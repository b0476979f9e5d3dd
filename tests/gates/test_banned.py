"""What turns data into code, or switches a protection off, has no place in the program."""

import ast

import pytest

from tests.gates.house import ROOT, Module, files, imports, within

MODULES = ("pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle")
BUILTINS = ("eval", "exec")
CALLS = ("os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load")
WORDS = {"shell": True, "verify": False}  # keyword arguments of any call


def test_nothing_banned_is_used():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files()
        for line in banned(path.read_text(encoding="utf-8"))
    ]
    assert not found


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
    ],
)
def test_its_harmless_neighbour_is_not(source):
    assert not list(banned(source))


def banned(source: str):
    tree = ast.parse(source)
    for found in imports(Module("app.some", source)):
        if any(within(found.target, name) for name in (*MODULES, *CALLS)):
            yield f"{found.line} {found.target}"
    aliases = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
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
        case ast.keyword(arg=str(word), value=ast.Constant(value=value)):
            if word in WORDS and value is WORDS[word]:
                yield f"{word}={value}"
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                match key, value:
                    case ast.Constant(value="shell"), ast.Constant(value=True):
                        yield "shell=True"
                    case ast.Constant(value="verify"), ast.Constant(value=False):
                        yield "verify=False"
