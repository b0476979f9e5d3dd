"""What a file is, by its first bytes, and how DuckDB is to read it. A name or a type may lie."""

import gzip
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app import Refused

HEAD = 65536
DELIMITERS = ",;\t|"  # the first where none occurs
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel sheet: save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel sheet: save it as CSV",
    b"%PDF": "a PDF",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: use gzip",
    b"BZh": "compressed by bzip2: use gzip",
    b"\xfd7zXZ": "compressed by xz: use gzip",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite format 3": "a SQLite database",
}
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

Format = Literal["auto", "csv", "json", "parquet"]
Encoding = Literal["utf-8", "latin-1", "utf-16"]


@dataclass(frozen=True)
class Reading:
    """How a file is to be read, as far as who asks knows better than we see."""

    format: Format = "auto"
    delimiter: str | None = None
    header: bool | None = None
    encoding: Encoding = "utf-8"
    as_text: bool = False


@dataclass(frozen=True)
class Source:
    """The SQL that stands for a file's rows; and one that takes its cells as they are, so that it
    finds the line that is wrong, where DuckDB's guess of the types only says that one is."""

    rows: str
    cells: str | None = None


def source(path: Path, reading: Reading) -> Source:
    """`Refused` for what is no table."""
    head, is_zipped = _head(path)
    if not head.strip():
        raise Refused("The file is empty.")
    format = _format(head) if reading.format == "auto" else reading.format
    place = quoted(str(path))
    zipped = "gzip" if is_zipped else "none"
    if format == "parquet":
        if not head.startswith(b"PAR1"):
            raise Refused("This is no Parquet: its first bytes are not PAR1.")
        return Source(f"read_parquet({place})")
    if b"\0" in head and reading.encoding != "utf-16" and not head.startswith(tuple(MARKS)):
        raise Refused("This is no text: there are zero bytes in it.")
    if format == "json":
        return Source(f"read_json({place}, compression = '{zipped}', format = 'auto')")
    return _csv(f"read_csv({place}, compression = '{zipped}'", head, reading)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _csv(begun: str, head: bytes, reading: Reading) -> Source:
    """All but the types and the header is said: DuckDB's guess of a dialect passes over lines that
    are too short, or keeps quotes as text, sooner than that it calls a file broken."""
    encoding = MARKS.get(head[:2], reading.encoding)
    first = _outside_quotes(head, encoding)
    delimiter = reading.delimiter or max(DELIMITERS, key=first.count)
    dialect = {
        "encoding": quoted(encoding),
        "delim": quoted(delimiter),
        "quote": quoted('"'),
        "escape": quoted('"'),
        "comment": quoted(""),
        "skip": "0",
        "strict_mode": "true",
        "null_padding": "false",
    }
    guessed = {
        "header": None if reading.header is None else str(reading.header).lower(),
        "all_varchar": "true" if reading.as_text else None,
    }
    cells = ", ".join(f"c{n}: 'VARCHAR'" for n in range(first.count(delimiter) + 1))
    plain = {"auto_detect": "false", "columns": f"{{{cells}}}", "header": "false"}
    return Source(begun + _options(dialect | guessed), begun + _options(dialect | plain))


def _options(options: Mapping[str, str | None]) -> str:
    return "".join(f", {name} = {value}" for name, value in options.items() if value) + ")"


def _outside_quotes(head: bytes, encoding: str) -> str:
    """Of the first line."""
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    unquoted = re.sub(r'"[^"]*"', "", text)
    return next((line for line in unquoted.splitlines() if line.strip()), "")


def _format(head: bytes) -> str:
    for start, what in FOREIGN.items():
        if head.startswith(start):
            raise Refused(f"This is neither CSV, JSON nor Parquet but {what}.")
    if head.startswith(b"PAR1"):
        return "parquet"
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return "json" if first in (b"{", b"[") else "csv"


def _head(path: Path) -> tuple[bytes, bool]:
    with path.open("rb") as file:
        head = file.read(HEAD)
        if not head.startswith(b"\x1f\x8b"):
            return head, False
        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as unzipped:
                return unzipped.read(HEAD), True
        except (OSError, EOFError, zlib.error):
            raise Refused("This begins as gzip, and can not be unpacked.") from None
