"""What a power cut leaves of the files that a traced program wrote.

The trace is strace's, of the real program. A disk is sure to have what was synced, and may have
any sectors of the rest; a name is only sure once its folder was synced.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

SECTOR = 512
CALLS = (
    "openat,?mkdir,mkdirat,?unlink,unlinkat,?rename,renameat2,?link,linkat,"
    "pwrite64,ftruncate,fsync,fdatasync,write"
)
STRACE = ("strace", "-f", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}")

LINE = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. )?(?P<call>\w+)(?P<rest>.*)")
NAME = r'\((?:AT_FDCWD[^,]*, )?"(?P<path>[^"]*)"'
NAMES = NAME + r', (?:AT_FDCWD[^,]*, )?"(?P<other>[^"]*)"'
FILE = r"\(\d+<(?P<path>[^>]*)>"
ASKS = {
    "open": re.compile(NAME + r", [A-Z_|]*O_CREAT"),
    "mkdir": re.compile(NAME),
    "unlink": re.compile(NAME),
    "rename": re.compile(NAMES),
    "link": re.compile(NAMES),
    "pwrite64": re.compile(FILE + r', "(?P<data>[^"]*)", \d+, (?P<offset>\d+)'),
    "ftruncate": re.compile(FILE + r", (?P<offset>\d+)"),
    "fsync": re.compile(FILE),
    "fdatasync": re.compile(FILE),
    "write": re.compile(r'\((?P<file>\d+)<(?P<path>[^>]*)>, "(?P<data>[^"]*)"'),
}


class Event(NamedTuple):
    """What a thread asked of the system; `synced` is the one answer that counts."""

    thread: str
    call: str
    path: str = ""
    data: bytes = b""
    offset: int = 0
    other: str = ""  # the new name
    file: int = -1  # by number, of a write that names no place


def events(trace: str) -> Iterator[Event]:
    for line in trace.splitlines():
        found = LINE.match(line)
        call = found["call"].removesuffix("2").removesuffix("at") if found else ""
        if not found or call not in ASKS:
            continue
        asked = ASKS[call].match(found["rest"])
        if asked:
            facts = {"data": "", "offset": "0", "other": "", "file": "-1"} | asked.groupdict()
            path, data = _plain(facts["path"]).decode(), _plain(facts["data"])
            other, offset = _plain(facts["other"]).decode(), int(facts["offset"])
            yield Event(found["thread"], call, path, data, offset, other, int(facts["file"]))
        if call.endswith("sync") and line.endswith(" = 0"):
            yield Event(found["thread"], "synced")


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@dataclass
class File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Event] = field(default_factory=list)
    place: int = 0  # of the next write that names none

    def write(self, event: Event) -> None:
        self.unsure.append(event._replace(call="pwrite64", offset=self.place))
        self.place += len(event.data)

    def sync(self, count: int) -> None:
        """The first `count` of what was unsure is on the disk."""
        for event in self.unsure[:count]:
            _change(self.sure, event.offset, event.data, cut=event.call == "ftruncate")
        del self.unsure[:count]

    def torn(self, random: Random) -> bytearray:
        """With any sectors of what was unsure."""
        found = bytearray(self.sure)
        for event in self.unsure:
            if event.call == "ftruncate":
                if random.random() < 0.5:
                    _change(found, event.offset, b"", cut=True)
                continue
            for start in range(0, len(event.data), SECTOR):
                if random.random() < 0.5:
                    _change(found, event.offset + start, event.data[start : start + SECTOR])
        return found


def _change(content: bytearray, offset: int, data: bytes, cut: bool = False) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    if cut:
        del content[offset:]
    content[offset : offset + len(data)] = data


class Disk:
    """The files below one folder, and what the program told while they were written."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self._folder = str(folder)
        self._seen: dict[str, File | None] = {}  # None for a folder
        self._sure: dict[str, File | None] = {}
        self._syncing: dict[str, tuple[str, File | None, int]] = {}

    def feel(self, event: Event) -> None:
        path, call = event.path, event.call
        if call == "synced":
            self._synced(*self._syncing.pop(event.thread))
        elif call in {"fsync", "fdatasync"}:
            file = self._seen.get(path)
            self._syncing[event.thread] = (path, file, len(file.unsure) if file else 0)
        elif event.file == 1:
            self.told += event.data.decode().split()
        elif call in {"mkdir", "open", "unlink", "rename", "link"}:
            self._named(event)
        elif file := self._seen.get(path):
            if call == "write":
                file.write(event)
            else:
                file.unsure.append(event)

    def _named(self, event: Event) -> None:
        path, call = event.path, event.call
        if call == "mkdir" and (path == self._folder or self._is_mine(path)):
            self._seen.setdefault(path, None)
        elif call == "open" and self._is_mine(path):
            if file := self._seen.setdefault(path, File()):
                file.place = 0
        elif call in {"rename", "link"} and path in self._seen:
            self._seen[event.other] = self._seen[path]
        if call in {"unlink", "rename"}:
            self._seen.pop(path, None)

    def _is_mine(self, path: str) -> bool:
        return path.startswith(f"{self._folder}/")

    def _synced(self, path: str, file: File | None, count: int) -> None:
        if file:
            file.sync(count)
            return
        inside = {name for name in {*self._seen, *self._sure} if str(Path(name).parent) == path}
        for name in inside:
            if name in self._seen:
                self._sure[name] = self._seen[name]
            else:
                del self._sure[name]

    def leave(self, folder: Path, random: Random | None = None) -> None:
        """Writes what is surely there; with `random`, all names and any of the unsure sectors."""
        folder.mkdir()
        names = self._seen if random else self._sure
        for path, file in names.items():
            if file is None or path.endswith("-shm"):  # memory, which a power cut takes
                continue
            if self._is_reached(path, names):
                content = file.torn(random) if random else file.sure
                there = folder / Path(path).relative_to(self._folder)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_bytes(content)

    def _is_reached(self, path: str, names: "dict[str, File | None]") -> bool:
        """Are the folders there that it is in, those of them that the program made?"""
        above = [str(each) for each in Path(path).parents]
        return all(each in names for each in above if each in self._seen)
