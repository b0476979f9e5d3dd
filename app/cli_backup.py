"""The commands that keep a store from loss: `backup`, which needs no pause, and `restore`."""

import argparse
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

from app.backup.contents import Contents
from app.cli_trouble import DONE
from app.config import Settings
from app.logs import escaped
from app.room.errors import BadSetting
from app.room.size import MB
from app.terminal.bar import Look, bar
from app.terminal.screens import CLEAR, columns_of
from app.terminal.text import as_json

EACH = 0.2  # seconds between two looks of a bar
SELDOM = 10.0  # and between two lines of progress, where nobody sits


def backup(given: argparse.Namespace, settings: Settings) -> int:
    """Keeps a moment of the store and its files."""
    from app.backup.taking import back_up

    data, target = _folder(settings), Path(given.target)
    progress = _Progress()
    try:
        made = back_up(
            data, target, progress, time(), bucket=settings.bucket, even_damaged=given.damaged
        )
    finally:
        progress.close()
    if given.json:
        print(as_json({"target": str(target.absolute()), **asdict(made)}))
        return DONE
    print(escaped(f"Backed up to {target}: {_told(made)}. All of it was read again, and is sound."))
    for name in made.damaged:
        print(escaped(f"missing or damaged, in the store too: {name}"), file=sys.stderr)
    if made.bucket:
        _say(f"Its files are in the bucket {made.bucket}, and not in the backup.")
    return DONE


def restore(given: argparse.Namespace, settings: Settings) -> int:
    """Puts a backup back."""
    from app import wiring
    from app.backup.restoring import restore as put_back
    from app.ports.local.place import Place

    data, source = _folder(settings), Path(given.source)
    _check_bucket(Contents.read(source), settings)
    progress = _Progress()
    try:
        done = put_back(
            source,
            Place(data / wiring.STORE, settings.min_free),
            progress,
            time(),
            replace=given.replace,
            is_deserted=partial(wiring.is_deserted, settings),
        )
    finally:
        progress.close()
    replaced = None if done.replaced is None else str(done.replaced)
    if given.json:
        told = {"running": done.running, "replaced": replaced, **asdict(done.contents)}
        print(as_json({"data": str(data.absolute()), **told}))
        return DONE
    print(escaped(f"Restored to {data}, as it was at {done.contents.made_at}: "), end="")
    print(escaped(f"{_told(done.contents)}."))
    if done.running:
        _say(f"{_many(done.running, 'job')} ran at that time, and run again.")
    if done.contents.keys:
        _say("Keys that were revoked since are good again: look at `keys list`.")
    if replaced:
        _say(f"What was there before is in {replaced}: delete it when you need it no more.")
    return DONE


def add_to(commands: Any) -> None:
    """Their options."""
    keeping = commands.add_parser("backup", help="keep a moment of the store; the service runs on")
    keeping.add_argument("target", metavar="TARGET", help="a new folder, best on another disk")
    keeping.add_argument(
        "--damaged", action="store_true", help="even if files of the store are missing or damaged"
    )
    keeping.set_defaults(command=backup)

    restoring = commands.add_parser("restore", help="put a backup back; the service is stopped")
    restoring.add_argument("source", metavar="SOURCE", help="a folder that `backup` has made")
    restoring.add_argument(
        "--replace", action="store_true", help="put aside the store that is there"
    )
    restoring.set_defaults(command=restore)
    for command in (keeping, restoring):
        command.add_argument("--data", default=argparse.SUPPRESS, help="the folder of the store")
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _folder(settings: Settings) -> Path:
    """The store's, on this machine."""
    if settings.url:
        raise BadSetting(
            "A backup is made where the store is: run this on the service's own machine, without "
            "--url and MANYDOORS_URL."
        )
    if settings.table:
        raise BadSetting(
            "The records are in a DynamoDB table, which AWS can restore to any second of the last "
            "35 days, and the files in a bucket that keeps versions: docs/operations.md tells how."
        )
    return settings.data


def _check_bucket(contents: Contents, settings: Settings) -> None:
    if contents.bucket != settings.bucket:
        there = f"in the bucket {contents.bucket}" if contents.bucket else "in a folder of its own"
        raise BadSetting(
            f"The files of this backup are {there}: "
            + (
                f"set MANYDOORS_BUCKET={contents.bucket}."
                if contents.bucket
                else "unset MANYDOORS_BUCKET."
            )
        )


def _told(contents: Contents) -> str:
    parts = [
        _many(sum(contents.jobs.values()), "job"),
        _many(contents.schedules, "schedule"),
        _many(contents.keys, "key"),
        f"{_many(contents.files, 'file')} ({contents.file_bytes:,} bytes)",
    ]
    return ", ".join(parts)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def _say(line: str) -> None:
    print(escaped(line), file=sys.stderr)


class _Progress:
    """A bar for whoever sits there; for a log a line, if it takes long."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()
        self._plain = "utf" not in (sys.stderr.encoding or "").lower()
        self._told = monotonic()

    def __call__(self, what: str, done: int, all: int) -> None:
        now = monotonic()
        if now - self._told < (EACH if self._shows else SELDOM):
            return
        self._told = now
        if self._shows:
            look = Look(what, done=done, total=all)
            if what.endswith("files"):  # these are bytes
                look = Look(what, done=done // MB, total=max(1, all // MB), note="MB")
            line = bar(look, columns_of(sys.stderr), plain=self._plain)
            sys.stderr.write(CLEAR + line)
            sys.stderr.flush()
        else:
            _say(f"{what}: {done:,} of {all:,}")

    def close(self) -> None:
        if self._shows:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
