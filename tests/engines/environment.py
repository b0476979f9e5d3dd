"""Environments of engines that cannot share ours: one a lock, made once, under build/."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def installed(lock: Path) -> Path:
    """The Python of an environment with exactly that lock; another lock makes another one."""
    name = f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder = ROOT / "build" / "engines" / name
    if not folder.is_dir():
        fresh = folder.with_name(f"{name}.{os.getpid()}")
        _make(fresh, lock)
        try:
            fresh.rename(folder)
        except OSError:  # another was faster
            shutil.rmtree(fresh)
    return folder / "bin" / "python"


def _make(folder: Path, lock: Path) -> None:
    """It may be renamed: its Python is a link, and its scripts are never called."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "-qq", "--no-input",
         "--disable-pip-version-check", "--require-hashes", "-r", lock],
        check=True, timeout=300,
    )  # fmt: skip
