"""The pages in a real browser: what a person does, and that nothing leaves for another host."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from app import wiring
from app.config import Settings
from app.ports import Record
from app.room.boundary import Control
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.job import Ending
from app.room.operation import Registry
from app.room.schedule import Plan
from app.wsgi import create_app
from tests.whole.service import Service

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
    " --disable-sync --no-first-run"
).split()

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(require: Callable[[Any, str], None]) -> Iterator[Browser]:
    require(CHROMIUM.exists(), f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, service: Service) -> Iterator[Callable[..., Page]]:
    """Pages of the service; afterwards no complaint of theirs and no foreign request is left."""
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # A page may itself be a problem, whose status the browser mentions.
        if message.type in ("error", "warning") and "Failed to load" not in message.text:
            complaints.append(message.text)

    def ask(request: Any) -> None:
        if not request.url.startswith((f"{service.url}/", "data:")):
            complaints.append(f"asked for {request.url}")

    def answer(response: Any) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            complaints.append(f"{response.status} {response.url}")

    def opened(path: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", ask)
        page.on("response", answer)
        page.goto(service.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_form_on_the_start_page(open_page: Callable[..., Page], scripts: bool) -> None:
    """Filled and sent it shows the result; filled wrongly, the error at the field."""
    page = open_page("/", java_script_enabled=scripts)
    form = page.get_by_role("form", name="Call cats.speak")
    form.get_by_label("name").fill("Mia")
    form.get_by_label("times").fill("2")
    form.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.locator("pre[aria-label=Result]")).to_contain_text('"cat": "Mia"')

    page.get_by_label("times").fill("1000")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("alert")).to_contain_text("The parameters are not valid.")
    times = page.get_by_label("times")
    expect(times).to_have_value("1000")
    expect(times).to_have_attribute("aria-invalid", "true")
    described = (times.get_attribute("aria-describedby") or "").split()
    assert any("100" in page.locator(f'[id="{id}"]').inner_text() for id in described)
    page.get_by_role("alert").get_by_role("link", name="times").click()
    if scripts:
        assert page.evaluate("document.activeElement.name") == "times"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_method_on_the_rpc_page(open_page: Callable[..., Page], scripts: bool) -> None:
    """Chosen from the list, its request is ready, and the answer is shown."""
    page = open_page("/rpc", java_script_enabled=scripts)
    page.get_by_role("link", name="cats.speak").click()
    expect(page.get_by_role("heading", name="cats.speak")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("pre[aria-label=Answer]")).to_contain_text('"cat": "Tom"')


def test_an_operation_tried_out_in_swagger_ui(
    open_page: Callable[..., Page], service: Service
) -> None:
    """/docs shows the operations; Try it out, Execute, and the answer is there."""
    try_hello(open_page("/"), f"{service.url}/docs")


def try_hello(page: Page, url: str) -> None:
    page.goto(url)
    block = page.locator(".opblock", has=page.locator('[data-path="/hello/{name}"]'))
    block.locator(".opblock-summary").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_placeholder("name").fill("Ada")
    block.get_by_role("button", name="Execute").click()
    expect(block.locator(".live-responses-table")).to_contain_text("Hello, Ada!")
    expect(block.locator(".request-url").first).to_contain_text("/hello/Ada")


def test_everything_below_a_prefix(browser: Browser, tmp_path: Path) -> None:
    """Swagger UI and the forms stay below it, and nothing beside it is asked for."""
    room = wiring.make_room(Settings(data=tmp_path))
    below = DispatcherMiddleware(NotFound(), {"/dev": create_app(room, Settings(open="loopback"))})
    server = make_server("127.0.0.1", 0, below, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    context = browser.new_context()
    asked: list[str] = []
    try:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        try_hello(page, f"http://127.0.0.1:{server.port}/dev/docs")
        page.get_by_role("link", name="Operations", exact=True).click()
        page.get_by_role("form", name="Call hello").get_by_role("button").click()
        expect(page.locator("pre[aria-label=Result]")).to_contain_text("Hello, Ada!")
    finally:
        context.close()
        server.shutdown()
        thread.join()
        server.server_close()
    foreign = [
        url
        for url in asked
        if not url.startswith(("data:", f"http://127.0.0.1:{server.port}/dev/"))
    ]
    assert foreign == []


@pytest.mark.parametrize(
    "path",
    ["/", "/rpc?method=cats.bring", "/docs", "/problems", "/problems/busy", "/nowhere",
     "/console/operations/cats.bring"],
)  # fmt: skip
def test_a_phone_never_scrolls_sideways(open_page: Callable[..., Page], path: str) -> None:
    """At 360 pixels every page fits."""
    page = open_page(path, viewport={"width": 360, "height": 740})
    if path == "/docs":
        page.wait_for_selector(".opblock")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/rpc?method=cats.bring", "/problems/busy"])
def test_text_stands_out(open_page: Callable[..., Page], path: str, scheme: Any) -> None:
    """Every text has the contrast that WCAG AA asks for, by day and by night."""
    page = open_page(path, color_scheme=scheme)
    assert page.evaluate(FAINT) == []


def test_the_keyboard_alone_is_enough(open_page: Callable[..., Page]) -> None:
    """The first stop skips to the content, and what has the focus is outlined."""
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    focused = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(focused) == "solid"
    page.get_by_label("Find").fill("bring")
    assert page.locator("article.operation:visible").count() == 1


@dataclass
class Desk:
    """A service in this process, whose jobs run only when the test says so."""

    room: Room
    url: str
    open: Callable[..., Page]

    def submit(self, name: str, **params: Any) -> str:
        outcome = self.room.enter(Call(name, params, asynchronous=True))
        return str(json.loads(outcome.json)["id"])

    def show(self, record: Record, done: int) -> None:
        """What a run does that tells how far it is."""
        log = {"count": done, "lines": [[self.room.ports.clock.now(), "INFO", f"line {done}"]]}
        own = {"progress": [done, 10, "drawing"], "log": log}
        self.room.engine.ledger.checkpoint(record, own, lambda found: found)

    def settle_all(self) -> None:
        """Of each state one: succeeded, failed, asleep, waiting for a signal, running."""
        for name, params in (("draw", {}), ("broken", {}), ("nap", {}), ("approve", {})):
            self.submit(name, **params)
        engine = self.room.engine
        for claimed in engine.claim(10):
            engine.settle([(claimed, engine.execute(claimed, Control()))])
        self.submit("draw")
        self.show(engine.claim()[0], 3)
        self.submit("draw")

    def paths(self) -> list[str]:
        return [f"/jobs/{record.id}" for record in self.room.engine.list(LOCAL).items]


@pytest.fixture
def desk(browser: Browser, tmp_path: Path) -> Iterator[Desk]:
    registry = Registry()
    registry.operation("draw")(lambda run: "x" * 300)
    registry.operation("nap")(lambda run: run.sleep("2h"))
    registry.operation("approve")(lambda run: run.wait_for("approval"))
    registry.operation("broken", retries=0)(lambda run: run.step("divide " * 20, lambda: 1 / 0))
    room = Room(registry, wiring.make_ports(Settings(data=tmp_path)))
    server = make_server("127.0.0.1", 0, create_app(room, Settings(open="loopback")), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    contexts: list[Any] = []
    errors: list[str] = []

    def opened(path: str, **options: Any) -> Page:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.port}{path}")
        return page

    try:
        yield Desk(room, f"http://127.0.0.1:{server.port}", opened)
    finally:
        for context in contexts:
            context.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert errors == []


def test_a_job_is_followed_without_a_reload(desk: Desk) -> None:
    """In the list and on its page; what somebody has opened stays open, and the focus where it
    is."""
    id = desk.submit("draw")
    (claimed,) = desk.room.engine.claim()
    desk.show(claimed, 3)
    page = desk.open("/jobs")
    page.evaluate("window.same = true")
    row = page.get_by_role("row", name="draw")
    expect(row).to_contain_text("3 of 10")
    desk.show(claimed, 4)
    expect(row).to_contain_text("4 of 10")
    desk.submit("nap")
    expect(page.get_by_role("row", name="nap")).to_contain_text("queued")
    expect(page.get_by_label("Status").get_by_role("link", name="queued 1")).to_be_visible()
    assert page.evaluate("window.same")

    row.get_by_role("link", name="draw", exact=True).click()
    page.evaluate("window.same = true")
    page.get_by_text("Cancel…").focus()
    page.keyboard.press("Enter")
    desk.show(claimed, 6)
    expect(page.locator("b", has_text="60 %")).to_be_visible()
    expect(page.get_by_text("line 6")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel this job")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "Cancel…"
    desk.room.engine.settle([(claimed, Ending("succeeded", result={"pics": 10}))])
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page).to_have_title("Succeeded: draw – Manydoors")
    assert page.evaluate("window.same")
    assert page.url.endswith(id)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_job_made_by_a_form_is_cancelled_and_retried(desk: Desk, scripts: bool) -> None:
    """The form leads to the job's page; to cancel takes two steps, to retry one."""
    page = desk.open("/console/operations/draw", java_script_enabled=scripts)
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("main")).to_contain_text("queued")
    first = page.url.partition("#")[0]
    expect(page.get_by_role("button", name="Cancel this job")).to_be_hidden()
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel this job").click()
    expect(page.get_by_role("main")).to_contain_text("cancelled")
    assert page.url.partition("#")[0] == first
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("main")).to_contain_text("Retry of")
    assert page.url.partition("#")[0] != first


def test_jobs_fit_a_phone_and_stand_out(desk: Desk) -> None:
    """At 360 pixels nothing scrolls sideways, and every text has contrast by day and by night."""
    desk.settle_all()
    for enabled in (True, False):
        plan = Plan("draw", cron="0 3 * * *", tz="America/Argentina/Buenos_Aires", enabled=enabled)
        desk.room.calendar.put(f"schedule-{enabled}-" + "x" * 100, plan, LOCAL, "test")
    for scheme in ("light", "dark"):
        page = desk.open("/", color_scheme=scheme, viewport={"width": 360, "height": 740})
        for path in (
            "/",
            "/schedules",
            "/jobs",
            "/jobs?status=failed",
            "/jobs?operation=none",
            *desk.paths(),
        ):
            page.goto(desk.url + path)
            for each in page.locator("summary").all():
                each.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert page.evaluate(FAINT) == [], (path, scheme)


FAINT = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, a = 1] = channels(getComputedStyle(each).backgroundColor);
      if (a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const [one, two] = [channels(getComputedStyle(element).color), behind(element)].map(light);
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) faint.push(`${element.className || element.tagName} ${contrast}`);
  }
  return faint;
}"""
