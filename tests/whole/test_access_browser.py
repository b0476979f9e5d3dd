"""Signing in with a real browser: the page that was wanted, forms, Swagger UI, and out again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.whole.service import Service, running
from tests.whole.test_access import made
from tests.whole.test_browser import browser, try_hello

__all__ = ["browser"]  # the fixture

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service whose callers show a key, and a key."""
    data: Path = tmp_path_factory.mktemp("closed") / "data"
    key = made(data, "run")
    with running(data) as service:
        yield service, key


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("Key").fill(key)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_visit(
    browser: Browser,
    closed: tuple[Service, str],
    scripts: bool,
    width: int,
) -> None:
    """A wrong key is told, a right one leads on; forms work; after signing out nothing does. No
    page complains or is wider than the window."""
    service, key = closed
    context = browser.new_context(
        java_script_enabled=scripts, viewport={"width": width, "height": 800}
    )
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{service.url}/jobs?status=failed")
    sign_in(page, "md_none")
    expect(page.get_by_text("The key is unknown")).to_be_visible()
    expect(page.get_by_label("Key")).to_be_focused()
    sign_in(page, key)
    expect(page).to_have_url(f"{service.url}/jobs?status=failed")
    page.goto(f"{service.url}/console/operations/hello")
    page.get_by_role("button", name="Call").click()
    expect(page.get_by_role("region", name="Result")).to_contain_text("Hello, Ada!")
    if scripts:
        try_hello(page, f"{service.url}/docs")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    if scripts:
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
    assert page.goto(f"{service.url}/jobs").status == 401  # type: ignore[union-attr]
    context.close()
    assert [said for said in complaints if "Failed to load" not in said] == []
