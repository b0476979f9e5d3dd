"""Advisories in a folder, for machines that reach no service: a checkout of PyPA's own database.

It is served on loopback in the form of osv.dev's API, which pip-audit asks.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

_MODIFIED = re.compile(r"""^(?:modified|published): ["']?(\d{4}-\d\d-\d\d)""", re.MULTILINE)


def affecting(folder: Path, name: str, version: str) -> list[Any]:
    """The advisories on that version of a package, in the OSV form."""
    written = sorted((folder / "vulns" / canonicalize_name(name)).glob("*.yaml"))
    read = [yaml.safe_load(each.read_text(encoding="utf-8")) for each in written]
    return [each for each in read if _affects(each, name, Version(version))]


def newest(folder: Path) -> str:
    """The day of the last of them: what was found later is not known here."""
    days = (
        day
        for each in folder.glob("vulns/*/*.yaml")
        for day in _MODIFIED.findall(each.read_text(encoding="utf-8"))
    )
    if day := max(days, default=""):
        return day
    raise SystemExit(f"{folder} has no advisories: it should be a checkout of the advisory "
                     "database of PyPA, with a folder vulns.")  # fmt: skip


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL that answers as osv.dev does."""

    class Advisories(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = affecting(folder, asked["package"]["name"], asked["version"])
            body = json.dumps({"vulns": found} if found else {}, default=str).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: Any) -> None:
            """Nothing: the audit says what it has found."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _affects(advisory: Mapping[str, Any], name: str, version: Version) -> bool:
    return any(
        str(version) in map(str, each.get("versions", ()))
        or any(_within(one["events"], version) for one in each.get("ranges", ())
               if one["type"] == "ECOSYSTEM")
        for each in advisory["affected"]
        if canonicalize_name(each["package"]["name"]) == canonicalize_name(name)
    )  # fmt: skip


def _within(events: list[Mapping[str, Any]], version: Version) -> bool:
    """OSV's rule: the last event before the version says whether it is affected."""
    affected = False
    for event in sorted(events, key=lambda event: Version(_at(event))):
        if "introduced" in event and version >= Version(_at(event)):
            affected = True
        if "fixed" in event and version >= Version(_at(event)):
            affected = False
        if "last_affected" in event and version > Version(_at(event)):
            affected = False
    return affected


def _at(event: Mapping[str, Any]) -> str:
    return str(next(iter(event.values())))
