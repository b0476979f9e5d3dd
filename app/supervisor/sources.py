"""The source files that operations come from, and which of them have changed."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from importlib.util import cache_from_source
from pathlib import Path

LOOK_SECONDS = 0.3
SHARE = 100  # looking takes at most one part in so many of a core

Stamp = tuple[int, int]


class Sources:
    """The Python files beside a module, or in its outermost package, for each module named."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._places = {place for name in modules for place in _places(name)}
        self._stamps = dict(self._look())
        self.pause = LOOK_SECONDS  # until the next look is worth it

    def __len__(self) -> int:
        return len(self._stamps)

    def changed(self) -> list[Path]:
        """The files that came, went or changed since it was asked last."""
        began = time.process_time()
        before, self._stamps = self._stamps, dict(self._look())
        self.pause = max(LOOK_SECONDS, SHARE * (time.process_time() - began))
        return sorted({Path(path) for path, _ in before.items() ^ self._stamps.items()})

    def _look(self) -> Iterator[tuple[str, Stamp]]:
        for folder, deep in self._places:
            yield from _files(folder, deep)


def forget_bytecode(paths: Iterable[Path]) -> None:
    """Python takes a source of the same second and length for the one it has compiled."""
    for path in paths:
        with suppress(OSError):
            Path(cache_from_source(str(path))).unlink()


def _places(name: str) -> Sequence[tuple[str, bool]]:
    """Where a module's sources are, found without running any: folders, and whether deep."""
    spec = PathFinder.find_spec(name.partition(".")[0])
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [(folder, True) for folder in spec.submodule_search_locations]
    return [(os.path.dirname(spec.origin or ""), False)]


def _files(folder: str, deep: bool) -> Iterator[tuple[str, Stamp]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")):
                continue
            if entry.name.endswith(".py"):
                with suppress(OSError):  # gone since, or a link to nowhere
                    found = entry.stat()
                    yield entry.path, (found.st_mtime_ns, found.st_size)
            elif deep and entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, deep)
