"""A file is about one noun, a function does one thing: neither outgrows what a reader holds."""

import ast

from tests.gates.house import ROOT, files

FILE, FUNCTION = 400, 40


def test_files_are_short():
    assert not [line for path in files() for line in too_long(path.read_text(), str(path))]


def test_functions_are_short():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in files()
        for line in long_functions(path.read_text())
    ]
    assert not found


def test_both_limits_bite():
    assert not list(too_long("x = 1\n" * FILE, "a.py"))
    assert list(too_long("x = 1\n" * (FILE + 1), "a.py"))
    assert not list(long_functions("def f():\n" + "    x = 1\n" * (FUNCTION - 1)))
    inner = "class A:\n    async def f():\n" + "        x = 1\n" * FUNCTION
    assert list(long_functions(inner)) == ["2 f: 41 lines"]


def too_long(source: str, name: str):
    lines = len(source.splitlines())
    if lines > FILE:
        yield f"{name}: {lines} lines"


def long_functions(source: str):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION:
                yield f"{node.lineno} {node.name}: {lines} lines"
