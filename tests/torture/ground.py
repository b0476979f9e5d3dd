"""What the service stands on, and faults bend: the disk under its data, the clock of its processes.

The disk is a filesystem of its own in memory, mounted where only this run sees it; it is full when
its size is cut down to what it holds. The clock is the machine's with so many seconds added.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

BENT = Path(__file__).parent / "bent"  # has the sitecustomize.py that reads the clock's file
SKEW = "TORTURE_SKEW"  # the file: seconds by which the clock is wrong
MOUNTS = "TORTURE_MOUNTS"  # set where mounts are this run's own
SPACE = 512 * 1024 * 1024
FLOOR = 4 * 1024 * 1024  # MANYDOORS_MIN_FREE
TRIES = 50  # of cutting down what grows meanwhile


def take_own_mounts() -> None:
    """Begins this program anew where it may mount, if the system lets it."""
    if MOUNTS not in os.environ and may_mount():
        os.environ[MOUNTS] = "1"
        os.execvp("unshare", [*_unshared(), sys.executable, *sys.orig_argv[1:]])


def may_mount() -> bool:
    """Does the system let this user have mounts that nobody else sees?"""
    if shutil.which("unshare") is None:
        return False
    probe = [*_unshared(), "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _unshared() -> list[str]:
    return ["unshare", "--mount", *["--map-root-user"] * (os.geteuid() != 0)]


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_own = MOUNTS in os.environ
        folder.mkdir()
        if self.is_own:
            _mount("-t", "tmpfs", "-o", f"size={SPACE}", "none", str(folder))

    def fill(self, left: int) -> None:
        """Until `free`, there are so many bytes left and no more."""
        for tries in range(TRIES):
            try:
                self._resize(self._used() + left)
                break
            except subprocess.CalledProcessError:
                if tries == TRIES - 1:
                    raise  # it has not just grown meanwhile

    def free(self) -> None:
        self._resize(SPACE)

    def _used(self) -> int:
        facts = os.statvfs(self.folder)
        return (facts.f_blocks - facts.f_bfree) * facts.f_frsize

    def _resize(self, size: int) -> None:
        _mount("-o", f"remount,size={size}", str(self.folder))


class Clock:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(bytes(8))
        self.environ = {SKEW: str(path)}

    def set(self, skew: float) -> None:
        """So many seconds ahead of the truth, for all at once."""
        with self._path.open("r+b", buffering=0) as file:
            file.write(struct.pack("=d", skew))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
