"""Where the store's file lies: its folder, the filesystem under it, the space that is left."""

import errno
import os
import time
from contextlib import suppress
from pathlib import Path

from app.room.errors import BadSetting, Unavailable

# Other machines share these: SQLite's log needs memory that all its processes share.
NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "drvfs", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "smb2", "smb3", "smbfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone"}
    | {"fuse.s3fs", "fuse.sshfs"}
)
FAILED_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
MOUNTS = Path("/proc/self/mountinfo")
CHECK_EVERY = 1.0
REPLACED = "replaced-"  # a folder for what a restore has taken the place of


class Place:
    """One file's place on the disk; writes stop when less than `floor` bytes are left there.

    The reserve is what a full disk would need to get well again: there even a delete fails.
    """

    def __init__(self, path: Path, floor: int) -> None:
        self.path = path
        self._floor = floor
        self._checked = float("-inf")
        self._free = 0

    def beside(self, what: str) -> Path:
        """A file that belongs to this one."""
        return self.path.with_name(f"{self.path.name}-{what}")

    def check_whole(self) -> None:
        """Raises `BadSetting` where a restore was begun and not ended: what is there is neither
        the old nor the new."""
        if self.beside("restoring").exists():
            raise BadSetting(
                f"A restore into {self.path.parent} was cut short: run it again, by "
                f"`restore SOURCE --replace`. What was there before lies in a folder {REPLACED}… "
                "beside the store."
            )

    def make(self) -> None:
        """The folder, durably; raises `BadSetting` where a store can not live, and OSError where
        it could if the disk were well."""
        folder = self.path.parent
        try:
            make_durably(folder)
        except OSError as error:
            if error.errno in FAILED_DISK:
                raise
            raise BadSetting(
                f"The data folder {folder} can not be made ({error.strerror}): "
                "name another one, by --data or MANYDOORS_DATA."
            ) from error
        effective = os.access in os.supports_effective_ids
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
            raise BadSetting(
                f"The data folder {folder} can not be written by this user: "
                "change its owner, or name another one, by --data or MANYDOORS_DATA."
            )
        kind = filesystem(folder, _mounts())
        if kind in NETWORK:
            raise BadSetting(
                f"The data folder {folder} is on a network filesystem ({kind}), where the embedded "
                "store would lose data: name a local folder, by --data or MANYDOORS_DATA."
            )

    def touch(self) -> None:
        """The file, if there is none, readable by its owner alone, as its log then is too: the
        folder may be one that somebody else has made, for all to read."""
        # Never opened where it is there: closing it would end the locks that SQLite has on it.
        if not self.path.exists():
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def check_room(self) -> None:
        """Raises `Unavailable` below the floor; asks the system at most once a second."""
        now = time.monotonic()
        if now - self._checked >= CHECK_EVERY:
            disk = os.statvfs(self.path.parent)
            self._free, self._checked = disk.f_bavail * disk.f_frsize, now
        if self._free < self._floor:
            raise Unavailable("The store's disk is nearly full: it can only be read.", after=10)


def filesystem(folder: Path, mounts: str) -> str:
    """The kind of filesystem that holds `folder`, by the system's table; "" when it has none."""
    real = folder.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].encode().decode("unicode_escape"))  # a space reads \040
        if real.is_relative_to(point) and len(point.parts) >= best:  # the later covers the earlier
            best, kind = len(point.parts), after.split()[0]
    return kind


def make_durably(folder: Path) -> None:
    """A power cut may take a new folder with all that is in it, until its parent is synced."""
    if folder.is_dir():
        return
    make_durably(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    try:
        sync(folder.parent)
    except OSError:
        with suppress(OSError):
            folder.rmdir()  # else the next try finds it there, and thinks it is sure
        raise


def make_once(path: Path, content: bytes) -> None:
    """A file that its owner alone reads, whole or not at all. Of many who make it at once the first
    to have it in its place wins; when this returns it is there, and outlasts a power cut."""
    make_durably(path.parent)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        with suppress(FileExistsError):
            os.link(fresh, path)
        sync(path.parent)
    finally:
        fresh.unlink()


def sync(path: Path) -> None:
    """What is in a file, or which names are in a folder, outlasts a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mounts() -> str:
    return MOUNTS.read_text(errors="replace") if MOUNTS.exists() else ""
