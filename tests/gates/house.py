"""The house as its rules see it: which modules there are, and what each of them imports."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """A file of the program, or a piece of text that stands for one."""

    name: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Import:
    """`target` is what is taken, as deep as it is named; `source` the module it is taken from."""

    target: str
    source: str
    line: int
    late: bool  # inside a function: paid for only when that runs
    for_types: bool  # under TYPE_CHECKING: never run

    def is_of(self, pattern: str) -> bool:
        """Is it `pattern` or inside it? `name*` takes every package that begins so.

        `STDLIB` and `LIBRARIES` are the two kinds of packages from elsewhere; `=name` is what is
        taken from exactly that module.
        """
        root = self.target.partition(".")[0]
        if pattern == STDLIB:
            return root in sys.stdlib_module_names
        if pattern == LIBRARIES:
            return root not in sys.stdlib_module_names and root not in {"app", "handlers", "tests"}
        if pattern.startswith("="):
            return self.source == pattern[1:]
        if pattern.endswith("*"):
            return root.startswith(pattern[:-1])
        return within(self.target, pattern)


STDLIB = "<the standard library>"
LIBRARIES = "<packages from elsewhere>"


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def files() -> list[Path]:
    """Every Python file of the program."""
    return sorted(path for top in ("app", "handlers") for path in (ROOT / top).rglob("*.py"))


def modules() -> list[Module]:
    return [_module(path) for path in files()]


def _module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, path.read_text(encoding="utf-8"), is_package)


def imports(module: Module) -> Iterator[Import]:
    """Every import of a module: statements wherever they stand, and calls with a literal name."""
    yield from _imports(module, ast.parse(module.source), late=False, for_types=False)


def _imports(module: Module, node: ast.AST, *, late: bool, for_types: bool) -> Iterator[Import]:
    for target, source in _named_by(module, node):
        yield Import(target, source, getattr(node, "lineno", 0), late, for_types)
    body_is_late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in ast.iter_child_nodes(node):
        guarded = isinstance(node, ast.If) and _is_type_checking(node.test) and child in node.body
        yield from _imports(module, child, late=body_is_late, for_types=for_types or guarded)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _named_by(module: Module, node: ast.AST) -> Iterator[tuple[str, str]]:
    """What one node imports: pairs of target and source."""
    match node:
        case ast.Import(names=names):
            yield from ((alias.name, alias.name) for alias in names)
        case ast.ImportFrom(names=names, level=level):
            source = resolve_name("." * level + (node.module or ""), module.package)
            yield from ((f"{source}.{alias.name}", source) for alias in names)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) if called in {
            "import_module",
            "__import__",
        }:
            name = _literal_name(node)
            if name:
                target = resolve_name(name, module.package)
                yield target, target


def _literal_name(call: ast.Call) -> str | None:
    given = [*call.args[:1], *(word.value for word in call.keywords if word.arg == "name")]
    match given:
        case [ast.Constant(value=str(name))]:
            return name
    return None
