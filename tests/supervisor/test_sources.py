"""Which source files belong to modules of operations, and when they have changed."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.supervisor.sources import Sources, forget_bytecode


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path, with a package in a package and a module of its own."""
    for name in ("ours/__init__.py", "ours/shop/__init__.py", "ours/shop/cats.py", "alone.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit('no source is run to be found')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


EDITS: dict[str, Callable[[Path], object]] = {
    "ours/shop/cats.py": lambda path: path.write_text("changed"),
    "ours/__init__.py": lambda path: path.unlink(),
    "ours/new.py": lambda path: path.write_text(""),
    "beside.py": lambda path: path.write_text(""),
    "alone.py": lambda path: os.utime(path, (1, 1)),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_came_went_or_changed_is_named_once(folder: Path, name: str) -> None:
    """In the outermost package of a module, or beside a module that has none."""
    sources = Sources(["ours.shop.cats", "alone"])
    assert sources.changed() == []
    EDITS[name](folder / name)
    assert sources.changed() == [folder / name]
    assert sources.changed() == []


def test_what_is_no_source_does_not_matter(folder: Path) -> None:
    """Bytecode, hidden folders, other files, and packages beside a module that has none."""
    sources = Sources(["ours.shop.cats"])
    beside = Sources(["alone"])
    for name in ("ours/__pycache__/a.py", "ours/.git/a.py", "ours/data.csv", "other/a.py"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert sources.changed() == []
    assert beside.changed() == []


def test_a_module_that_is_nowhere_has_no_sources(folder: Path) -> None:
    """Then there is nothing to wait for."""
    assert len(Sources(["nowhere.at.all"])) == 0
    assert len(Sources(["nowhere.at.all", "ours"])) == 3


def test_looking_takes_a_hundredth_of_a_core_at_most(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longer a look takes, the longer is the pause after it."""
    moments = iter([0.0, 0.001, 1.0, 1.02])
    monkeypatch.setattr("time.process_time", lambda: next(moments))
    sources = Sources(["ours"])
    sources.changed()
    assert sources.pause == 0.3
    sources.changed()
    assert sources.pause == pytest.approx(2)


def test_bytecode_of_a_changed_source_is_forgotten(folder: Path) -> None:
    """Else an edit of the same length within the same second would go unseen."""
    path = folder / "ours" / "__init__.py"
    path.write_text("x = 1\n")
    os.utime(path, (1, 1))
    assert _x(path) == 1
    path.write_text("x = 2\n")
    os.utime(path, (1, 1))
    forget_bytecode([path, folder / "gone.py"])
    assert _x(path) == 2


def _x(path: Path) -> int:
    spec = importlib.util.spec_from_file_location("edited", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = kept
    value: int = module.x
    return value
