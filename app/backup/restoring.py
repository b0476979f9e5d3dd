"""Putting a backup back: beside what is there, checked, and then in its place by renames.

Whoever is killed among these leaves a mark, with which no program opens the store; another restore
takes it away.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from app.backup.contents import FOLDER, SEALS, STORE, Contents, Tell, check_plain
from app.backup.taking import check_room, copy, copy_files
from app.ports.local import snapshot
from app.ports.local.place import REPLACED, Place, sync
from app.ports.local.records import LocalRecords
from app.ports.local.tenancy import Tenancy
from app.room.errors import BadSetting, Unavailable
from app.room.restored import revive
from app.room.strict_json import write_json

MARK = "mark"
FRESH = "restoring"  # the folder that it is prepared in


@dataclass(frozen=True)
class Restored:
    """What was brought."""

    contents: Contents
    running: int  # jobs that run again
    replaced: Path | None  # where that is which was there before


def restore(
    source: Path,
    place: Place,
    tell: Tell,
    now: float,
    *,
    replace: bool,
    is_deserted: Callable[[], bool],
) -> Restored:
    """The backup, in the folder of `place`; raises with nothing changed there."""
    contents = Contents.read(source)
    check_plain(source)
    place.make()
    data = place.path.parent
    with _alone(place, is_deserted):
        if _holds_something(place) and not replace:
            raise BadSetting(
                f"{data} holds a store already. --replace puts this backup in its place, and what "
                f"is there into a folder {REPLACED}… beside it."
            )
        fresh = data / FRESH
        try:
            running = _prepare(source, fresh, contents, tell, now)
            replaced = _exchange(place, fresh, now)
        except OSError as error:
            raise Unavailable(f"{data} can not be written: {error.strerror or error}.") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Restored(contents, running, replaced)


@contextmanager
def _alone(place: Place, is_deserted: Callable[[], bool]) -> Iterator[None]:
    """Whoever would open the store meanwhile is told to wait."""
    tenancy = Tenancy(place.beside("use"))
    try:
        if not tenancy.own() or not is_deserted():
            raise BadSetting(
                f"{place.path.parent} is in use: stop the service that has it, and its terminals' "
                "commands, and restore again."
            )
        yield
    finally:
        tenancy.leave()


def _holds_something(place: Place) -> bool:
    files = place.path.parent / FOLDER
    return (
        place.path.exists()
        or place.beside("restoring").exists()
        or any(files.glob("file_*"))
        or any((files / "incoming").glob("file_*"))
    )


def _prepare(source: Path, fresh: Path, contents: Contents, tell: Tell, now: float) -> int:
    """Copied, checked, brought up to date; gives how many jobs run again."""
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    check_room(fresh, contents.size + contents.file_bytes)
    tell("copying the store", 0, contents.size)
    try:
        copy(source / STORE, fresh / STORE)
    except FileNotFoundError:
        raise Unavailable(f"{source} has no {STORE} any more: restore another backup.") from None
    with suppress(FileNotFoundError):
        copy(source / SEALS, fresh / SEALS)
    if not contents.bucket:
        copy_files(source / FOLDER, fresh, tell)
    if faults := list(contents.faults(fresh, tell)):
        raise Unavailable(f"{source} is damaged, and was not restored: {faults[0]}.")
    with closing(LocalRecords(fresh / STORE, floor=0)) as records:
        running = revive(records, now)
    snapshot.gather(fresh / STORE)
    return running


def _exchange(place: Place, fresh: Path, now: float) -> Path | None:
    data, mark = place.path.parent, place.beside("restoring")
    plan = _left_plan(mark) or _planned(place, now)
    (fresh / MARK).write_bytes(write_json(asdict(plan)))
    sync(fresh / MARK)
    (fresh / MARK).rename(mark)
    sync(data)
    aside = _put_aside(data, plan)
    for each in (data / FOLDER, data / SEALS, place.path):  # last the store, which needs the rest
        if each.is_dir():  # of a restore that was cut short, as each that is still here
            shutil.rmtree(each)
        each.unlink(missing_ok=True)
        if (fresh / each.name).exists():
            (fresh / each.name).rename(each)
    sync(data)
    mark.unlink()
    sync(data)
    return aside


@dataclass(frozen=True)
class _Plan:
    """What is to be put aside, and where; written down, so that the next one can go on with it."""

    aside: str
    names: list[str]


def _left_plan(mark: Path) -> _Plan | None:
    try:
        return _Plan(**json.loads(mark.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _planned(place: Place, now: float) -> _Plan:
    """The store with its log, its files, and what opens its secrets."""
    data = place.path.parent
    found = (place.path, place.beside("wal"), place.beside("shm"), data / FOLDER, data / SEALS)
    taken = (f"{REPLACED}{int(now)}-{number}" for number in count(1))
    aside = next(name for name in taken if not (data / name).exists())
    return _Plan(aside, [each.name for each in found if each.exists()])


def _put_aside(data: Path, plan: _Plan) -> Path | None:
    if not plan.names:
        return None
    aside = data / plan.aside
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in plan.names:
        if (data / name).exists() and not (aside / name).exists():
            (data / name).rename(aside / name)
    sync(aside)
    return aside
