"""Environments of engines that cannot share ours: one a lock, made once, under build/."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def installed(lock: Path, require: Callable[[Any, str], None]) -> Path:
    """The Python of an environment with exactly that lock; another lock makes another one."""
    name = f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder = ROOT / "build" / "engines" / name
    if not folder.is_dir():
        fresh = folder.with_name(f"{name}.{os.getpid()}")
        try:
            _make(fresh, lock)
        except subprocess.CalledProcessError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            require(False, f"{lock.name} could not be installed: {error.stderr[-500:]}")
        try:
            fresh.rename(folder)
        except OSError:  # another was faster
            shutil.rmtree(fresh)
    return folder / "bin" / "python"


def _make(folder: Path, lock: Path) -> None:
    """It may be renamed: its Python is a link, and its scripts are never called."""
    _run(sys.executable, "-m", "venv", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input")
    _run(*pip, "--disable-pip-version-check", "--require-hashes", "--requirement", lock)


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=280)
