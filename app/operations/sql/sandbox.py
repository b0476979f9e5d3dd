"""Asks `engine.py`, and ends it when it takes too long, too much, or is not wanted any more."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import POLLIN, poll
from typing import Any

from app import Refused, Run
from app.operations.sql.form import Reading, Source, source

ENGINE = Path(__file__).with_name("engine.py")
MEMORY = 384 * 1024 * 1024  # bytes that DuckDB keeps count of; all of the process, three times that
LARGEST = 4 * 1024**3  # bytes of a file that it writes
SPILL = 4 * 1024**3  # and of what does not fit into memory; DuckDB 2.0 keeps its own limit badly
RESULT = 90_000  # and of rows: a result has at most 100 KB
LOOK = 0.1  # seconds between looks whether it is still wanted, and how much memory it takes
PAGE = os.sysconf("SC_PAGE_SIZE")
LAST = 5.0  # seconds of a slice that are left for what follows
TOO_MUCH_MEMORY = "It needs more memory than it may take: ask for less at once."


@dataclass(frozen=True)
class Question:
    """Without SQL, it is what the columns are like. `to`: rows, or the form of a file."""

    sql: str | None = None
    to: str = "rows"
    rows: int = 0
    seconds: float = 60.0


def ask(run: Run, folder: Path, reading: Reading, question: Question) -> dict[str, Any]:
    """The answer about the file `data` in that folder.

    `Refused` is the fault of who asked. Whatever is raised, nothing of it runs on.
    """
    asked = _asked(folder, source(folder / "data", reading), question)
    limit = min(question.seconds, max(1.0, run.remaining - LAST))
    with (folder / "said").open("w+b") as said, _started(folder, said) as child:
        try:
            told = _answer(run, child, asked, limit)
        finally:
            child.kill()
        if told is None:
            said.seek(0)
            raise _died(run, child.wait(), said.read(2000))
    if "broken" in told:
        raise RuntimeError(told["broken"])
    if "refused" in told:
        raise Refused(told["refused"])
    return told


def _asked(folder: Path, source: Source, question: Question) -> dict[str, Any]:
    """The question as the engine reads it."""
    out = None if question.to == "rows" else str(folder / f"out.{question.to}")
    spill = min(SPILL, shutil.disk_usage(folder).free // 2)
    return {
        "path": str(folder / "data"),
        "source": source.rows,
        "cells": source.cells,
        "sql": question.sql,
        "to": question.to,
        "out": out,
        "rows": question.rows,
        "bytes": RESULT,
        "memory": MEMORY,
        "largest": LARGEST,
        "spills": str(folder / "spilled"),
        "spill": spill,
        "threads": min(4, os.cpu_count() or 1),
    }


def _started(folder: Path, said: Any) -> "subprocess.Popen[bytes]":
    """Without this process's environment: there are credentials in it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    environ = kept | {
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
        "PYTHONUTF8": "1",
        "TMPDIR": str(folder),
    }
    return subprocess.Popen(  # noqa: S603 - our own program; what was asked goes in as data
        [sys.executable, "-P", "-s", str(ENGINE)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, cwd=folder, env=environ,
    )  # fmt: skip


def _answer(
    run: Run, child: "subprocess.Popen[bytes]", asked: dict[str, Any], limit: float
) -> dict[str, Any] | None:
    """The line that is no progress; None when it ended without one."""
    assert child.stdin is not None  # noqa: S101 - for the types: both are pipes
    assert child.stdout is not None  # noqa: S101
    _send(child.stdin, json.dumps(asked).encode() + b"\n")
    until = time.monotonic() + limit
    begun, watched = b"", poll()  # not select, which fails where a process has 1,024 files open
    watched.register(child.stdout, POLLIN)
    while True:
        if watched.poll(LOOK * 1000):
            piece = os.read(child.stdout.fileno(), 1 << 16)
            *lines, begun = (begun + piece).split(b"\n")
            for told in map(json.loads, lines):
                if "percent" not in told:
                    return dict(told)
                run.progress(told["percent"], 100, "reading")
            if not piece:
                return None
        if run.cancelled:
            child.kill()
            run.sleep(0)  # ends here
        if _memory(child.pid) > 3 * MEMORY:
            raise Refused(TOO_MUCH_MEMORY)
        if _size(Path(asked["spills"])) > asked["spill"]:
            raise Refused("It needs more temporary storage than it may take: ask for less.")
        if time.monotonic() > until:
            raise Refused(f"It was stopped after {limit:.0f} s: ask for less, or give it longer.")


def _memory(pid: int) -> int:
    """Its own bytes that are in memory; 0 where the system does not tell."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * PAGE


def _size(folder: Path) -> int:
    """What its files take on the disk."""
    size = 0
    with suppress(OSError):  # there is none yet, or one has gone meanwhile
        for each in os.scandir(folder):
            size += each.stat().st_blocks * 512
    return size


def _send(pipe: Any, line: bytes) -> None:
    """It stays open: its end would tell the engine that nobody waits any more."""
    try:
        pipe.write(line)
        pipe.flush()
    except BrokenPipeError:
        return  # it has died, and its last words say why


def _died(run: Run, code: int, words: bytes) -> Exception:
    """An end without a word is mostly one of memory: by a limit, or by the system."""
    told = words.decode(errors="replace")
    run.log(f"the query's process ended with {code}: {told}")
    if "MemoryError" in told or "bad_alloc" in told or code in (-6, -9, -11):
        return Refused(TOO_MUCH_MEMORY)
    return RuntimeError(f"the query's process ended with {code}: {told[-500:]}")
