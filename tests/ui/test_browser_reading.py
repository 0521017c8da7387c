"""What was read, in real Chromium: a part is taken back, stays so after a reload, and is left out again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.journey import running_app
from playground.models.registry import chat_source
from playground.settings import Settings
from tests.fakes.page import MINUTES, chromium, foreign_requests

pytestmark = pytest.mark.slow
HOSTILE = '<img src="http://127.0.0.1:9/x.png" onerror="window.ran=1">'
PAGE = (
    f"<nav><a href=x>Home</a> <a href=y>Shop</a> {HOSTILE.replace('<', '&lt;')}</nav>"
    "<h1>Bees</h1><p>Bees fly from flower to flower, all day long.</p>"
)


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A fresh browser that fails the test when the page asks any other host for anything."""
    data = tmp_path_factory.mktemp("data")
    models = Settings.from_environment().models
    chat_source(Settings.from_environment())
    with (
        running_app(data, PLAYGROUND_MODELS=str(models)) as (url, _),
        chromium(viewport={"width": 390, "height": 844}) as tab,
    ):
        foreign = foreign_requests(tab, url)
        tab.goto(url)
        yield tab
    assert foreign == []


def test_a_dropped_part_is_taken_back_and_left_out_again(page: Page, tmp_path: Path) -> None:
    (tmp_path / "bees.html").write_text(PAGE, encoding="utf-8")
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "bees.html")
    text, parts = page.locator("#was-read"), page.locator("#left-out textarea")
    expect(parts.first).to_have_value(re.compile(r"\[1\] Menus\. It belongs to the website"), timeout=3 * MINUTES)
    expect(text).not_to_contain_text("Home")
    page.get_by_role("button", name="Take back").click()
    expect(parts.first).to_have_value(re.compile("Taken back"), timeout=MINUTES)
    expect(text).to_contain_text("Home Shop")
    expect(page.get_by_label("Search index")).to_have_value(re.compile("Ready to search"), timeout=MINUTES)
    page.reload()
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    expect(text).to_contain_text("Home Shop", timeout=MINUTES)
    page.get_by_role("button", name="Leave out again").click()
    expect(text).not_to_contain_text("Home", timeout=MINUTES)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
