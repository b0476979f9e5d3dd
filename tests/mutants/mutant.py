"""A mutant: one small bug, as data, and how it is put into a file."""

import ast
from dataclasses import dataclass
from pathlib import Path


class Unfit(Exception):
    """It cannot be put in: the code has changed since, and so must the mutant."""


@dataclass(frozen=True)
class Mutant:
    """`old` stands exactly once in `file`, and `new` in its place is the bug.

    `harm` says in one sentence what it would do to a user. `tests` are files or folders: what
    somebody runs who works on that part, and not the one test that is known to fail.
    """

    name: str
    file: str
    old: str
    new: str
    harm: str
    tests: tuple[str, ...]

    def mutated(self, root: Path) -> str:
        """The file's text with the bug in it; `Unfit` where there is no place for it, where it
        does not compile, or where it changes nothing that runs."""
        source = self._source(root)
        if (count := source.count(self.old)) != 1:
            raise Unfit(f"{self.name}: its old text stands {count} times in {self.file}")
        mutated = source.replace(self.old, self.new)
        try:
            compile(mutated, self.file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise Unfit(f"{self.name}: it does not compile: {error}") from None
        if ast.dump(ast.parse(mutated)) == ast.dump(ast.parse(source)):
            raise Unfit(f"{self.name}: it changes nothing that runs")
        return mutated

    def put_into(self, root: Path) -> int:
        """The line where it begins, counted from one."""
        before, mutated = self._source(root), self.mutated(root)
        (root / self.file).write_text(mutated, encoding="utf-8")
        return before.count("\n", 0, before.index(self.old)) + 1

    def _source(self, root: Path) -> str:
        try:
            return (root / self.file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise Unfit(f"{self.name}: there is no {self.file}") from None
