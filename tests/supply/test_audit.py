"""The audit says how many packages it has looked up, and that none is no success."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from supply.audit import FOUND, SOUND, UNKNOWN, Audit, audit
from supply.locks import Pin

PINS = [Pin("holy", "1.0", (), ()), Pin("sound", "2.0", (), ())]
HOLE = {
    "id": "PYSEC-1",
    "aliases": [],
    "summary": "a hole",
    "affected": [
        {
            "package": {"name": "holy", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


@pytest.fixture
def source() -> Iterator[str]:
    """Where advisories are asked for, as osv.dev answers: one package has a hole."""

    class Advisories(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            holes = [HOLE] if asked["package"]["name"] == "holy" else []
            body = json.dumps({"vulns": holes} if holes else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *given: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Advisories)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_hole_is_found(source: str) -> None:
    """And named, with the version that mends it."""
    found = audit(PINS, ["--vulnerability-service", "osv", "--osv-url", source])
    assert (found.asked, found.audited) == (2, 2)
    assert found.holes == ("holy 1.0: PYSEC-1, mended in 1.1",)
    assert (found.code({}), found.code({"CI": "true"})) == (FOUND, FOUND)


def test_a_source_out_of_reach() -> None:
    """Is a skip that says so on a laptop, and a failure in CI."""
    found = audit(PINS, ["--vulnerability-service", "osv", "--osv-url", "http://127.0.0.1:9"])
    assert (found.audited, found.sentence()[:12]) == (0, "NOT AUDITED:")
    assert (found.code({}), found.code({"CI": "true"})) == (SOUND, UNKNOWN)


def test_all_looked_up_and_none_found() -> None:
    sound = Audit(3, 3, ())
    assert sound.sentence() == "3 of 3 locked packages were audited, no hole is known."
    assert sound.code({"CI": "true"}) == SOUND


def test_what_was_not_looked_up_does_not_count() -> None:
    """Some that the source does not know are no success, and nothing asked for is none."""
    assert Audit(3, 2, (), "x").code({}) == UNKNOWN
    assert Audit(0, 0, (), "x").code({"CI": "1"}) == UNKNOWN
