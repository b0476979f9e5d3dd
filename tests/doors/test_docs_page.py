"""What is the same for every service: Swagger UI, static files, pages of problems."""

import gzip
import re
import subprocess
import sys

import pytest
from flask.testing import FlaskClient

from app import wiring
from app.config import Settings
from app.doors.http import STATUS
from app.room.enter import Room
from app.room.operation import Registry
from app.wsgi import create_app
from tests.gates.house import ROOT

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def client(tmp_path) -> FlaskClient:
    return create_app(
        Room(Registry(), wiring.make_ports(Settings(data=tmp_path))), Settings(open="loopback")
    ).test_client()


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


def test_unknown_paths_are_pages_for_browsers_alone(client):
    """A browser gets a page with a way home, everybody else the problem as JSON."""
    page = client.get("/nowhere", headers={"Accept": BROWSER})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert 'href="/"' in page.text
    for accept in ("*/*", "application/json", "text/html;q=0.5, application/json", ""):
        answer = client.get("/nowhere", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), accept
    wrong = client.delete("/docs", headers={"Accept": BROWSER})
    assert (wrong.status_code, wrong.mimetype) == (405, "text/html")
    assert "GET" in wrong.headers["Allow"]


def test_pages_are_asked_for_anew(client):
    """A page is revalidated by its ETag."""
    page = client.get("/")
    assert page.headers["Cache-Control"] == "private, no-cache"
    again = client.get("/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_every_kind_of_problem_has_a_page(client):
    """As `type` of a problem says; another word is unknown."""
    assert client.get("/problems").status_code == 200
    for kind, status in STATUS.items():
        page = client.get(f"/problems/{kind}")
        assert page.status_code == 200
        assert f"<dd>{status}</dd>" in page.text
    assert "-32601" in client.get("/problems/unknown").text
    assert client.get("/problems/nothing").status_code == 404


def test_robots_stay_out_and_the_icon_is_there(client):
    """Neither is a 404 in anybody's log."""
    assert "Disallow: /\n" in client.get("/robots.txt").text
    icon = client.get("/favicon.ico")
    assert icon.data.startswith(b"\0\0\1\0")
    assert icon.mimetype.startswith("image/")


def test_static_files_are_kept(client):
    """An address with the content's hash is kept for good; others are asked for anew."""
    href = re.search(r'href="(/static/frame\.css\?v=\w+)"', client.get("/").text)[1]
    answer = client.get(href)
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get("/static/frame.css").headers["Cache-Control"] == "no-cache"
    again = client.get(href, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    part = client.get(href, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, answer.data[:4])
    assert client.get(href, headers={"Range": "bytes=9999999-"}).status_code == 416


@pytest.mark.parametrize(
    "name", ["../page.py", "..%2fpage.py", "none.css", "swagger-ui/../x", "", "."]
)
def test_nothing_else_is_a_static_file(client, name):
    """A name from outside never becomes a path."""
    assert client.get(f"/static/{name}").status_code == 404


def test_the_package_is_never_run(tmp_path):
    """Its files are found without importing it, and nothing is read before somebody asks."""
    code = (
        "import sys; from app import wsgi, wiring; from app.config import Settings;"
        "app = wsgi.create_app(wiring.make_room(Settings()), Settings(open='loopback'));"
        "assert not [name for name in sys.modules if name.startswith('app.doors.console.')];"
        "assert app.test_client().get('/docs').status_code == 200;"
        "assert 'flask_swagger_ui' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
