"""Files in a real browser: a form that sends them first, and the page of pictures."""

import io
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.whole.service import Service, running
from tests.whole.test_browser import CHROMIUM, QUIET

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """As a user starts it, with a limit on files that a test can meet."""
    data = tmp_path_factory.mktemp("files") / "data"
    with running(data, MANYDOORS_MAX_FILE="20MB") as up:
        yield up


@pytest.fixture(scope="module")
def context(require: Callable[[Any, str], None]) -> Iterator[Any]:
    require(CHROMIUM.exists(), f"{CHROMIUM} is not installed")
    require(find_spec("PIL") and find_spec("duckdb"), "Pillow and DuckDB are not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(context: Any, service: Service) -> Iterator[Callable[..., Page]]:
    """No page may complain of its own policy."""
    complaints: list[str] = []
    opened: list[Any] = []

    def open(path: str, **options: Any) -> Page:
        opened.append(context.new_context(**options))
        page: Page = opened[-1].new_page()
        page.on(
            "console", lambda said: complaints.append(said.text) if "Policy" in said.text else 0
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(service.url + path)
        return page

    yield open
    for each in opened:
        each.close()
    assert complaints == []


def picture(name: str, colour: str = "teal") -> dict[str, Any]:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (600, 400), colour).save(out, "JPEG")
    return {"name": name, "mimeType": "image/jpeg", "buffer": out.getvalue()}


def chooser(page: Page, parameter: str, many: bool = False) -> Any:
    what = "files" if many else "a file"
    return page.get_by_label(f"Send {what} for {parameter}", exact=True)


def test_a_picture_goes_from_the_form_to_the_page_of_pictures(open_page) -> None:
    """Chosen, sent, called by one press; and it is seen by its own link."""
    page = open_page("/console/operations/cats.picture")
    chooser(page, "pic").set_input_files(picture("tom.jpg"))
    expect(page.get_by_role("status")).to_have_text("tom.jpg is there.")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_text("succeeded").first).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Pictures").click()
    shown = page.get_by_role("img", name="tom.jpg")
    expect(shown).to_be_visible()
    assert shown.evaluate("each => each.complete && each.naturalWidth") == 320


def test_a_form_that_is_sent_too_early_waits_for_its_file(open_page) -> None:
    """It goes by itself once the file is there."""
    page = open_page("/console/operations/data.query")
    page.get_by_label("sql").fill("SELECT count(*) AS n FROM data")
    table = b"n\n" + b"12345678\n" * 1_500_000
    chooser(page, "file").set_input_files(
        {"name": "large.csv", "mimeType": "text/csv", "buffer": table}
    )
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_text("1500000").first).to_be_visible(timeout=30_000)


def test_several_files_are_sent_into_a_list(open_page) -> None:
    """Each with a line of its own, after those that are there."""
    page = open_page("/console/operations/cats.sheet")
    chooser(page, "pics", many=True).set_input_files([picture("a.jpg"), picture("b.jpg", "tan")])
    expect(page.get_by_role("status")).to_have_text("2 files are there.")
    chooser(page, "pics", many=True).set_input_files(picture("c.jpg"))
    expect(page.get_by_role("status")).to_have_text("c.jpg is there.")
    lines = page.locator("textarea[name=pics]").input_value().split("\n")
    assert len(set(lines)) == 3
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_text("sheet.png").first).to_be_visible(timeout=20_000)


def test_what_can_not_be_sent_says_why(open_page) -> None:
    page = open_page("/console/operations/data.profile")
    chooser(page, "file").set_input_files(
        {"name": "huge.csv", "mimeType": "text/csv", "buffer": b"n\n" * 11_000_000}
    )
    expect(page.get_by_role("status")).to_have_text("A file has at most 20,971,520 bytes here.")
    assert page.locator("input[name=file]").input_value() == ""


def test_without_scripts_the_form_takes_an_id_and_says_how(open_page) -> None:
    page = open_page("/console/operations/cats.picture", java_script_enabled=False)
    expect(page.get_by_text("python -m app files put")).to_be_visible()
    expect(page.locator("input[type=file]")).not_to_be_visible()
    expect(page.locator("input[name=pic]")).to_be_visible()


@pytest.mark.parametrize("path", ["/console/operations/cats.sheet", "/pictures", "/"])
def test_nothing_is_cut_off_on_a_narrow_screen(open_page, path: str, tmp_path: Path) -> None:
    page = open_page(path, viewport={"width": 340, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 340
