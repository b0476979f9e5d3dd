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
CALLS = "openat,?mkdir,mkdirat,?unlink,unlinkat,pwrite64,ftruncate,fsync,fdatasync,write"
STRACE = ("strace", "-f", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}")

LINE = re.compile(r"(?P<thread>\d+) +(?:<\.\.\. )?(?P<call>\w+)(?P<rest>.*)")
NAME = r'\((?:AT_FDCWD[^,]*, )?"(?P<path>[^"]*)"'
FILE = r"\(\d+<(?P<path>[^>]*)>"
ASKS = {
    "open": re.compile(NAME + r", [A-Z_|]*O_CREAT"),
    "mkdir": re.compile(NAME),
    "unlink": re.compile(NAME),
    "pwrite64": re.compile(FILE + r', "(?P<data>[^"]*)", \d+, (?P<offset>\d+)'),
    "ftruncate": re.compile(FILE + r", (?P<offset>\d+)"),
    "fsync": re.compile(FILE),
    "fdatasync": re.compile(FILE),
    "write": re.compile(r'\(1<(?P<path>[^>]*)>, "(?P<data>[^"]*)"'),
}


class Event(NamedTuple):
    """What a thread asked of the system; `synced` is the one answer that counts."""

    thread: str
    call: str
    path: str = ""
    data: bytes = b""
    offset: int = 0


def events(trace: str) -> Iterator[Event]:
    for line in trace.splitlines():
        found = LINE.match(line)
        call = found["call"].removesuffix("at") if found else ""
        if not found or call not in ASKS:
            continue
        asked = ASKS[call].match(found["rest"])
        if asked:
            facts = {"data": "", "offset": "0"} | asked.groupdict()
            path, data = _plain(facts["path"]).decode(), _plain(facts["data"])
            yield Event(found["thread"], call, path, data, int(facts["offset"]))
        if call.endswith("sync") and line.endswith(" = 0"):
            yield Event(found["thread"], "synced")


def _plain(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


@dataclass
class File:
    sure: bytearray = field(default_factory=bytearray)
    unsure: list[Event] = field(default_factory=list)

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
    """The files of one folder, and what the program told while they were written."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self._folder = str(folder)
        self._kept = True  # the folder itself
        self._seen: dict[str, File] = {}
        self._sure: dict[str, File] = {}
        self._syncing: dict[str, tuple[str, File | None, int]] = {}

    def feel(self, event: Event) -> None:
        path, call = event.path, event.call
        if call == "synced":
            self._synced(*self._syncing.pop(event.thread))
        elif call in {"fsync", "fdatasync"}:
            file = self._seen.get(path)
            self._syncing[event.thread] = (path, file, len(file.unsure) if file else 0)
        elif call == "write":
            self.told += event.data.decode().split()
        elif call == "mkdir" and path == self._folder:
            self._kept = False
        elif call == "open" and path.startswith(f"{self._folder}/"):
            self._seen.setdefault(path, File())
        elif call == "unlink":
            self._seen.pop(path, None)
        elif path in self._seen:
            self._seen[path].unsure.append(event)

    def _synced(self, path: str, file: File | None, count: int) -> None:
        if file:
            file.sync(count)
        elif path == self._folder:
            self._sure = dict(self._seen)
        elif Path(path) == Path(self._folder).parent:
            self._kept = True

    def leave(self, folder: Path, random: Random | None = None) -> None:
        """Writes what is surely there; with `random`, all names and any of the unsure sectors."""
        folder.mkdir()
        names = self._seen if random else self._sure
        for path, file in names.items() if self._kept or random else ():
            if not path.endswith("-shm"):  # memory, which a power cut takes
                content = file.torn(random) if random else file.sure
                (folder / Path(path).name).write_bytes(content)
