"""Making a backup of a store while it is used.

The moment is that of the store's snapshot. Files never change once they are there; so what remains
is that none of those which the snapshot names may go before it is copied. Until then the bytes of
deleted files stay where they are, and the graves of these files remember them.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.backup.contents import (
    FOLDER,
    SEALS,
    SECRET,
    STORE,
    Contents,
    Tell,
    counted,
    damaged,
    digest,
    named,
)
from app.ports.local import snapshot
from app.ports.local.files import DELETES
from app.ports.local.place import make_durably, sync
from app.ports.local.tenancy import Tenancy
from app.room.errors import BadSetting, Unavailable
from app.room.moment import moment

PART = ".part"  # what a backup is called while it is made
LOCK = "lock"
PATIENCE = 10.0  # seconds for deletes that are under way


def back_up(
    data: Path, target: Path, tell: Tell, now: float, *, bucket: str = "", even_damaged: bool
) -> Contents:
    """`target` is a whole backup then, checked by reading it all; or it is not there.

    `bucket`: where the store's files are, if not beside it. `even_damaged`: files that are missing
    or damaged in `data` already do not keep the rest from being kept.
    """
    _check(data, target)
    try:
        with _part(target) as part:
            made = _copied(data, part, tell, now, bucket)
            if made.damaged and not even_damaged:
                raise Unavailable(
                    f"{len(made.damaged)} files of this store are missing or damaged on its disk, "
                    f"{made.damaged[0]} first: nothing was kept. With --damaged all else is."
                )
            if wrongs := snapshot.wrongs(part / STORE):
                raise Unavailable(f"The store is damaged, and nothing was kept: {wrongs[0]}.")
            made.write(part)
            _put_in_place(part, target)
            return made
    except OSError as error:
        raise Unavailable(f"{target} can not be written: {error.strerror or error}.") from error


def _check(data: Path, target: Path) -> None:
    if not (data / STORE).exists():
        raise BadSetting(
            f"There is no store at {data / STORE}: name its folder by --data or MANYDOORS_DATA."
        )
    if target.resolve().is_relative_to(data.resolve()):
        raise BadSetting(
            f"{target} lies in the folder that is backed up, and would be lost with it: name "
            "another place."
        )
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BadSetting(f"{target} is there already: a backup goes to a name of its own.")


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """An empty folder beside the target, ours alone; what a killed backup left there is gone."""
    make_durably(target.parent.absolute())
    part = target.with_name(target.name + PART)
    part.mkdir(mode=0o700, exist_ok=True)
    lock = Tenancy(part / LOCK)
    if not lock.own():
        raise Unavailable(f"Another backup to {target} is under way.")
    try:
        for left in part.iterdir():
            if left.name != LOCK:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    finally:
        lock.leave()


def _copied(data: Path, part: Path, tell: Tell, now: float, bucket: str) -> Contents:
    files = data / FOLDER
    make_durably(files)
    deletes = Tenancy(files / DELETES)
    if not deletes.own(PATIENCE):
        raise Unavailable("Another backup of this store is under way: try again after it.")
    try:
        schema = snapshot.take(
            data / STORE, part / STORE, lambda done, all: tell("copying the store", done, all)
        )
        with suppress(FileNotFoundError):
            copy(data / SEALS, part / SEALS)
        count, bytes = (0, 0) if bucket else copy_files(files, part, tell)
    finally:
        deletes.leave()
    store = part / STORE
    return Contents(
        made_at=moment(now) or "",
        schema=schema,
        sha256=digest(store),
        size=store.stat().st_size,
        files=count,
        file_bytes=bytes,
        seals=digest(part / SEALS),
        bucket=bucket,
        damaged=() if bucket else tuple(damaged(part, FOLDER, tell, bytes)),
        **counted(store),
    )


def copy_files(files: Path, to: Path, tell: Tell) -> tuple[int, int]:
    """Those that the store in `to` names, and the secret of signed URLs; how many, and bytes."""
    aim = to / FOLDER
    aim.mkdir(mode=0o700)
    wanted = list(named(to / STORE))
    all, done, count = sum(each.size for each in wanted), 0, 0
    check_room(to, all)
    for each in wanted:
        tell("copying files", done, all)
        with suppress(FileNotFoundError):  # it has not come yet; or is missing, and is told of
            copy(files / each.key, aim / each.key)
            count += 1
        done += each.size
    with suppress(FileNotFoundError):
        copy(files / SECRET, aim / SECRET)
    sync(aim)
    return count, all


def copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    sync(target)


def check_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise Unavailable(f"{size:,} bytes are to go to {folder}, and {free:,} are free there.")


def _put_in_place(part: Path, target: Path) -> None:
    (part / LOCK).unlink()
    sync(part)
    os.rename(part, target)  # over an empty folder, if there is one
    sync(target.parent)
