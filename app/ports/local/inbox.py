"""A folder that files are put into: what is whole is taken out of it, once.

Taking is a rename into a folder of its own, whose name is new each time; so whoever is killed then
leaves what the next one finds, under the same name.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from app.ports import Dropped
from app.ports.local.place import make_durably

QUIET = 2.0  # seconds without a change, after which a file counts as whole
TAKEN, REFUSED, LOCK = ".taken", ".refused", ".lock"
HALF = (".part", ".crdownload", ".tmp", "~")  # how copies are called while they are made


class LocalInbox:
    """See `app.ports.Inbox`."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now

    def make(self) -> None:
        make_durably(self._folder)

    def take(self, wanted: Callable[[str], bool]) -> Iterator[Dropped]:
        if not self._folder.is_dir():
            return
        with self._alone() as is_alone:
            if not is_alone:
                return
            yield from self._left()
            for path in sorted(self._whole(self._folder)):
                relative = path.relative_to(self._folder)
                if wanted(relative.as_posix()) and (taken := self._take(path, relative)):
                    yield taken

    def open(self, dropped: Dropped) -> BinaryIO:
        return self._path(dropped).open("rb")

    def done(self, dropped: Dropped) -> None:
        self._path(dropped).unlink(missing_ok=True)
        shutil.rmtree(self._folder / TAKEN / dropped.token, ignore_errors=True)

    def refuse(self, dropped: Dropped) -> None:
        aside = self._folder / REFUSED
        aside.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):
            (self._folder / TAKEN / dropped.token).rename(aside / dropped.token)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """The kernel lets go of it, however its holder ends."""
        with (self._folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _left(self) -> Iterator[Dropped]:
        """What another had taken when it died, or could not go on with."""
        taken = self._folder / TAKEN
        for each in sorted(taken.iterdir()) if taken.is_dir() else ():
            paths = list(self._whole(each))
            if not any(path.is_file() for path in each.rglob("*")):
                shutil.rmtree(each, ignore_errors=True)
            for path in paths:
                if found := _dropped(path, path.relative_to(each), each.name):
                    yield found

    def _take(self, path: Path, relative: Path) -> Dropped | None:
        try:
            facts = path.stat(follow_symlinks=False)
            token = _token(relative, facts)
            aim = self._folder / TAKEN / token / relative
            aim.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aim)
        except FileNotFoundError:  # whoever put it here has taken it back
            return None
        return _dropped(aim, relative, token)

    def _whole(self, folder: Path) -> Iterator[Path]:
        """Files at rest; none that is hidden, a link, or called as what is not whole yet."""
        for here, folders, names in os.walk(folder):
            folders[:] = [each for each in folders if not each.startswith(".")]
            for name in names:
                path = Path(here, name)
                if not name.startswith(".") and not name.endswith(HALF) and self._rests(path):
                    yield path

    def _rests(self, path: Path) -> bool:
        """By the time that the kernel alone sets, at each change and rename. What was changed far
        ahead was so by a clock that has been set back since."""
        try:
            facts = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        is_quiet = abs(self._now() - facts.st_ctime) >= QUIET
        return is_quiet and path.is_file() and not path.is_symlink()

    def _path(self, dropped: Dropped) -> Path:
        return self._folder / TAKEN / dropped.token / dropped.path


def _token(relative: Path, facts: os.stat_result) -> str:
    place = f"{relative} {facts.st_ino} {facts.st_mtime_ns} {facts.st_ctime_ns}"
    hashed = sha256(os.fsencode(place)).hexdigest()
    return f"{facts.st_ctime_ns // 10**6}-{hashed[:24]}"


def _dropped(path: Path, relative: Path, token: str) -> Dropped | None:
    """None for a name that is not UTF-8: nobody could say it."""
    try:
        relative.as_posix().encode()
        facts = path.stat()
    except (UnicodeEncodeError, FileNotFoundError):
        return None
    return Dropped(relative.as_posix(), token, facts.st_size, facts.st_mtime_ns)
