"""Swagger UI: the page, its policy, and the few files that it needs."""

import gzip
import re
import subprocess
import sys

import pytest
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.room.enter import Room
from app.room.operation import Registry
from app.wsgi import create_app
from tests.gates.house import ROOT


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(Room(Registry(), wiring.make_ports(Settings(data=tmp_path)))).test_client()


def test_the_page_loads_only_own_files(client):
    """No script or style stands in the page, and all files are there."""
    page = client.get("/docs")
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)", page.text)
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert any("swagger-ui-bundle.js" in file for file in files)
    for file in files:
        assert client.get(file).status_code == 200, file


def test_the_document_is_found_under_any_prefix(client):
    """It is asked for beside the page."""
    assert 'url: "./openapi.json"' in client.get("/static/docs.js").text


def test_the_bundle_is_sent_small(client):
    """Whoever takes gzip gets a quarter of the bytes, under an ETag of its own."""
    path = "/static/swagger-ui/swagger-ui-bundle.js"
    whole = client.get(path)
    small = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert "Accept-Encoding" in whole.headers["Vary"]
    assert len(small.data) < len(whole.data) / 3
    assert gzip.decompress(small.data) == whole.data
    assert small.headers["ETag"] != whole.headers["ETag"]
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


@pytest.mark.parametrize("name", ["swagger-ui.js", "index.css", "VERSION", "oauth2-redirect.html"])
def test_the_rest_of_the_package_stays_where_it_is(client, name):
    """Only what the page needs is served."""
    assert client.get(f"/static/swagger-ui/{name}").status_code == 404


def test_the_package_is_never_run(tmp_path):
    """Its files are found without importing it, and nothing is read before somebody asks."""
    code = (
        "import sys; from app import wsgi, wiring; from app.config import Settings;"
        "app = wsgi.create_app(wiring.make_room(Settings()));"
        "assert not [name for name in sys.modules if name.startswith('app.doors.console.')];"
        "assert app.test_client().get('/docs').status_code == 200;"
        "assert 'flask_swagger_ui' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
