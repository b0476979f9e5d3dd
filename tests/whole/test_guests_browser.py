"""A page of another origin in a real browser calls a real service by a key, where it is named."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Error

from tests.whole.service import Service, running
from tests.whole.test_access import made
from tests.whole.test_browser import browser

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser

ALL = """async ([url, key]) => {
  const headers = {"Authorization": `Bearer ${key}`, "Content-Type": "application/json"};
  const call = (path, body, more = {}) => fetch(url + path, body === undefined ? {headers}
    : {method: "POST", body: JSON.stringify(body), headers: {...headers, ...more}});
  const told = {};
  told.value = await (await call("/v1/operations/hello", {name: "Ada"})).json();

  const wishes = {"Prefer": "respond-async", "Idempotency-Key": "one", "X-Request-Id": "page.1"};
  const made = await call("/v1/operations/hello", {name: "Ada"}, wishes);
  const again = await call("/v1/operations/hello", {name: "Ada"}, wishes);
  told.same = made.headers.get("Location") === again.headers.get("Location");
  const names = ["X-Request-Id", "Preference-Applied"];
  told.read = names.map((name) => made.headers.get(name));
  const stream = await call(made.headers.get("Location") + "/events");
  told.events = (await stream.text()).includes("event: end");

  const wrong = await call("/v1/operations/hello", {name: 7});
  told.wrong = [wrong.status, (await wrong.json()).errors[0].pointer];
  const rpc = {jsonrpc: "2.0", method: "hello", params: {name: "Bob"}, id: 1};
  told.rpc = (await (await call("/rpc", rpc)).json()).result;

  const file = await (await call("/v1/files", {name: "a.txt", type: "text/plain"})).json();
  const {method, url: to, headers: own} = file.upload;
  await fetch(new URL(to, url), {method, headers: own, body: "miaow"});
  told.file = await (await call(`/v1/files/${file.id}/content`)).text();

  told.keyless = (await fetch(url + "/v1/operations", {credentials: "omit"})).status;
  return told;
}"""
ONE = """async ([url, key]) => (await fetch(url + "/v1/operations", {
  headers: {"Authorization": `Bearer ${key}`}})).status"""
COOKIES = """async ([url]) => (await fetch(url + "/v1/jobs", {credentials: "include"})).status"""


class _Blank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a site of empty pages, which has two names."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Blank)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory, site: int) -> Iterator[tuple[Service, str]]:
    """A service that names one of them, and a key."""
    data = tmp_path_factory.mktemp("called") / "data"
    key = made(data)
    with running(data, MANYDOORS_ORIGINS=f"http://127.0.0.1:{site}") as service:
        yield service, key


def run(browser: Browser, address: str, script: str, *given: str) -> Any:
    page = browser.new_page()
    try:
        page.goto(address)
        return page.evaluate(script, [*given])
    finally:
        page.close()


def test_a_page_that_is_named_does_all_that_a_program_does(
    browser: Browser, called: tuple[Service, str], site: int
) -> None:
    """A call, a job by its key, its events, problems, JSON-RPC, a file; nothing without a key."""
    service, key = called
    told = run(browser, f"http://127.0.0.1:{site}", ALL, service.url, key)
    assert json.loads(json.dumps(told)) == {
        "value": "Hello, Ada!",
        "same": True,
        "read": ["page.1", "respond-async"],
        "events": True,
        "wrong": [422, "/name"],
        "rpc": "Hello, Bob!",
        "file": "miaow",
        "keyless": 401,
    }


def test_a_page_that_is_not_named_gets_nothing(
    browser: Browser, called: tuple[Service, str], site: int
) -> None:
    """The browser itself blocks it; and it blocks cookies for a page that is named."""
    service, key = called
    with pytest.raises(Error, match="Failed to fetch"):
        run(browser, f"http://localhost:{site}", ONE, service.url, key)
    with pytest.raises(Error, match="Failed to fetch"):
        run(browser, f"http://127.0.0.1:{site}", COOKIES, service.url)
